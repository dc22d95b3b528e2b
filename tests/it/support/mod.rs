//! What several tests need: a running lab, an HTTPS client that trusts its CA, waiting for facts.

pub(crate) mod browser;
pub(crate) mod clients;
pub(crate) mod corpus;
pub(crate) mod https;
pub(crate) mod lab;
pub(crate) mod mongod;
pub(crate) mod raw;
pub(crate) mod redis_server;
pub(crate) mod spacectl;
pub(crate) mod stack;

/// Waits until the expression is `Some` and gives its value; panics with the text after 30 s.
#[macro_export]
macro_rules! eventually {
    ($what:expr, $attempt:expr) => {{
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
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
