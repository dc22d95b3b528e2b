//! Where spans go beside the films: to a receiver of OTLP, if the config names one.

use crate::config::Config;
use crate::otlp::{self, Sending};
use crate::trace::Theatre;

/// What is sent, if anything is.
pub(super) struct Outlet(Option<Sending>);

/// Begins to send every span that the theatre hears of.
pub(super) fn open(config: &Config, theatre: &Theatre) -> Outlet {
    let Some(target) = &config.trace.otlp else {
        return Outlet(None);
    };
    tracing::info!(%target, "spans are exported");
    let (outlet, sending) = otlp::open(&config.name, target.clone());
    theatre.listen(Box::new(outlet));
    Outlet(Some(sending))
}

impl Outlet {
    /// Sends what waits.
    pub(super) async fn close(self) {
        if let Some(sending) = self.0 {
            sending.finish().await;
        }
    }
}
