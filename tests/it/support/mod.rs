//! What several tests need: a running lab, an HTTPS client that trusts its CA, waiting for facts.

pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod clients;
pub(crate) mod corpus;
pub(crate) mod dashboard;
pub(crate) mod https;
pub(crate) mod json_schema;
pub(crate) mod lab;
pub(crate) mod mock_api;
pub(crate) mod mongod;
pub(crate) mod raw;
pub(crate) mod redis_server;
pub(crate) mod reflecting;
pub(crate) mod spacectl;
pub(crate) mod stack;

/// How long a test waits for something that has to happen.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Waits until the expression is `Some` and gives its value; panics with the text after [`PATIENCE`].
#[macro_export]
macro_rules! eventually {
    ($what:expr, $attempt:expr) => {{
        let deadline = std::time::Instant::now() + $crate::support::PATIENCE;
        loop {
            if let Some(value) = $attempt {
                break value;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "never happened: {}",
                $what
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }};
}
