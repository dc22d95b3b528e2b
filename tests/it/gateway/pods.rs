//! Pods that tell what they were asked, remember how often, and fail as a request wishes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use lab::model::{Conditions, Endpoint, EndpointAddress, EndpointSlice, Service};
use std::fmt::Write as _;
use tokio::net::TcpListener;

use super::Asked;
use crate::ingress_support::{localhost, nobody};

/// The header that tells which block of a file a request belongs to.
pub(super) const BLOCK: &str = "x-block";
/// What a slow pod takes.
const SLOW: Duration = Duration::from_millis(600);

/// The pods of one run.
#[derive(Clone, Default)]
pub(super) struct Pods {
    /// By block.
    asked: Arc<Mutex<BTreeMap<String, Asked>>>,
    /// The pods themselves, by block.
    names: Arc<Mutex<BTreeMap<String, BTreeSet<SocketAddr>>>>,
}

impl Pods {
    /// How often each Service was asked in a block.
    pub(super) fn asked(&self, block: &str) -> Asked {
        let asked = self.asked.lock().unwrap();
        asked.get(block).cloned().unwrap_or_default()
    }

    /// The pods that were asked in a block.
    pub(super) fn names(&self, block: &str) -> BTreeSet<SocketAddr> {
        let names = self.names.lock().unwrap();
        names.get(block).cloned().unwrap_or_default()
    }

    /// Two pods for a Service; none for one whose name begins with `empty`, and nobody in the place of
    /// the first one if it begins with `half`.
    pub(super) async fn slice(&self, service: &Service) -> EndpointSlice {
        let mut endpoints = Vec::new();
        let count = if service.name.starts_with("empty") {
            0
        } else {
            2
        };
        for number in 0..count {
            let address = if number == 0 && service.name.starts_with("half") {
                nobody()
            } else {
                self.pod(&service.name).await
            };
            let both = EndpointAddress {
                pod: address,
                host: address,
            };
            endpoints.push(Endpoint {
                pod: Some(format!("{}-{number}", service.name)),
                addresses: vec![both; service.ports.len()],
                conditions: Conditions {
                    ready: true,
                    serving: true,
                    terminating: false,
                },
            });
        }
        EndpointSlice {
            service: service.name.clone(),
            endpoints,
        }
    }

    async fn pod(&self, service: &str) -> SocketAddr {
        let listener = TcpListener::bind(localhost()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pods, service) = (self.clone(), service.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pods, service) = (pods.clone(), service.clone());
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let (pods, service) = (pods.clone(), service.clone());
                        async move { pods.answer(address, &service, request).await }
                    });
                    // A pod that resets ends its connection with an error.
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection_with_upgrades(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        address
    }

    /// Notes the request; how often its block has asked before.
    fn note(&self, address: SocketAddr, service: &str, request: &Request<Incoming>) -> usize {
        let block = request.headers().get(BLOCK);
        let block = block.map_or("", |block| block.to_str().unwrap());
        let mut names = self.names.lock().unwrap();
        names.entry(block.to_owned()).or_default().insert(address);
        let mut asked = self.asked.lock().unwrap();
        let of_block = asked.entry(block.to_owned()).or_default();
        let before = of_block.values().sum();
        *of_block.entry(service.to_owned()).or_default() += 1;
        before
    }

    async fn answer(
        &self,
        address: SocketAddr,
        service: &str,
        request: Request<Incoming>,
    ) -> io::Result<
        Response<impl hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + use<>>,
    > {
        let before = self.note(address, service, &request);
        let mut status = StatusCode::OK;
        if let Some(wish) = request.headers().get("x-fail") {
            let (how, times) = wish.to_str().unwrap().split_once('*').unwrap();
            if before < times.parse().unwrap() {
                match how {
                    "reset" => return Err(io::ErrorKind::ConnectionReset.into()),
                    "delay" => tokio::time::sleep(SLOW).await,
                    how => status = how.parse().unwrap(),
                }
            }
        }
        let (parts, body) = request.into_parts();
        let mut told = format!("{service}\n{} {}\n", parts.method, parts.uri.path());
        writeln!(told, "version {:?}", parts.version).unwrap();
        if let Some(query) = parts.uri.query() {
            writeln!(told, "query {query}").unwrap();
        }
        if let Some(authority) = parts.uri.authority() {
            writeln!(told, "host: {authority}").unwrap();
        }
        for name in parts.headers.keys() {
            let values = parts.headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            writeln!(told, "{name}: {}", values.join(" | ")).unwrap();
        }
        let mut response = Response::builder()
            .header("x-header-remove", "there")
            .header("x-header-set", "old")
            .header("x-header-add", "first");
        if parts.headers.contains_key("upgrade") {
            status = StatusCode::SWITCHING_PROTOCOLS;
            response = response
                .header("upgrade", "websocket")
                .header("connection", "Upgrade");
            told.clear();
        } else {
            // A client that went away is nobody to answer to.
            let read = body.collect().await.map_err(io::Error::other)?;
            writeln!(told, "{} bytes", read.to_bytes().len()).unwrap();
        }
        let mut trailers = http::HeaderMap::new();
        if let Some(kind) = parts.headers.get("content-type") {
            response = response.header("content-type", kind);
            trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        }
        let body = Full::new(Bytes::from(told))
            .with_trailers(async move { (!trailers.is_empty()).then_some(Ok(trailers)) });
        Ok(response.status(status).body(body).unwrap())
    }
}
