//! The channel of one service, and a unary call through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::Codec;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::call_as::CallAs;
use super::connector::{Connector, Latest, To};
use super::picker::{Picker, Subchannel};
use crate::cloudforet::settings::Settings;
use crate::cloudforet::telemetry::{self, OpenSpan, TRACEPARENT};
use crate::model::{BY_ADDRESS, DIALLED, SpanKind, Traceparent};

/// The deadline of a unary call, as the real clients have it.
const UNARY_DEADLINE: Duration = Duration::from_secs(180);
/// Before each further try when the service could not be reached: three tries in all, as the real
/// clients make them.
// Lab: those try again at once, and meet the same dead pod before its endpoint is taken away.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];
/// The message limit of both sides.
pub(crate) const MESSAGE_LIMIT: usize = 256 * 1024 * 1024;

/// Why there is no channel to a service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The settings do not name it.
    #[error("no endpoint for service {0} (hint: add it to `endpoints`)")]
    Unknown(String),
    /// The settings name it wrongly.
    #[error("endpoint {0} is not of the form grpc://host:port")]
    Malformed(String),
}

/// The channels of a pod, opened as they are needed and kept.
#[derive(Debug)]
pub(crate) struct Channels {
    settings: Settings,
    // A std mutex: held to look up and insert, never across an await.
    targets: Mutex<BTreeMap<String, Target>>,
}

/// One service as this pod reaches it. Clones share the channel.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    picker: Arc<Picker>,
    /// Whether it is one pod, dialled by its own address: nothing between here and there can send a
    /// call elsewhere.
    one_pod: bool,
}

// === impl Channels ===

impl Channels {
    /// A service at an address that the settings do not name: a plugin's pod. The channel is the
    /// caller's to keep.
    pub(crate) fn at(&self, endpoint: &str) -> Result<Target, CallError> {
        let target = Target::open(endpoint, &self.settings)?;
        Ok(Target {
            one_pod: true,
            ..target
        })
    }

    /// None is opened yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            targets: Mutex::default(),
        }
    }

    /// The channel to `service` (`identity`, `inventory`, `cost_analysis` …). Must be called inside
    /// a runtime; connects with the first call.
    pub(crate) fn target(&self, service: &str) -> Result<Target, CallError> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = targets.get(service) {
            return Ok(target.clone());
        }
        let endpoint = self
            .settings
            .endpoints
            .get(service)
            .ok_or_else(|| CallError::Unknown(service.to_owned()))?;
        let target = Target::open(endpoint, &self.settings)?;
        targets.insert(service.to_owned(), target.clone());
        Ok(target)
    }
}

// === impl Target ===

impl Target {
    fn open(endpoint: &str, settings: &Settings) -> Result<Self, CallError> {
        let malformed = || CallError::Malformed(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| malformed())?;
        let (Some("grpc"), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16())
        else {
            return Err(malformed());
        };
        let uri = format!("http://{host}:{port}");
        let connector = Connector {
            uri: uri.parse().map_err(|_| malformed())?,
            to: To::Name {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            },
            resolver: settings.resolver(),
            source: settings.source(),
            latest: Latest::default(),
        };
        let picker = Arc::new(Picker::new(connector, &settings.grpc));
        Ok(Self {
            picker,
            one_pod: false,
        })
    }

    /// Calls the method at `path` (`/spaceone.api.inventory.v1.CloudService/list`).
    ///
    /// Passes on who calls and the request's `traceparent`, tells the hop, and tries again where the
    /// real clients would: the service was unreachable and did not itself answer with an error.
    pub(crate) async fn unary<C>(
        &self,
        path: PathAndQuery,
        message: C::Encode,
        codec: C,
        who: &CallAs,
    ) -> Result<Response<C::Decode>, Status>
    where
        C: Codec + Clone,
        C::Encode: Clone + Sync,
        C::Decode: Sync,
    {
        let (mut span, traceparent) = self.outgoing(&path);
        let metadata = metadata(who, traceparent);
        let mut pauses = PAUSES.into_iter();
        let mut rode = None;
        let result = loop {
            let mut request = Request::new(message.clone());
            *request.metadata_mut() = metadata.clone();
            let result = match self.picker.pick().await {
                Ok(picked) => {
                    let result = call(&picked, path.clone(), request, codec.clone()).await;
                    rode = Some(picked.latest);
                    result
                }
                Err(status) => Err(status),
            };
            if !result.as_ref().is_err_and(may_try_again) {
                break result;
            }
            let Some(pause) = pauses.next() else {
                break result;
            };
            tokio::time::sleep(pause).await;
        };
        if let (Some(span), Some(latest)) = (&mut span, rode) {
            tell_ride(span, &latest);
        }
        if let Some(span) = span {
            span.finish(code_name(
                result.as_ref().err().map_or(Code::Ok, Status::code),
            ));
        }
        result
    }

    /// [`Self::unary`] for a method whose types are known.
    pub(crate) async fn call<Q, A>(
        &self,
        path: &'static str,
        message: Q,
        who: &CallAs,
    ) -> Result<A, Status>
    where
        Q: prost::Message + Clone + Send + Sync + 'static,
        A: prost::Message + Default + Clone + Send + Sync + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let codec = ProstCodec::<Q, A>::default();
        Ok(self.unary(path, message, codec, who).await?.into_inner())
    }

    /// Calls a method that answers with a stream. There is no deadline and no second try, as with
    /// the real clients; the hop ends with the stream.
    pub(crate) async fn stream<Q, A>(
        &self,
        path: &'static str,
        message: Q,
        who: &CallAs,
    ) -> Result<Answers<A>, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let (mut span, traceparent) = self.outgoing(&path);
        let mut request = Request::new(message);
        *request.metadata_mut() = metadata(who, traceparent);
        let begun = async {
            let picked = self.picker.pick().await?;
            let mut client = ready(&picked).await?;
            let codec = ProstCodec::<Q, A>::default();
            let answer = client.server_streaming(request, path, codec).await;
            let answer = answer.map_err(from_below);
            if let Some(span) = &mut span {
                tell_ride(span, &picked.latest);
            }
            answer
        };
        match begun.await {
            Ok(answer) => Ok(Answers {
                stream: answer.into_inner(),
                span,
                count: 0,
            }),
            Err(status) => {
                if let Some(span) = span {
                    span.finish(code_name(status.code()));
                }
                Err(status)
            }
        }
    }

    /// The hop of a call, if anybody wants to know of it.
    fn outgoing(&self, path: &PathAndQuery) -> (Option<OpenSpan>, Option<Traceparent>) {
        let (service, method) = method_of(path.path());
        let name = format!("{service}/{method}");
        let (mut span, traceparent) = telemetry::outgoing(SpanKind::GrpcClient, &name);
        if let Some(span) = &mut span {
            span.attribute("service", service);
            span.attribute("method", method);
            if self.one_pod {
                span.attribute(DIALLED, BY_ADDRESS);
            }
        }
        (span, traceparent)
    }

    /// A connection's channel, for a streaming call.
    pub(crate) async fn channel(&self) -> Result<Channel, Status> {
        Ok(self.picker.pick().await?.channel)
    }
}

/// The answers of a streaming call.
#[derive(Debug)]
pub(crate) struct Answers<A> {
    stream: Streaming<A>,
    span: Option<OpenSpan>,
    count: u64,
}

impl<A> Answers<A> {
    /// The next one; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<A>, Status> {
        let next = self.stream.message().await.map_err(from_below);
        if let Ok(Some(_)) = next {
            self.count += 1;
            return next;
        }
        if let Some(mut span) = self.span.take() {
            span.attribute("messages", self.count);
            span.finish(code_name(
                next.as_ref().err().map_or(Code::Ok, Status::code),
            ));
        }
        next
    }
}

fn metadata(who: &CallAs, traceparent: Option<Traceparent>) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    who.write(&mut metadata);
    if let Some(value) = traceparent.and_then(|traceparent| traceparent.to_string().parse().ok()) {
        metadata.insert(TRACEPARENT, value);
    }
    metadata
}

/// A client on a connection that takes calls.
async fn ready(over: &Subchannel) -> Result<Grpc<Channel>, Status> {
    let mut client = Grpc::new(over.channel.clone())
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(chain(&error)))?;
    Ok(client)
}

async fn call<C: Codec>(
    over: &Subchannel,
    path: PathAndQuery,
    mut request: Request<C::Encode>,
    codec: C,
) -> Result<Response<C::Decode>, Status>
where
    C::Encode: Sync,
    C::Decode: Sync,
{
    request.set_timeout(UNARY_DEADLINE);
    let answer = ready(over).await?.unary(request, path, codec).await;
    answer.map_err(from_below)
}

/// What gRPC's own library says when a connection ends under a call: UNAVAILABLE. tonic says UNKNOWN.
/// A status that the service itself has sent has no source.
fn from_below(status: Status) -> Status {
    use std::error::Error as _;
    match status.source() {
        Some(source) if status.code() == Code::Unknown => Status::unavailable(chain(source)),
        _ => status,
    }
}

fn tell_ride(span: &mut OpenSpan, latest: &Latest) {
    if let Some(ride) = latest.ride() {
        span.outbound(Some(ride.pair));
        span.attribute("channel", if ride.used { "reused" } else { "new" });
        span.attribute("connected_at", ride.connected_at);
    }
}

/// UNAVAILABLE from below, not from the service itself, or out of time.
fn may_try_again(status: &Status) -> bool {
    /// hyper's words for a call that was dropped before it was sent, because the connection was
    /// just going away.
    const UNSENT: &str = "operation was canceled";
    match status.code() {
        Code::Cancelled => status.message() == UNSENT,
        Code::Unavailable => !status.message().starts_with("ERROR_"),
        Code::DeadlineExceeded => true,
        _ => false,
    }
}

/// `/package.Service/method` → `Service`, `method`.
pub(crate) fn method_of(path: &str) -> (&str, &str) {
    let (service, method) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path, ""));
    (service.rsplit('.').next().unwrap_or(service), method)
}

/// A code in the spelling of the gRPC specification, such as `NOT_FOUND`.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_service_and_method() {
        assert_eq!(
            method_of("/spaceone.api.inventory.v1.CloudService/list"),
            ("CloudService", "list")
        );
    }

    #[test]
    fn an_answer_of_the_service_is_final() {
        assert!(may_try_again(&Status::unavailable("tcp connect error")));
        assert!(may_try_again(&Status::cancelled("operation was canceled")));
        assert!(!may_try_again(&Status::cancelled("by the service")));
        assert!(!may_try_again(&Status::unavailable(
            "ERROR_DB_CONNECTION: x"
        )));
        assert!(!may_try_again(&Status::not_found("x")));
    }

    #[test]
    fn a_lost_connection_is_unavailable_and_what_the_service_says_stays() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let status = from_below(Status::from_error(Box::new(lost)));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(may_try_again(&status));
        assert_eq!(from_below(Status::unknown("x")).code(), Code::Unknown);
    }

    #[tokio::test]
    async fn an_endpoint_without_port_is_refused() {
        let mut settings = Settings::default();
        settings
            .endpoints
            .insert("identity".to_owned(), "grpc://identity".to_owned());
        let channels = Channels::new(&settings);
        assert!(matches!(
            channels.target("identity"),
            Err(CallError::Malformed(_))
        ));
        assert!(matches!(
            channels.target("nobody"),
            Err(CallError::Unknown(_))
        ));
        assert!(channels.target("inventory").is_ok());
    }
}
