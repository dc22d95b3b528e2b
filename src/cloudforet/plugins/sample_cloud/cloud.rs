//! The resources of the sample cloud, each made from its number alone.

use aws_lc_rs::digest;
use bson::{Document, doc};
use fastrand::Rng;

use super::order::Order;
use super::resource;
use crate::cloudforet::proto::inventory::plugin::ResourceInfo;
use crate::cloudforet::sample_data::{Details, Offer, PROVIDERS, Place, Provider, details};
use crate::cloudforet::settings::hex;

const TEAMS: [&str; 5] = ["web", "data", "platform", "payments", "mobile"];
const STAGES: [&str; 3] = ["prod", "stage", "dev"];

/// One account's cloud.
#[derive(Clone, Debug)]
pub(super) struct Cloud {
    order: Order,
    /// What there is on offer; a provider that nobody has heard of offers what the first one does.
    catalog: &'static Provider,
}

impl Cloud {
    pub(super) fn of(order: Order) -> Self {
        let catalog = PROVIDERS
            .iter()
            .find(|known| known.name == order.provider)
            .unwrap_or(&PROVIDERS[0]);
        Self { order, catalog }
    }

    /// What resources refer to.
    pub(super) fn kinds_and_places(&self) -> Vec<ResourceInfo> {
        let kinds = self.catalog.offers.iter().map(|offer| self.kind(offer));
        let places = self.catalog.places.iter().map(|place| self.place(place));
        kinds.chain(places).collect()
    }

    fn kind(&self, offer: &Offer) -> ResourceInfo {
        resource::cloud_service_type(&doc! {
            "name": offer.name,
            "group": offer.group,
            "provider": &self.order.provider,
            "service_code": offer.service_code,
            "is_primary": offer.primary,
            "is_major": offer.major,
            "labels": [offer.label],
            "tags": {},
        })
    }

    fn place(&self, place: &Place) -> ResourceInfo {
        resource::region(&doc! {
            "name": place.name,
            "region_code": place.code,
            "provider": &self.order.provider,
            "tags": {
                "latitude": place.latitude.to_string(),
                "longitude": place.longitude.to_string(),
                "continent": place.continent,
            },
        })
    }

    /// The resource of this number, or the news that it could not be read; `None` if it is gone.
    pub(super) fn service(&self, index: u64) -> Option<ResourceInfo> {
        if index < self.order.vanish {
            return None;
        }
        let hash = self.hash(index);
        let mut rng = Rng::with_seed(hash.seed);
        let catalog = self.catalog;
        // `choice` is never empty-handed: every provider of the catalogue has all three.
        let offer = rng.choice(catalog.offers)?;
        let place = rng.choice(catalog.places)?;
        let account = rng.choice(catalog.accounts)?;
        let id = format!("{}{}", offer.id, hash.id);
        let provider = &self.order.provider;
        if rng.f64() < self.order.failure_rate {
            let known = doc! {
                "resource_type": resource::CLOUD_SERVICE,
                "resource_id": &id,
                "provider": provider,
                "cloud_service_group": offer.group,
                "cloud_service_type": offer.name,
            };
            let message = format!("{} {id} in {} cannot be read", offer.name, place.code);
            return Some(resource::mishap(message, &known));
        }
        let (team, stage) = (rng.choice(TEAMS)?, rng.choice(STAGES)?);
        let size = rng.choice(offer.sizes).copied().unwrap_or_default();
        let Details {
            mut data,
            ip_addresses,
        } = details::make(offer, place, size, &id, &mut rng);
        self.pad(&mut data);
        Some(resource::cloud_service(&doc! {
            "name": format!("{stage}-{team}-{}-{:05}", offer.name.to_lowercase(), index + 1),
            "provider": provider,
            "cloud_service_group": offer.group,
            "cloud_service_type": offer.name,
            "account": account,
            "instance_type": size,
            "instance_size": f64::from(data.get_i32("size_gb").unwrap_or_default()),
            "ip_addresses": ip_addresses,
            "region_code": place.code,
            "data": data,
            "reference": {
                "external_link": format!("https://console.example.com/{provider}/{}/{id}", place.code),
                "resource_id": id,
            },
            "tags": { "team": team, "stage": stage },
        }))
    }

    /// A million may be asked for, so the id has to have room for them.
    fn hash(&self, index: u64) -> Hash {
        let Order { seed, provider, .. } = &self.order;
        let hash = digest::digest(
            &digest::SHA256,
            format!("{seed} {provider} {index}").as_bytes(),
        );
        let (id, rest) = hash.as_ref().split_at(8);
        let seed = rest.iter().take(8);
        Hash {
            id: hex(id),
            seed: seed.fold(0, |seed, byte| seed << 8 | u64::from(*byte)),
        }
    }

    fn pad(&self, data: &mut Document) {
        if let Ok(size @ 1..) = usize::try_from(self.order.size) {
            data.insert("padding", "x".repeat(size));
        }
    }
}

/// Of a resource's number.
struct Hash {
    id: String,
    seed: u64,
}
