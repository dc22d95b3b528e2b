//! The rows of the sample data, as the store keeps them.

use bson::{DateTime, Document, doc};
use fastrand::Rng;

use super::Rows;
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
struct Tenant {
    domain: String,
    workspace: String,
    now: i64,
}

/// Makes all rows.
pub(super) fn make(login: &Login) -> Rows {
    let tenant = Tenant {
        domain: login.domain_id(),
        workspace: login.workspace_id(),
        now: DateTime::now().timestamp_millis(),
    };
    let mut rng = Rng::with_seed(SEED);
    let mut rows = Rows {
        types: Vec::new(),
        regions: Vec::new(),
        services: Vec::new(),
    };
    for provider in PROVIDERS {
        for place in provider.places {
            rows.regions.push(tenant.region(provider, place));
        }
        for offer in provider.offers {
            rows.types.push(tenant.kind(provider, offer));
            for index in 0..offer.count {
                rows.services
                    .push(tenant.service(provider, offer, index, &mut rng));
            }
        }
    }
    rows
}

impl Tenant {
    fn reference(&self, rest: &str) -> String {
        format!("{}.{}.{rest}", self.domain, self.workspace)
    }

    /// The same thing of the same tenant always has the same id.
    fn id(&self, prefix: &str, key: &str) -> String {
        stable_id(prefix, &self.reference(key))
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
            "cloud_service_id": self.id("cloud-svc", &format!("{kind}.{index}")),
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_the_same_each_time_and_distinct() {
        let (one, two) = (make(&Login::default()), make(&Login::default()));
        let ids = |rows: &Rows| -> Vec<_> {
            let ids = rows
                .services
                .iter()
                .map(|row| row.get_str("cloud_service_id").unwrap());
            ids.map(str::to_owned).collect()
        };
        assert_eq!(ids(&one), ids(&two));
        let distinct: HashSet<_> = ids(&one).into_iter().collect();
        assert_eq!(distinct.len(), one.services.len());
        assert!(
            (250..400).contains(&one.services.len()),
            "{}",
            one.services.len()
        );
    }

    #[test]
    fn every_resource_refers_to_a_type_and_a_region() {
        let rows = make(&Login::default());
        let known = |rows: &[Document], key: &str| -> HashSet<String> {
            rows.iter()
                .map(|row| row.get_str(key).unwrap().to_owned())
                .collect()
        };
        let types = known(&rows.types, "ref_cloud_service_type");
        let regions = known(&rows.regions, "ref_region");
        for row in &rows.services {
            assert!(types.contains(row.get_str("ref_cloud_service_type").unwrap()));
            assert!(regions.contains(row.get_str("ref_region").unwrap()));
        }
    }
}
