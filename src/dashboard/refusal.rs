//! Why a request is not served, and the one place that turns it into a status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::lessons::LessonError;
use crate::model::Refusal;
use crate::registry::{FaultError, ScaleError};

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
    /// A browser has handed in a code that is used, too old or made up.
    #[error("this link has been used already, or is too old")]
    Code,
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
    /// The lab has no Service and no Deployment of this name.
    #[error("there is no Service {0}")]
    NoSuchService(String),
    /// The lab has no pod of this name.
    #[error("there is no pod {0}")]
    NoSuchPod(String),
    /// Nothing that a port-forward could lead to.
    #[error("{0}")]
    NoForward(String),
    /// The registry refuses the number of pods.
    #[error(transparent)]
    Scale(#[from] ScaleError),
    /// What runs is kept: the files cannot be used.
    #[error("{0}")]
    Config(String),
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(String),
    /// A fault that makes no sense, or is none.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// A load that cannot be made.
    #[error("{reason}")]
    Load {
        /// Why not.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Another load is under way.
    #[error("{0}")]
    LoadRuns(String),
    /// There is no such film (yet).
    #[error("there is no film of this trace")]
    NoSuchFilm,
    /// The lesson does not go on.
    #[error(transparent)]
    Lesson(#[from] LessonError),
    /// The lab is stopping already.
    #[error("the lab is stopping")]
    Stopping,
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token | Self::Code => StatusCode::UNAUTHORIZED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(_)
            | Self::Query(_)
            | Self::Load { .. }
            | Self::Fault(
                FaultError::Unfit { .. } | FaultError::Bounds { .. } | FaultError::NotRouted { .. },
            )
            | Self::Scale(ScaleError::TooMany { .. } | ScaleError::TooManyReplicas { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Self::Config(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoSuchRoute
            | Self::NoSuchService(_)
            | Self::NoSuchPod(_)
            | Self::NoSuchFilm
            | Self::Fault(FaultError::Unknown { .. } | FaultError::NoFault(_))
            | Self::Scale(ScaleError::Unknown { .. }) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::LoadRuns(_)
            | Self::NoForward(_)
            | Self::Fault(FaultError::TooMany | FaultError::NothingRuns { .. })
            | Self::Scale(
                ScaleError::NoPods { .. }
                | ScaleError::OneVolume { .. }
                | ScaleError::Plugin { .. },
            ) => StatusCode::CONFLICT,
            Self::Lesson(error) => match error {
                LessonError::Unknown { .. } | LessonError::None => StatusCode::NOT_FOUND,
                LessonError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                LessonError::Answer(_) => StatusCode::BAD_REQUEST,
                LessonError::Busy(_) | LessonError::Over | LessonError::NotYet { .. } => {
                    StatusCode::CONFLICT
                }
            },
            Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Lesson(error) => return error.hint(),
            Self::Host => Some("use 127.0.0.1 or localhost"),
            Self::Token => Some("it is in admin.json in the lab's state folder"),
            Self::Code => Some("get a new one with: lab open"),
            Self::NoSuchService(_)
            | Self::NoSuchPod(_)
            | Self::Fault(FaultError::Unknown { .. }) => Some("lab status lists what there is"),
            Self::Load { hint, .. } => Some(*hint),
            Self::Fault(FaultError::NoFault(_)) => Some("lab fault list shows those that act"),
            Self::Fault(FaultError::TooMany) => Some("undo some with: lab fault undo"),
            Self::Fault(FaultError::NotRouted { .. }) => {
                Some("reset, drop and delay work on the connections between pods as well")
            }
            Self::LoadRuns(_) => Some("wait for its end: two would measure each other"),
            Self::Config(_) => Some("what runs is kept as it is; mend the files and reload again"),
            Self::Scale(ScaleError::NoPods { .. }) => {
                Some("name several addresses in endpoints, in lab.toml")
            }
            Self::Scale(ScaleError::Plugin { .. }) => {
                Some("write replicas = N into its [plugins.NAME], and start the lab again")
            }
            _ => None,
        };
        hint.map(str::to_owned)
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let refusal = Refusal {
            error: self.to_string(),
            hint: self.hint(),
        };
        (self.status(), Json(refusal)).into_response()
    }
}
