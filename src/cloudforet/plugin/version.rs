//! Which version of a plugin: the one that was asked for, or the newest that the catalogue has.

use std::cmp::Ordering;

use super::Plugins;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::repository::v1::{
    PluginInfo, RepositoryPluginRequest, VersionsInfo, plugin_info,
};

const GET: &str = "/spaceone.api.repository.v1.Plugin/get";
const GET_VERSIONS: &str = "/spaceone.api.repository.v1.Plugin/get_versions";

impl Plugins {
    /// The newest version.
    pub(super) async fn newest(&self, plugin_id: &str, domain_id: &str) -> Result<String, Failure> {
        let versions = self.versions(plugin_id, domain_id).await?;
        let newest = versions
            .into_iter()
            .max_by(|one, other| compare(one, other));
        newest.ok_or_else(|| Failure::PluginVersion {
            plugin_id: plugin_id.to_owned(),
            version: "the newest of none".to_owned(),
        })
    }

    /// The catalogue's row of a plugin that has this version and may be used.
    pub(super) async fn catalogued(
        &self,
        plugin_id: &str,
        version: &str,
        domain_id: &str,
    ) -> Result<PluginInfo, Failure> {
        let who = self.system(domain_id)?;
        let request = question(plugin_id);
        let plugin: PluginInfo = self.repository.call(GET, request, &who).await?;
        if plugin.state() == plugin_info::State::Disabled {
            return Err(Failure::Invalid {
                key: "plugin_id",
                reason: "the plugin is disabled".to_owned(),
            });
        }
        let versions = self.versions(plugin_id, domain_id).await?;
        if !versions.iter().any(|known| known == version) {
            return Err(Failure::PluginVersion {
                plugin_id: plugin_id.to_owned(),
                version: version.to_owned(),
            });
        }
        Ok(plugin)
    }

    async fn versions(&self, plugin_id: &str, domain_id: &str) -> Result<Vec<String>, Failure> {
        let who = self.system(domain_id)?;
        let request = question(plugin_id);
        let versions: VersionsInfo = self.repository.call(GET_VERSIONS, request, &who).await?;
        // The older name of the field; the real service fills both.
        Ok(if versions.results.is_empty() {
            versions.version
        } else {
            versions.results
        })
    }
}

fn question(plugin_id: &str) -> RepositoryPluginRequest {
    RepositoryPluginRequest {
        plugin_id: plugin_id.to_owned(),
        ..RepositoryPluginRequest::default()
    }
}

/// By their parts, numbers as numbers; `1.0-rc1` comes before `1.0`.
fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (parts(one), parts(other));
    let length = one.len().max(other.len());
    let at = |parts: &[Part], index: usize| parts.get(index).cloned().unwrap_or(Part::End);
    (0..length)
        .map(|index| at(&one, index).cmp(&at(&other, index)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The order of the variants is the order of versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    End,
    Number(u64),
}

fn parts(version: &str) -> Vec<Part> {
    version
        .trim_start_matches('v')
        .split(['.', '-', '+', '_'])
        .map(|part| {
            part.parse()
                .map_or_else(|_| Part::Text(part.to_owned()), Part::Number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_come_after_older_ones() {
        for pair in [
            "1.9 1.10",
            "1.0-rc1 1.0",
            "1.0 1.0.1",
            "v1.2 1.3",
            "1.0-a 1.0-b",
        ] {
            let (older, newer) = pair.split_once(' ').unwrap();
            assert_eq!(compare(older, newer), Ordering::Less, "{pair}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{pair}");
        }
        assert_eq!(compare("v1.0", "1.0"), Ordering::Equal);
    }
}
