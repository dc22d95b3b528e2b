//! The backends behind the API: which methods they have, and how one is called.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::sync::RwLock;
use tonic::Response;
use tonic::metadata::AsciiMetadataValue;

use super::codec::DynamicCodec;
use super::error::{ApiError, POD};
use super::{names, reflection};
use crate::cloudforet::Settings;
use crate::cloudforet::client::{CallAs, Channels, Target};

/// A path that is not in a description older than this is looked for in a new one: a developer who
/// adds a method to a replaced backend should not have to restart the API. Short for people, long
/// for whoever guesses paths.
const DESCRIPTION_AGE: Duration = Duration::from_secs(5);

/// All backends, by the name that opens a path (`cost-analysis`).
#[derive(Debug)]
pub(super) struct Backends {
    channels: Channels,
    by_name: BTreeMap<String, Backend>,
}

/// One backend.
#[derive(Debug)]
struct Backend {
    /// Its name among the endpoints (`cost_analysis`).
    service: String,
    /// Asked for at the first request and kept. The lock is held while asking, so that requests
    /// that arrive together ask once.
    catalog: RwLock<Option<Arc<Catalog>>>,
}

/// What a backend offers.
#[derive(Debug)]
struct Catalog {
    /// By the rest of the path: `cloud-service/list`.
    methods: BTreeMap<String, MethodDescriptor>,
    asked_at: Instant,
}

/// A method, ready to be called.
#[derive(Debug)]
pub(super) struct Method {
    target: Target,
    descriptor: MethodDescriptor,
}

// === impl Backends ===

impl Backends {
    /// Those that the settings name. Nothing is connected yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let backend = |service: &String| {
            let backend = Backend {
                service: service.clone(),
                catalog: RwLock::default(),
            };
            (names::kebab_of_snake(service), backend)
        };
        Self {
            channels: Channels::new(settings),
            by_name: settings.endpoints.keys().map(backend).collect(),
        }
    }

    /// The method at `/{service}/{resource}/{verb}`.
    pub(super) async fn find(&self, path: &str) -> Result<Method, ApiError> {
        let unsupported = || ApiError::unsupported(path);
        let (service, rest) = path
            .trim_start_matches('/')
            .split_once('/')
            .ok_or_else(unsupported)?;
        let backend = self.by_name.get(service).ok_or_else(unsupported)?;
        let target = self.target(backend)?;
        let catalog = backend.catalog(&target, None).await?;
        let found = match catalog.methods.get(rest) {
            None if catalog.asked_at.elapsed() > DESCRIPTION_AGE => {
                let newer = backend.catalog(&target, Some(&catalog)).await?;
                newer.methods.get(rest).cloned()
            }
            found => found.cloned(),
        };
        Ok(Method {
            target,
            descriptor: found.ok_or_else(unsupported)?,
        })
    }

    /// Every path of every backend that answers, with its method.
    pub(super) async fn methods(&self) -> Vec<(String, MethodDescriptor)> {
        let mut methods = Vec::new();
        for name in self.by_name.keys() {
            match self.methods_of(name).await {
                Ok(of) => methods.extend(of),
                Err(error) => tracing::warn!(backend = name, %error, "left out of the API list"),
            }
        }
        methods
    }

    /// Every path of one backend, with its method.
    pub(super) async fn methods_of(
        &self,
        name: &str,
    ) -> Result<Vec<(String, MethodDescriptor)>, ApiError> {
        let unsupported = || ApiError::unsupported(&format!("/{name}"));
        let backend = self.by_name.get(name).ok_or_else(unsupported)?;
        let catalog = backend.catalog(&self.target(backend)?, None).await?;
        let method = |(rest, method): (&String, &MethodDescriptor)| {
            (format!("/{name}/{rest}"), method.clone())
        };
        Ok(catalog.methods.iter().map(method).collect())
    }

    fn target(&self, backend: &Backend) -> Result<Target, ApiError> {
        self.channels
            .target(&backend.service)
            .map_err(|error| ApiError::internal(&error))
    }
}

// === impl Backend ===

impl Backend {
    /// The catalog; asked for if there is none, or only the one that is `outdated`.
    async fn catalog(
        &self,
        target: &Target,
        outdated: Option<&Arc<Catalog>>,
    ) -> Result<Arc<Catalog>, ApiError> {
        let good = |known: &Arc<Catalog>| outdated.is_none_or(|old| !Arc::ptr_eq(old, known));
        if let Some(known) = self
            .catalog
            .read()
            .await
            .as_ref()
            .filter(|known| good(known))
        {
            return Ok(Arc::clone(known));
        }
        let mut slot = self.catalog.write().await;
        if let Some(known) = slot.as_ref().filter(|known| good(known)) {
            return Ok(Arc::clone(known));
        }
        let catalog = Arc::new(self.ask(target).await?);
        *slot = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    async fn ask(&self, target: &Target) -> Result<Catalog, ApiError> {
        let (services, pool) = reflection::describe(target).await?;
        let own = format!(".{}.", self.service);
        let methods = services
            .iter()
            // Health, reflection and what all services share are no part of the API.
            .filter(|service| service.contains(&own))
            .filter_map(|service| pool.get_service_by_name(service))
            .flat_map(|service| {
                let resource = names::kebab_of_camel(service.name());
                service
                    .methods()
                    .filter(|method| !method.is_client_streaming() && !method.is_server_streaming())
                    .map(|method| {
                        let verb = names::kebab_of_snake(method.name());
                        (format!("{resource}/{verb}"), method)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        Ok(Catalog {
            methods,
            asked_at: Instant::now(),
        })
    }
}

// === impl Method ===

impl Method {
    /// The type of the request.
    pub(super) fn input(&self) -> prost_reflect::MessageDescriptor {
        self.descriptor.input()
    }

    /// Calls it. The answer comes with the name of the pod that gave it, if it said so.
    pub(super) async fn call(
        &self,
        message: DynamicMessage,
        token: Option<&AsciiMetadataValue>,
    ) -> Result<(DynamicMessage, Option<String>), ApiError> {
        let service = self.descriptor.parent_service();
        let path = format!("/{}/{}", service.full_name(), self.descriptor.name());
        let path: PathAndQuery = path.parse().map_err(|error| ApiError::internal(&error))?;
        let codec = DynamicCodec {
            output: self.descriptor.output(),
        };
        let who = CallAs::token(token.cloned());
        let answer: Response<DynamicMessage> =
            self.target.unary(path, message, codec, &who).await?;
        let pod = answer.metadata().get(POD).and_then(|pod| pod.to_str().ok());
        let pod = pod.map(str::to_owned);
        Ok((answer.into_inner(), pod))
    }
}
