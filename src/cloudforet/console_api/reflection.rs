//! A backend's API in its own words: server reflection v1alpha, the version that Cloudforet uses.
//!
//! One stream for everything: list the services, ask for the file of each, then for every import
//! not seen yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1alpha::{ServerReflectionRequest, ServerReflectionResponse};

use crate::cloudforet::client::Target;

/// For all questions together; upstream allows the same for each.
const DEADLINE: Duration = Duration::from_secs(5);

/// Everything a backend describes: its services, and all they refer to.
pub(super) async fn describe(target: &Target) -> Result<(Vec<String>, DescriptorPool), Status> {
    timeout(DEADLINE, ask_everything(target))
        .await
        .map_err(|_| Status::deadline_exceeded("server reflection took longer than 5 s"))?
}

async fn ask_everything(target: &Target) -> Result<(Vec<String>, DescriptorPool), Status> {
    let mut session = Session::open(target).await?;
    let services = session.services().await?;
    let mut files = BTreeMap::new();
    for service in &services {
        let question = MessageRequest::FileContainingSymbol(service.clone());
        session.files(question, &mut files).await?;
    }
    loop {
        let wanted: BTreeSet<&String> = files
            .values()
            .flat_map(|file: &FileDescriptorProto| &file.dependency)
            .collect();
        let Some(missing) = wanted.into_iter().find(|name| !files.contains_key(*name)) else {
            break;
        };
        let missing = missing.clone();
        session
            .files(MessageRequest::FileByFilename(missing.clone()), &mut files)
            .await?;
        if !files.contains_key(&missing) {
            return Err(Status::internal(format!(
                "server reflection has no file {missing}"
            )));
        }
    }
    let set = FileDescriptorSet {
        file: files.into_values().collect(),
    };
    let pool = DescriptorPool::from_file_descriptor_set(set)
        .map_err(|error| Status::internal(format!("server reflection is inconsistent: {error}")))?;
    Ok((services, pool))
}

/// One reflection stream.
struct Session {
    questions: mpsc::Sender<ServerReflectionRequest>,
    answers: Streaming<ServerReflectionResponse>,
    first: Option<MessageRequest>,
}

impl Session {
    /// Asks for the services right away: some servers send their headers only with an answer.
    async fn open(target: &Target) -> Result<Self, Status> {
        let first = MessageRequest::ListServices(String::new());
        let (questions, stream) = mpsc::channel(1);
        send(&questions, first.clone()).await?;
        let answers = ServerReflectionClient::new(target.channel().await?)
            .server_reflection_info(ReceiverStream::new(stream))
            .await?
            .into_inner();
        Ok(Self {
            questions,
            answers,
            first: Some(first),
        })
    }

    async fn services(&mut self) -> Result<Vec<String>, Status> {
        if self.first.take().is_none() {
            send(&self.questions, MessageRequest::ListServices(String::new())).await?;
        }
        match self.answer().await? {
            MessageResponse::ListServicesResponse(list) => Ok(list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect()),
            _ => Err(unexpected()),
        }
    }

    async fn files(
        &mut self,
        question: MessageRequest,
        files: &mut BTreeMap<String, FileDescriptorProto>,
    ) -> Result<(), Status> {
        send(&self.questions, question).await?;
        let MessageResponse::FileDescriptorResponse(answer) = self.answer().await? else {
            return Err(unexpected());
        };
        for encoded in answer.file_descriptor_proto {
            let file = FileDescriptorProto::decode(encoded.as_slice())
                .map_err(|error| Status::internal(format!("server reflection: {error}")))?;
            files.insert(file.name().to_owned(), file);
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<MessageResponse, Status> {
        let answer = self
            .answers
            .message()
            .await?
            .and_then(|answer| answer.message_response);
        match answer {
            Some(MessageResponse::ErrorResponse(error)) => {
                Err(Status::new(error.error_code.into(), error.error_message))
            }
            Some(answer) => Ok(answer),
            None => Err(unexpected()),
        }
    }
}

async fn send(
    questions: &mpsc::Sender<ServerReflectionRequest>,
    question: MessageRequest,
) -> Result<(), Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    questions.send(request).await.map_err(|_| unexpected())
}

fn unexpected() -> Status {
    Status::unavailable("server reflection ended early")
}
