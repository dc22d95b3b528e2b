//! A backend that has an API and nothing behind it: it answers reflection alone.

use std::net::{Ipv4Addr, SocketAddr};

use lab::cloudforet::proto::DESCRIPTORS;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// It runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Reflecting {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Reflecting {
    /// With these services.
    pub(crate) async fn start(services: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS);
        for service in services {
            reflection = reflection.with_service_name(*service);
        }
        let serving = Server::builder()
            .add_service(reflection.build_v1alpha().unwrap())
            .serve_with_incoming(TcpIncoming::from(listener));
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, serving }
    }

    /// As settings name it.
    pub(crate) fn endpoint(&self) -> String {
        format!("grpc://{}", self.address)
    }
}

impl Drop for Reflecting {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
