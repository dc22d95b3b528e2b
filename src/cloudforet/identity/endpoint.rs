//! `Endpoint`: where the services are, from the settings.

use tonic::{Request, Response, Status};

use super::Handler;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::identity::v2::endpoint_info::EndpointState;
use crate::cloudforet::proto::identity::v2::endpoint_search_query::EndpointType;
use crate::cloudforet::proto::identity::v2::endpoint_server::Endpoint;
use crate::cloudforet::proto::identity::v2::{EndpointInfo, EndpointSearchQuery, EndpointsInfo};

#[tonic::async_trait]
impl Endpoint for Handler {
    async fn list(
        &self,
        request: Request<EndpointSearchQuery>,
    ) -> Result<Response<EndpointsInfo>, Status> {
        let request = request.get_ref();
        if let Some(query) = &request.query
            && !(query.filter.is_empty() && query.filter_or.is_empty() && query.keyword.is_empty())
        {
            // They are settings and not rows, so there is no query for them.
            return Err(
                Failure::Query("endpoints can be filtered by service only".to_owned()).into(),
            );
        }
        let internal = request.endpoint_type() != EndpointType::Public;
        let endpoints = self.0.settings.endpoints.iter();
        let results: Vec<_> = endpoints
            .filter(|(service, _)| request.service.is_empty() || request.service == **service)
            .map(|(service, endpoint)| EndpointInfo {
                name: service.replace('_', " "),
                service: service.clone(),
                endpoint: endpoint.clone(),
                internal_endpoint: if internal {
                    endpoint.clone()
                } else {
                    String::new()
                },
                state: EndpointState::Active.into(),
                version: String::new(),
            })
            .collect();
        Ok(Response::new(EndpointsInfo {
            total_count: i32::try_from(results.len()).unwrap_or(i32::MAX),
            results,
        }))
    }
}
