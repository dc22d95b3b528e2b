//! `ServerInfo`: which version answers.

use tonic::{Request, Response, Status};

use crate::cloudforet::proto::core::v1::VersionInfo;
use crate::cloudforet::proto::core::v1::server_info_server::{ServerInfo, ServerInfoServer};

/// The service, to add to a server.
pub(super) fn service() -> ServerInfoServer<impl ServerInfo> {
    ServerInfoServer::new(Version)
}

#[derive(Debug)]
struct Version;

#[tonic::async_trait]
impl ServerInfo for Version {
    async fn get_version(&self, _: Request<()>) -> Result<Response<VersionInfo>, Status> {
        Ok(Response::new(VersionInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}
