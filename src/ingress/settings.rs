//! What a replica is told when it starts, and where the defaults come from.

use std::sync::Arc;
use std::time::Duration;

use super::{AccessLog, Sampler, endpoint_tls};
use crate::model::Flavour;
use crate::trace::{Ledger, Tape};

/// How a replica behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose headers and status codes it has.
    pub flavour: Flavour,
    /// The port at which clients reach HTTP; part of redirects unless it is 80.
    pub http_port: u16,
    /// The port at which clients reach HTTPS; part of redirects unless it is 443.
    pub https_port: u16,
    /// Which requests that bring no trace get one.
    pub sampler: Arc<Sampler>,
    /// Which requests get one because they failed, although neither they nor the sampler wanted one.
    pub failures: Arc<Sampler>,
    /// Where the dashboard is, with a slash at its end; error pages lead there.
    pub dashboard: Option<String>,
    /// Who is told of each request, if anybody is.
    pub access_log: Option<AccessLog>,
    /// Where requests go while somebody records them.
    pub tape: Tape,
    /// Where replicas count their requests.
    pub ledger: Ledger,
    /// For the header of the PROXY protocol, where one must come first.
    pub proxy_header: Duration,
    /// For TLS handshakes.
    pub handshake: Duration,
    /// For a request head, from its first byte to its last.
    pub client_header: Duration,
    /// Between requests of a kept connection.
    pub client_idle: Duration,
    /// How long bytes of a request body may be missing, in all; 500 of them earn a second more.
    pub client_body: Duration,
    /// How long a client may take nothing of an answer.
    pub client_write: Duration,
    /// For a connection to an endpoint.
    pub connect: Duration,
    /// Until the response head; `None` waits for as long as the client does.
    pub response: Option<Duration>,
    /// Between two pieces of a response body.
    pub read: Option<Duration>,
    /// How long an unused connection to an endpoint is kept. Less than any backend of the lab
    /// keeps it, or a request would meet a connection that is just being closed.
    pub idle: Duration,
    /// Unused connections kept for each endpoint.
    pub idle_per_endpoint: usize,
    /// How endpoints that speak TLS are dialled.
    pub endpoint_tls: Arc<rustls::ClientConfig>,
    /// HTTP/2 streams of one client connection.
    pub streams: u32,
    /// From the signal to stop until open requests are cut.
    pub grace: Duration,
    /// Accepted connections that may wait for the replica.
    pub queue: usize,
}

impl Settings {
    /// Failures that are filmed each second: far more than anybody looks at, and a thousandth of
    /// what the ring of films can take.
    pub const FAILURES_PER_SECOND: u32 = 50;

    /// The defaults of this controller.
    pub fn new(flavour: Flavour) -> Self {
        let traefik = Self {
            flavour: Flavour::default(),
            http_port: 80,
            https_port: 443,
            sampler: Arc::new(Sampler::new(0)),
            failures: Arc::new(Sampler::new(Self::FAILURES_PER_SECOND)),
            dashboard: None,
            access_log: None,
            tape: Tape::default(),
            ledger: Ledger::default(),
            // What HAProxy's documentation advises (`timeout client-hs`, some seconds) and more than
            // any proxy beside the lab needs.
            proxy_header: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            // Lab: both allow 60 s, which is what a slow attacker likes.
            client_header: Duration::from_secs(30),
            client_idle: Duration::from_secs(180),
            client_body: Duration::from_secs(60),
            client_write: Duration::from_secs(60),
            // Both controllers allow more (30 s and 5 s); everything here is one hop away.
            connect: Duration::from_secs(5),
            response: None,
            read: None,
            idle: Duration::from_secs(30),
            idle_per_endpoint: 200,
            endpoint_tls: endpoint_tls::config(&flavour, rustls::RootCertStore::empty())
                .expect("the provider knows the default versions"),
            streams: 250,
            grace: Duration::from_secs(10),
            queue: 1024,
        };
        match flavour {
            Flavour::Traefik(_) => Self { flavour, ..traefik },
            Flavour::Nginx(_) => Self {
                flavour,
                client_idle: Duration::from_secs(75),
                response: Some(Duration::from_secs(60)),
                read: Some(Duration::from_secs(60)),
                idle_per_endpoint: 320,
                streams: 128,
                ..traefik
            },
        }
    }
}
