//! Why a request is not served, and the one place that turns it into a status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::model::Refusal;
use crate::registry::ScaleError;

/// Why the admin API does not do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// `Host` is not loopback.
    #[error("this host name is not one of the lab's")]
    Host,
    /// A page of another origin sent it.
    #[error("requests of other origins are refused")]
    Origin,
    /// The token is missing or wrong.
    #[error("the token is missing or wrong")]
    Token,
    /// The body is not said to be JSON.
    #[error("the body must be application/json")]
    ContentType,
    /// The body is JSON of another shape, or none.
    #[error("the body cannot be read: {0}")]
    Body(String),
    /// A parameter of the query has another shape.
    #[error("the query cannot be read: {0}")]
    Query(String),
    /// Nothing is there.
    #[error("there is no such route")]
    NoSuchRoute,
    /// Something is there, but not for this method.
    #[error("this route has another method")]
    Method,
    /// The lab has no Service of this name.
    #[error("there is no Service {0}")]
    NoSuchService(String),
    /// The lab has no pod of this name.
    #[error("there is no pod {0}")]
    NoSuchPod(String),
    /// The registry refuses the number of pods.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// What runs is kept: the files cannot be used.
    #[error("{0}")]
    Config(String),
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(String),
    /// There is no such film (yet).
    #[error("there is no film of this trace")]
    NoSuchFilm,
    /// The lab is stopping already.
    #[error("the lab is stopping")]
    Stopping,
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(_)
            | Self::Query(_)
            | Self::Scale(ScaleError::TooMany { .. } | ScaleError::TooManyReplicas { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Self::Config(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoSuchRoute
            | Self::NoSuchService(_)
            | Self::NoSuchPod(_)
            | Self::NoSuchFilm
            | Self::Scale(ScaleError::Unknown { .. }) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Scale(ScaleError::NoPods { .. } | ScaleError::OneVolume { .. }) => {
                StatusCode::CONFLICT
            }
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Host => Some("use 127.0.0.1 or localhost"),
            Self::Token => Some("it is in admin.json in the lab's state folder"),
            Self::NoSuchService(_) | Self::NoSuchPod(_) => Some("lab status lists what there is"),
            Self::Config(_) => Some("what runs is kept as it is; mend the files and reload again"),
            Self::Scale(ScaleError::NoPods { .. }) => {
                Some("name several addresses in endpoints, in lab.toml")
            }
            _ => None,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let refusal = Refusal {
            error: self.to_string(),
            hint: self.hint().map(str::to_owned),
        };
        (self.status(), Json(refusal)).into_response()
    }
}
