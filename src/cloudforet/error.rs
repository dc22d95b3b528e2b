//! What stops a backend, and what fails one call.
//!
//! A failed call is a gRPC status whose details start with Cloudforet's error code:
//! `ERROR_NOT_FOUND: Resource cannot be found or access is denied. (region_id = region-1)`.
//! [`Failure`]'s conversion into [`Status`] is the one place where that is written.

use tonic::{Code, Status};

/// Why a backend does not start, or ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket or HTTP/2 below failed.
    #[error("the gRPC server failed")]
    Serve(#[source] tonic::transport::Error),
    /// The descriptors that were compiled in cannot be read.
    #[error("the API's descriptors are damaged")]
    Descriptors(#[source] tonic_reflection::server::Error),
    /// The connection string of MongoDB is wrong.
    #[error("settings: mongodb = {uri:?} is not a connection string (hint: mongodb://host:27017)")]
    ConnectionString {
        /// As it was given, without user and password.
        uri: String,
        /// What the driver says.
        #[source]
        source: Box<mongodb::error::Error>,
    },
    /// The address of Redis is wrong.
    #[error("settings: redis = {url:?} is not an address (hint: redis://host:6379)")]
    RedisUrl {
        /// As it was given, without user and password.
        url: String,
    },
    /// Another service is needed and the settings do not say where it is.
    #[error("settings: {0}")]
    Endpoint(String),
    /// The system's token could not be made.
    #[error("no system token: {0}")]
    Credentials(String),
    /// The key that encrypts secrets cannot be had.
    #[error("no key for secrets: {0}")]
    Key(String),
}

/// Why one call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no such resource, or the caller may not see it: the answer is the same on purpose.
    #[error("Resource cannot be found or access is denied. ({key} = {value})")]
    NotFound { key: &'static str, value: String },
    /// A parameter is missing.
    #[error("Required parameter. (key = {0})")]
    Required(&'static str),
    /// A parameter has a value that makes no sense.
    #[error("Parameter is invalid. (key = {key}, reason = {reason})")]
    Invalid { key: &'static str, reason: String },
    /// The same thing exists already.
    #[error("The same unique values exist already. (key = {0})")]
    Exists(String),
    /// No token, or one that does not hold.
    #[error("Authenticate failure. (message = {0})")]
    Authenticate(String),
    /// A good token that does not allow this.
    #[error("Permission denied.")]
    Denied,
    /// The query cannot be translated, or MongoDB refuses it.
    #[error("Failed to query the database. (reason = {0})")]
    Query(String),
    /// MongoDB cannot be reached. Lab: the real services answer with INTERNAL here; UNAVAILABLE
    /// tells a reader of the film which side failed, and clients do not repeat it, for it carries
    /// an error code.
    #[error("The database cannot be reached. (reason = {0})")]
    Unreachable(String),
    /// A version that the catalogue does not have.
    #[error("Plugin version is invalid. (plugin_id = {plugin_id}, version = {version})")]
    PluginVersion { plugin_id: String, version: String },
    /// Nobody who could run a plugin has been heard of.
    #[error("There is no supervisor to run the plugin. (plugin_id = {0})")]
    NoSupervisor(String),
    /// A plugin has no pod that is ready, in spite of waiting.
    #[error(
        "The plugin has no pod that is ready. (plugin_id = {plugin_id}, version = {version}, reason = {reason})"
    )]
    InstallTimeout {
        plugin_id: String,
        version: String,
        reason: String,
    },
    /// Redis cannot be reached, or refuses.
    #[error("The queue cannot be reached. (reason = {0})")]
    Queue(String),
    /// A method of the real service that this one does not have.
    #[error("API is not supported. (reason = {0})")]
    Unsupported(&'static str),
    /// Another service's own answer, passed on.
    #[error("{}", .0.message())]
    Answered(Box<Status>),
    /// Another service cannot be reached or failed.
    #[error("{0}")]
    Upstream(String),
    /// Anything else is our own mistake.
    #[error("Unknown error. (reason = {0})")]
    Unknown(String),
}

impl Failure {
    fn code(&self) -> (&'static str, Code) {
        match self {
            Self::NotFound { .. } => ("ERROR_NOT_FOUND", Code::NotFound),
            Self::Required(_) => ("ERROR_REQUIRED_PARAMETER", Code::InvalidArgument),
            Self::Invalid { .. } => ("ERROR_INVALID_PARAMETER", Code::InvalidArgument),
            Self::Exists(_) => ("ERROR_SAVE_UNIQUE_VALUES", Code::AlreadyExists),
            Self::Authenticate(_) => ("ERROR_AUTHENTICATE_FAILURE", Code::Unauthenticated),
            Self::Denied => ("ERROR_PERMISSION_DENIED", Code::PermissionDenied),
            Self::Query(_) => ("ERROR_DB_QUERY", Code::Internal),
            Self::Unreachable(_) => ("ERROR_DB_CONNECTION", Code::Unavailable),
            Self::PluginVersion { .. } => ("ERROR_INVALID_PLUGIN_VERSION", Code::InvalidArgument),
            Self::NoSupervisor(_) => ("ERROR_NO_POSSIBLE_SUPERVISOR", Code::Unavailable),
            Self::InstallTimeout { .. } => ("ERROR_INSTALL_PLUGIN_TIMEOUT", Code::Internal),
            Self::Queue(_) => ("ERROR_QUEUE_CONNECTION", Code::Unavailable),
            Self::Unsupported(_) => ("ERROR_UNSUPPORTED_API", Code::Unimplemented),
            Self::Answered(status) => ("", status.code()),
            Self::Upstream(_) => ("ERROR_GRPC_CONNECTION", Code::Unavailable),
            Self::Unknown(_) => ("ERROR_UNKNOWN", Code::Internal),
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let (name, code) = failure.code();
        if matches!(code, Code::Internal | Code::Unavailable) {
            tracing::error!(error = %failure, "call failed");
        }
        match failure {
            Failure::Answered(status) => *status,
            failure => Self::new(code, format!("{name}: {failure}")),
        }
    }
}

/// What another service said. Its errors are errors of the call that needed it.
impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        if status.message().starts_with("ERROR_") {
            // Metadata of that answer is not of this one.
            Self::Answered(Box::new(Status::new(status.code(), status.message())))
        } else {
            Self::Upstream(status.message().to_owned())
        }
    }
}

impl From<redis::RedisError> for Failure {
    fn from(error: redis::RedisError) -> Self {
        Self::Queue(error.to_string())
    }
}

impl From<mongodb::error::Error> for Failure {
    fn from(error: mongodb::error::Error) -> Self {
        use mongodb::error::{ErrorKind, WriteFailure};
        // Duplicate key, the one write error that a caller can do something about.
        const DUPLICATE_KEY: i32 = 11000;
        match error.kind.as_ref() {
            ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE_KEY => {
                Self::Exists(duplicate_key(&write.message))
            }
            ErrorKind::Command(command) => Self::Query(command.message.clone()),
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => Self::Unreachable(error.to_string()),
            _ => Self::Unknown(error.to_string()),
        }
    }
}

/// `… dup key: { region_code: "a", provider: "b" }` → what is between the braces.
fn duplicate_key(message: &str) -> String {
    let from_brace = message.rsplit_once("dup key: {").map(|(_, rest)| rest);
    from_brace
        .and_then(|rest| rest.split_once('}'))
        .map_or_else(
            || message.to_owned(),
            |(inside, _)| inside.trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_start_with_the_error_code() {
        let status = Status::from(Failure::Required("provider"));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "ERROR_REQUIRED_PARAMETER: Required parameter. (key = provider)"
        );
    }

    #[test]
    fn a_duplicate_key_is_named() {
        let message =
            r#"E11000 duplicate key error collection: a.b index: c dup key: { name: "x" }"#;
        assert_eq!(duplicate_key(message), r#"name: "x""#);
    }
}
