//! What keeps `lab trace` from showing a film.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::TraceId;

/// Why there is no film. All but [`Self::Usage`] mean exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The command line makes no request; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The status of the lab lacks something.
    #[error("the lab's status has no usable `{0}`")]
    Status(&'static str),
    /// The CA's certificate cannot be read.
    #[error("cannot read the lab's certificate {path}: {reason}")]
    Certificate {
        /// Where it should be.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS cannot be set up at all.
    #[error("cannot set up TLS")]
    TlsSetup(#[source] rustls::Error),
    /// Nobody answers at the load balancer.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where it tried.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No TLS with this name.
    #[error("no TLS connection to {host} at {address}")]
    Handshake {
        /// The name from the URL.
        host: String,
        /// Where it connected.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the request got no answer")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("{what} took longer than {seconds} s")]
    Timeout {
        /// What did.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The console API did not let the lab's own user in.
    #[error("cannot log in ({step}: {reason})")]
    Login {
        /// Which of the requests.
        step: &'static str,
        /// What it answered.
        reason: String,
    },
    /// The console API did not do what it was asked for.
    #[error("the console API refused {path}: {reason}")]
    Api {
        /// The method.
        path: &'static str,
        /// What it answered.
        reason: String,
    },
    /// The running lab cannot be asked.
    #[error("cannot get the film: {0}")]
    Source(String),
    /// The request was answered by something that is not this lab.
    #[error("no hop of this lab saw the request (trace {0})")]
    NoFilm(TraceId),
    /// The output is gone.
    #[error("cannot print")]
    Print(#[from] io::Error),
}

impl TraceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Status(_) => Some("`lab status` shows whether the lab is ready"),
            Self::Connect { .. } | Self::NoFilm(_) => {
                Some("`lab status` shows the lab's own addresses and ports")
            }
            Self::Handshake { .. } => Some("-k accepts any certificate"),
            Self::Login { .. } => Some("--no-login sends the request without"),
            _ => None,
        }
    }
}
