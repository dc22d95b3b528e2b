//! What a client hears when a call fails.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tonic::{Code, Status};

use super::Version;
use crate::cloudforet::http::ServedBy;

/// Metadata key under which a gRPC server names its pod.
pub(super) const POD: &str = "x-lab-pod";

/// A failed request: status, Cloudforet's error code, and its reason.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(super) struct ApiError {
    /// HTTP status.
    pub(super) status: StatusCode,
    /// `ERROR_…`.
    pub(super) code: String,
    /// For people.
    pub(super) message: String,
    /// The pod that said so, if one did.
    pub(super) pod: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, message: String) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message,
            pod: None,
        }
    }

    /// No method has this path.
    pub(super) fn unsupported(path: &str) -> Self {
        let message = format!("API is not supported. (path = {path})");
        Self::new(StatusCode::NOT_FOUND, "ERROR_UNSUPPORTED_API", message)
    }

    /// The path exists, for another method.
    pub(super) fn method_not_allowed(method: &http::Method) -> Self {
        let message = format!("Only POST is supported here. (method = {method})");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "ERROR_UNSUPPORTED_API",
            message,
        )
    }

    /// The body is no JSON.
    pub(super) fn bad_json(reason: &str) -> Self {
        let message = format!("Request body is not valid JSON. (reason = {reason})");
        Self::new(
            StatusCode::BAD_REQUEST,
            "ERROR_INVALID_JSON_FORMAT",
            message,
        )
    }

    /// A field does not fit.
    pub(super) fn invalid(field: &str, reason: &str) -> Self {
        let message = format!("Parameter is invalid. (key = {field}, reason = {reason})");
        Self::new(StatusCode::BAD_REQUEST, "ERROR_INVALID_PARAMETER", message)
    }

    /// The body did not arrive whole, or is too long.
    pub(super) fn body(error: &axum::Error, limit: usize) -> Self {
        let cause = std::error::Error::source(error);
        if cause.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
            let message = format!("Request body is too large. (limit = {limit} bytes)");
            return Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "ERROR_REQUEST_TOO_LARGE",
                message,
            );
        }
        let message = format!("Request body cannot be read. (reason = {error})");
        Self::new(StatusCode::BAD_REQUEST, "ERROR_REQUEST", message)
    }

    /// A token is needed and missing.
    pub(super) fn no_token() -> Self {
        let message =
            "Authenticate failure. (message = Authorization header with a Bearer token is missing)";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "ERROR_AUTHENTICATE_FAILURE",
            message.to_owned(),
        )
    }

    /// Something on this side; the details are in the log.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed here");
        let message = "Internal error; the log of this pod says more.".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ERROR_UNKNOWN", message)
    }

    /// The one place where an error becomes an answer.
    pub(super) fn respond(self, version: Version) -> Response {
        let Self {
            status,
            code,
            message,
            pod,
        } = self;
        let detail = match version {
            Version::V1 => json!({"message": message, "code": code, "fail_items": {}}),
            Version::V2 => json!({"code": code, "message": message}),
        };
        let mut response = (status, axum::Json(json!({ "detail": detail }))).into_response();
        if let Some(pod) = pod {
            response.extensions_mut().insert(ServedBy(pod));
        }
        response
    }
}

/// The backends' contract is `ERROR_CODE: message`; what has another form came from below them.
impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        let (http, fallback) = translate(status.code());
        let text = status.message();
        let (code, message) = match text.split_once(": ") {
            Some((code, message)) if is_error_code(code) => (code, message),
            _ if is_error_code(text) => (text, text),
            _ => (fallback, text),
        };
        let mut error = Self::new(http, code, message.to_owned());
        let pod = status.metadata().get(POD).and_then(|pod| pod.to_str().ok());
        error.pod = pod.map(str::to_owned);
        error
    }
}

fn is_error_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with("ERROR_") && text.bytes().all(allowed)
}

/// gRPC code → HTTP status, and the error code for a failure that has none of its own.
fn translate(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::Ok => (StatusCode::OK, "ERROR_UNKNOWN"),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            (StatusCode::BAD_REQUEST, "ERROR_INVALID_ARGUMENT")
        }
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "ERROR_AUTHENTICATE_FAILURE"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "ERROR_PERMISSION_DENIED"),
        Code::NotFound => (StatusCode::NOT_FOUND, "ERROR_NOT_FOUND"),
        Code::AlreadyExists | Code::Aborted => (StatusCode::CONFLICT, "ERROR_CONFLICT"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "ERROR_RESOURCE_EXHAUSTED"),
        // nginx's number for a client that went away; no name of its own.
        Code::Cancelled => (
            StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            "ERROR_CANCELLED",
        ),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "ERROR_UNSUPPORTED_API"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ERROR_GRPC_CONNECTION"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "ERROR_GRPC_TIMEOUT"),
        Code::Unknown | Code::Internal | Code::DataLoss => {
            (StatusCode::INTERNAL_SERVER_ERROR, "ERROR_UNKNOWN")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_of_the_backends_becomes_code_and_message() {
        let error = ApiError::from(Status::not_found("ERROR_NOT_FOUND: No such thing. (a: b)"));
        assert_eq!(error.status, StatusCode::NOT_FOUND);
        assert_eq!(error.code, "ERROR_NOT_FOUND");
        assert_eq!(error.message, "No such thing. (a: b)");
    }

    #[test]
    fn every_grpc_code_has_its_http_status_and_an_error_code() {
        let table = [
            (Code::InvalidArgument, 400, "ERROR_INVALID_ARGUMENT"),
            (Code::FailedPrecondition, 400, "ERROR_INVALID_ARGUMENT"),
            (Code::OutOfRange, 400, "ERROR_INVALID_ARGUMENT"),
            (Code::Unauthenticated, 401, "ERROR_AUTHENTICATE_FAILURE"),
            (Code::PermissionDenied, 403, "ERROR_PERMISSION_DENIED"),
            (Code::NotFound, 404, "ERROR_NOT_FOUND"),
            (Code::AlreadyExists, 409, "ERROR_CONFLICT"),
            (Code::Aborted, 409, "ERROR_CONFLICT"),
            (Code::ResourceExhausted, 429, "ERROR_RESOURCE_EXHAUSTED"),
            (Code::Cancelled, 499, "ERROR_CANCELLED"),
            (Code::Internal, 500, "ERROR_UNKNOWN"),
            (Code::Unknown, 500, "ERROR_UNKNOWN"),
            (Code::DataLoss, 500, "ERROR_UNKNOWN"),
            (Code::Unimplemented, 501, "ERROR_UNSUPPORTED_API"),
            (Code::Unavailable, 503, "ERROR_GRPC_CONNECTION"),
            (Code::DeadlineExceeded, 504, "ERROR_GRPC_TIMEOUT"),
        ];
        // All but OK, which is no failure.
        assert_eq!(table.len(), 16);
        for (code, http, fallback) in table {
            let bare = ApiError::from(Status::new(code, "no code of its own"));
            assert_eq!(bare.status.as_u16(), http, "{code:?}");
            assert_eq!(bare.code, fallback, "{code:?}");
            assert_eq!(bare.message, "no code of its own");
            // What the backend says goes before what the code would say.
            let told = ApiError::from(Status::new(code, "ERROR_DB_QUERY: It: failed."));
            assert_eq!(
                (told.status.as_u16(), told.code.as_str()),
                (http, "ERROR_DB_QUERY")
            );
            assert_eq!(told.message, "It: failed.");
            let alone = ApiError::from(Status::new(code, "ERROR_DB_QUERY"));
            assert_eq!(alone.code, "ERROR_DB_QUERY", "{code:?}");
            for odd in [
                "error_db: x",
                "ERROR_lower: x",
                "ERROR DB: x",
                "reason: ERROR_X: y",
            ] {
                let odd = ApiError::from(Status::new(code, odd));
                assert_eq!(odd.code, fallback, "{odd}");
            }
        }
    }

    #[tokio::test]
    async fn both_versions_wrap_an_error_in_their_own_form() {
        for (version, expected) in [
            (
                Version::V1,
                json!({"detail": {"message": "No.", "code": "ERROR_X", "fail_items": {}}}),
            ),
            (
                Version::V2,
                json!({"detail": {"code": "ERROR_X", "message": "No."}}),
            ),
        ] {
            let error = ApiError::from(Status::not_found("ERROR_X: No."));
            let response = error.respond(version);
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            let body = axum::body::to_bytes(response.into_body(), 4096)
                .await
                .unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn a_failure_below_the_backend_gets_a_code() {
        let error = ApiError::from(Status::unavailable("tcp connect error: refused"));
        assert_eq!(
            (error.status.as_u16(), error.code.as_str()),
            (503, "ERROR_GRPC_CONNECTION")
        );
        assert_eq!(error.message, "tcp connect error: refused");
        assert_eq!(ApiError::from(Status::cancelled("")).status.as_u16(), 499);
    }
}
