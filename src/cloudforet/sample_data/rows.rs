//! The rows of the sample data, as the store keeps them.

use bson::{DateTime, Document, doc};
use fastrand::Rng;

use super::catalog::{Offer, PROVIDERS, Place, Provider, Shape};
use super::details::{self, Details};
use crate::cloudforet::inventory::tags;
use crate::cloudforet::settings::{Login, hex, stable_id};

/// Any number will do, as long as it stays.
const SEED: u64 = 0x00C1_00D5;
const TEAMS: [&str; 5] = ["web", "payments", "search", "data", "platform"];
const STAGES: [&str; 3] = ["prod", "staging", "dev"];
const PROJECTS: [&str; 4] = ["storefront", "billing", "analytics", "shared"];
const HOUR: i64 = 3_600_000;

/// Whose rows they are, and when they were found.
#[derive(Debug)]
pub(super) struct Tenant {
    domain: String,
    workspace: String,
    now: i64,
}

impl Tenant {
    /// The first domain's first workspace.
    pub(super) fn of(login: &Login) -> Self {
        Self {
            domain: login.domain_id(),
            workspace: login.workspace_id(),
            now: DateTime::now().timestamp_millis(),
        }
    }

    /// All regions.
    pub(super) fn regions(&self) -> impl Iterator<Item = Document> {
        PROVIDERS.iter().flat_map(move |provider| {
            provider
                .places
                .iter()
                .map(move |place| self.region(provider, place))
        })
    }

    /// All kinds of resources.
    pub(super) fn types(&self) -> impl Iterator<Item = Document> {
        offers().map(|(provider, offer)| self.kind(provider, offer))
    }

    /// All resources, made one by one.
    pub(super) fn services(&self) -> impl Iterator<Item = Document> {
        let mut rng = Rng::with_seed(SEED);
        offers()
            .flat_map(|(provider, offer)| {
                (0..offer.count).map(move |index| (provider, offer, index))
            })
            .map(move |(provider, offer, index)| self.service(provider, offer, index, &mut rng))
    }

    /// The ids of the first and the last resource.
    pub(super) fn first_and_last(&self) -> (String, String) {
        let id = |(provider, offer), index| self.service_id(provider, offer, index);
        let first = offers().next().map(|pair| id(pair, 0));
        let last = offers().last().map(|pair| id(pair, pair.1.count - 1));
        (first.unwrap_or_default(), last.unwrap_or_default())
    }

    fn reference(&self, rest: &str) -> String {
        format!("{}.{}.{rest}", self.domain, self.workspace)
    }

    /// The same thing of the same tenant always has the same id.
    fn id(&self, prefix: &str, key: &str) -> String {
        stable_id(prefix, &self.reference(key))
    }

    fn service_id(&self, provider: &Provider, offer: &Offer, index: usize) -> String {
        let key = format!("{}.{}.{}.{index}", provider.name, offer.group, offer.name);
        self.id("cloud-svc", &key)
    }

    fn owned(&self, mut row: Document, age: i64) -> Document {
        row.insert("domain_id", &self.domain);
        row.insert("workspace_id", &self.workspace);
        row.insert("created_at", DateTime::from_millis(self.now - age));
        row.insert(
            "updated_at",
            DateTime::from_millis(self.now - age.min(HOUR)),
        );
        row
    }

    fn region(&self, provider: &Provider, place: &Place) -> Document {
        let key = format!("{}.{}", provider.name, place.code);
        let row = doc! {
            "region_id": self.id("region", &key),
            "name": place.name,
            "region_code": place.code,
            "provider": provider.name,
            "ref_region": self.reference(&key),
            "region_key": key,
            "tags": {
                "latitude": place.latitude.to_string(),
                "longitude": place.longitude.to_string(),
                "continent": place.continent,
            },
        };
        self.owned(row, 30 * 24 * HOUR)
    }

    fn kind(&self, provider: &Provider, offer: &Offer) -> Document {
        let key = format!("{}.{}.{}", provider.name, offer.group, offer.name);
        let mut labels = vec![offer.label];
        if offer.shape == Shape::Server {
            labels.push("Server");
        }
        let row = doc! {
            "cloud_service_type_id": self.id("cloud-svc-type", &key),
            "name": offer.name,
            "provider": provider.name,
            "group": offer.group,
            "ref_cloud_service_type": self.reference(&key),
            "cloud_service_type_key": key,
            "service_code": offer.service_code,
            "is_primary": offer.primary,
            "is_major": offer.major,
            "resource_type": "inventory.CloudService",
            "metadata": {},
            "tags": { "spaceone:icon": format!("{}-{}", provider.name, offer.group.to_lowercase()) },
            "labels": labels,
        };
        self.owned(row, 30 * 24 * HOUR)
    }

    fn service(&self, provider: &Provider, offer: &Offer, index: usize, rng: &mut Rng) -> Document {
        let place = &provider.places[rng.usize(..provider.places.len())];
        let account = provider.accounts[rng.usize(..provider.accounts.len())];
        let team = TEAMS[rng.usize(..TEAMS.len())];
        let stage = STAGES[rng.usize(..STAGES.len())];
        let size = offer
            .sizes
            .get(rng.usize(..offer.sizes.len().max(1)))
            .copied()
            .unwrap_or("");
        let resource = format!("{}{}", offer.id, hex(&rng.u64(..).to_be_bytes()));
        let kind = format!("{}.{}.{}", provider.name, offer.group, offer.name);
        let Details { data, ip_addresses } = details::make(offer, place, size, &resource, rng);
        let (filed, tag_keys) = tags::file(&doc! { "team": team, "stage": stage });
        let collector = self.id("collector", provider.name);
        let row = doc! {
            "cloud_service_id": self.service_id(provider, offer, index),
            "name": format!("{stage}-{team}-{}-{:02}", offer.name.to_lowercase(), index + 1),
            "state": "ACTIVE",
            "account": account,
            "instance_type": size,
            "instance_size": f64::from(data.get_i32("size_gb").unwrap_or_default()),
            "ip_addresses": ip_addresses,
            "cloud_service_group": offer.group,
            "cloud_service_type": offer.name,
            "provider": provider.name,
            "ref_cloud_service_type": self.reference(&kind),
            "data": data,
            "metadata": { provider.name: {} },
            "reference": {
                "external_link": format!("https://console.example.com/{}/{}/{resource}", provider.name, place.code),
                "resource_id": resource,
            },
            "tags": { provider.name: filed },
            "tag_keys": { provider.name: tag_keys },
            "region_code": place.code,
            "ref_region": self.reference(&format!("{}.{}", provider.name, place.code)),
            "project_id": self.id("project", PROJECTS[rng.usize(..PROJECTS.len())]),
            "collection_info": {
                "service_account_id": self.id("sa", account),
                "secret_id": self.id("secret", account),
                "collector_id": collector,
                "last_collected_at": DateTime::from_millis(self.now - HOUR),
            },
        };
        self.owned(row, rng.i64(1..90 * 24) * HOUR)
    }
}

fn offers() -> impl Iterator<Item = (&'static Provider, &'static Offer)> {
    PROVIDERS
        .iter()
        .flat_map(|provider| provider.offers.iter().map(move |offer| (provider, offer)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn values(rows: impl Iterator<Item = Document>, key: &str) -> Vec<String> {
        rows.map(|row| row.get_str(key).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn rows_are_the_same_each_time_and_distinct() {
        let tenant = Tenant::of(&Login::default());
        let ids = values(tenant.services(), "cloud_service_id");
        assert_eq!(ids, values(tenant.services(), "cloud_service_id"));
        assert_eq!(
            tenant.first_and_last(),
            (ids[0].clone(), ids[ids.len() - 1].clone())
        );
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!((250..400).contains(&ids.len()), "{}", ids.len());
    }

    #[test]
    fn every_resource_refers_to_a_type_and_a_region() {
        let tenant = Tenant::of(&Login::default());
        let types = values(tenant.types(), "ref_cloud_service_type");
        let regions = values(tenant.regions(), "ref_region");
        for row in tenant.services() {
            let refers = |key, to: &[String]| {
                to.iter()
                    .any(|one| Some(one.as_str()) == row.get_str(key).ok())
            };
            assert!(refers("ref_cloud_service_type", &types) && refers("ref_region", &regions));
        }
    }
}
