//! `lab scale`: a write to the registry, nothing more.

use std::sync::Arc;

use super::{Cluster, Registry};
use crate::model::{Deployment, MAX_INGRESS_REPLICAS, MAX_REPLICAS};

/// Why a Deployment was not scaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// No Deployment or Service has that name.
    #[error("nothing called {name:?} can be scaled; there is {}", known.join(", "))]
    Unknown {
        /// As given.
        name: String,
        /// What could be.
        known: Vec<String>,
    },
    /// The Service leads to addresses of the user's.
    #[error(
        "{name:?} has endpoints of your own (`endpoints` in lab.toml) and no pods that could be scaled"
    )]
    NoPods {
        /// The Service.
        name: String,
    },
    /// Two programs cannot share a volume.
    #[error("{name:?} keeps its data in one place, so it runs one pod at most")]
    OneVolume {
        /// The Deployment.
        name: String,
    },
    /// The supervisor decides.
    #[error("{name:?} is a plugin's, and only the supervisor says how many pods it has")]
    Plugin {
        /// The Deployment.
        name: String,
    },
    /// Too many of the ingress.
    #[error("{wanted} ingress replicas are more than the lab runs ({MAX_INGRESS_REPLICAS})")]
    TooManyReplicas {
        /// As given.
        wanted: u32,
    },
    /// Too many.
    #[error("{wanted} replicas are more than the lab runs ({MAX_REPLICAS})")]
    TooMany {
        /// As given.
        wanted: u32,
    },
}

/// Sets the number of pods of a Deployment, found by its own name or by its Service's, or that of the
/// ingress replicas, found by the name of their Service. Returns the number before.
pub fn scale(registry: &Registry, name: &str, replicas: u32) -> Result<u32, ScaleError> {
    if replicas > MAX_REPLICAS {
        return Err(ScaleError::TooMany { wanted: replicas });
    }
    registry.change(|cluster| {
        if !name.is_empty() && name == cluster.ingress_classes.load_balancer {
            if replicas > MAX_INGRESS_REPLICAS {
                return Err(ScaleError::TooManyReplicas { wanted: replicas });
            }
            return Ok(std::mem::replace(&mut cluster.ingress_replicas, replicas));
        }
        let found = find(cluster, name)?;
        let before = found.replicas;
        if found.plugin.is_some() {
            return Err(ScaleError::Plugin {
                name: found.name.clone(),
            });
        }
        if found.template.volume.is_some() && replicas > 1 {
            return Err(ScaleError::OneVolume {
                name: found.name.clone(),
            });
        }
        let scaled = Deployment {
            replicas,
            ..Deployment::clone(&found)
        };
        cluster
            .deployments
            .insert(found.name.clone(), Arc::new(scaled));
        Ok(before)
    })
}

fn find(cluster: &Cluster, name: &str) -> Result<Arc<Deployment>, ScaleError> {
    let by_service = || {
        let mut all = cluster.deployments.values();
        all.find(|deployment| deployment.service.as_deref() == Some(name))
    };
    if let Some(found) = cluster.deployments.get(name).or_else(by_service) {
        return Ok(Arc::clone(found));
    }
    if cluster.services.contains_key(name) {
        return Err(ScaleError::NoPods {
            name: name.to_owned(),
        });
    }
    Err(ScaleError::Unknown {
        name: name.to_owned(),
        known: cluster
            .deployments
            .values()
            .filter(|found| found.plugin.is_none())
            .map(|found| &found.name)
            .chain(Some(&cluster.ingress_classes.load_balancer).filter(|name| !name.is_empty()))
            .cloned()
            .collect(),
    })
}
