//! What keeps `lab trace` from showing a film.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::TraceId;

/// As clap's own.
const BAD_USAGE: u8 = 2;

/// Why there is no film. All but [`Self::Usage`] mean exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The command line makes no request; exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The status of the lab lacks something.
    #[error("the lab's status has no usable `{0}`; hint: `lab status` shows whether it is ready")]
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
    #[error("cannot connect to {address}; hint: `lab status` shows the ports of the load balancer")]
    Connect {
        /// Where it tried.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No TLS with this name.
    #[error("no TLS connection to {host} at {address}; hint: -k accepts any certificate")]
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
    #[error("cannot log in ({step}: {reason}); hint: --no-login sends the request without")]
    Login {
        /// Which of the requests.
        step: &'static str,
        /// What it answered.
        reason: String,
    },
    /// The running lab cannot be asked.
    #[error("cannot get the film: {0}")]
    Source(String),
    /// The request was answered by something that is not this lab.
    #[error("no hop of this lab saw the request (trace {0}); hint: is the port the lab's own?")]
    NoFilm(TraceId),
    /// The output is gone.
    #[error("cannot print")]
    Print(#[from] io::Error),
}

impl TraceError {
    /// What the command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => BAD_USAGE,
            _ => 1,
        }
    }
}
