//! The supervisor: keeps the pods of plugins as the plugin service has them in its books, and tells
//! it how they are.
//!
//! It remembers nothing that it could not find out again: what should run is in the books, what runs
//! is the platform's to say, and names follow from both. So it may be restarted at any time, and
//! says nothing to the platform before it has seen the books.

mod plan;
mod platform;

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::plan::Report;
pub use self::platform::Platform;
use super::client::{CallAs, Channels, Target};
use super::error::{Failure, StartError};
use super::proto::plugin::v1::{
    PluginInfo, PluginQuery, PluginsInfo, PublishSupervisorRequest, SupervisorInfo,
};
use super::settings::Settings;
use crate::model::WantedPlugin;
use crate::net::Shutdown;

/// The supervisor that works for every domain is called so upstream.
const NAME: &str = "root";
/// By which the books tell one supervisor from another; upstream's chart has this one too.
const HOSTNAME: &str = "spaceone-plugin.svc.cluster.local";
const LIST_PLUGINS: &str = "/spaceone.api.plugin.v1.Supervisor/list_plugins";
const PUBLISH: &str = "/spaceone.api.plugin.v1.Supervisor/publish";
/// Between two looks into the books.
// Lab: upstream looks every 10 s, and waits 30 s more for each new plugin.
const LOOK: Duration = Duration::from_millis(400);
/// What is said even when nothing has changed, so that silence means something.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Changes come in bursts: a pod is there, has an address, is ready.
const BURST: Duration = Duration::from_millis(50);

/// The supervisor at work.
#[derive(Debug)]
struct Supervisor {
    plugins: Target,
    who: CallAs,
    settings: Settings,
    platform: Platform,
    /// What the platform was asked for last, and when.
    asked: Option<(Vec<WantedPlugin>, Instant)>,
    /// What was published last, and when.
    told: Option<(Vec<Report>, Instant)>,
    /// Plugins whose pods are being stopped to be replaced.
    replacing: BTreeSet<String>,
    /// Whether the last look into the books failed: the log tells the first time only.
    blind: bool,
}

/// Works until the signal. The pods outlive it.
pub async fn serve(
    settings: Settings,
    platform: Platform,
    mut shutdown: Shutdown,
) -> Result<(), StartError> {
    let plugins = Channels::new(&settings)
        .target("plugin")
        .map_err(|error| StartError::Endpoint(error.to_string()))?;
    let domain_id = settings.login.domain_id();
    let who = CallAs::system(settings.system_token.as_ref(), &domain_id, "")
        .map_err(|error| StartError::Credentials(error.to_string()))?;
    let mut supervisor = Supervisor {
        plugins,
        who,
        settings,
        platform,
        asked: None,
        told: None,
        replacing: BTreeSet::new(),
        blind: false,
    };
    loop {
        let round = async {
            supervisor.look().await;
            tokio::select! {
                () = supervisor.platform.changed() => sleep(BURST).await,
                () = sleep(LOOK) => {}
            }
        };
        tokio::select! {
            () = round => {}
            () = shutdown.recv() => return Ok(()),
        }
    }
}

impl Supervisor {
    async fn look(&mut self) {
        match self.round().await {
            Ok(()) if self.blind => {
                tracing::info!("the plugin service answers again");
                self.blind = false;
            }
            Ok(()) => {}
            Err(error) if self.blind => tracing::debug!(%error, "still no plugin service"),
            Err(error) => {
                // The pods stay as they are meanwhile.
                tracing::warn!(%error, "cannot look into the plugin service's books");
                self.blind = true;
            }
        }
    }

    async fn round(&mut self) -> Result<(), Failure> {
        if self.told.is_none() {
            // The books may not know this supervisor yet, and nobody is given work before they do.
            self.publish(&[]).await?;
            self.told = Some((Vec::new(), Instant::now()));
        }
        let listed = self.listed().await?;
        plan::mark(&listed, &mut self.replacing);
        self.want(&listed).await;
        let running = self.platform.running();
        let reports = plan::reports(&listed, &running, &mut self.replacing);
        let heartbeat = |told: &(Vec<Report>, Instant)| told.1.elapsed() >= HEARTBEAT;
        let news = plan::news(&listed, &reports);
        let same = self
            .told
            .as_ref()
            .is_some_and(|told| told.0 == reports && !heartbeat(told));
        if !news && same {
            return Ok(());
        }
        self.publish(&reports).await?;
        self.told = Some((reports, Instant::now()));
        Ok(())
    }

    /// What the books have.
    async fn listed(&self) -> Result<Vec<PluginInfo>, Failure> {
        let request = PluginQuery {
            hostname: HOSTNAME.to_owned(),
            ..PluginQuery::default()
        };
        let listed: PluginsInfo = self.plugins.call(LIST_PLUGINS, request, &self.who).await?;
        Ok(listed.results)
    }

    async fn want(&mut self, listed: &[PluginInfo]) {
        let wanted = plan::wanted(listed, &self.settings.plugins, &self.replacing);
        // Said again from time to time, should the other side have started anew.
        let known = self
            .asked
            .as_ref()
            .is_some_and(|(asked, when)| *asked == wanted && when.elapsed() < HEARTBEAT);
        if known {
            return;
        }
        if self.platform.want(wanted.clone()).await {
            self.asked = Some((wanted, Instant::now()));
        } else {
            tracing::warn!("nobody is there to run plugins");
        }
    }

    async fn publish(&self, reports: &[Report]) -> Result<(), Failure> {
        let request = PublishSupervisorRequest {
            name: NAME.to_owned(),
            hostname: HOSTNAME.to_owned(),
            plugin_info: plan::messages(reports),
            is_public: true,
            tags: Some(plan::tags(reports)),
            domain_id: self.settings.login.domain_id(),
            ..PublishSupervisorRequest::default()
        };
        let _: SupervisorInfo = self.plugins.call(PUBLISH, request, &self.who).await?;
        Ok(())
    }
}
