//! The life of a lab, in the order in which things start and stop.
//!
//! Start: lock, admin API, host ports, runtime, registry, ClusterIPs and DNS, ingress, pods.
//! Stop: no new connections, open requests end, pods go, ClusterIPs and DNS, runtime, admin API.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::cluster::Surroundings;
use super::extras::System;
use super::gateway::{Addresses, Parts};
use super::network::Network;
use super::reload::Changer;
use super::{
    StartError, difference, extras, facts, faults, gateway, host_ports, lines, outlet, runtime,
    signals, space, store,
};
use crate::client::{AdminFile, LabFolder};
use crate::config::{Config, Source};
use crate::controllers::{self, Asked, Inputs};
use crate::dashboard::{self, AdminState, Codes, Facts, Wish};
use crate::lessons::Lessons;
use crate::model::{DownRequest, LabPhase, Urls};
use crate::net::Trigger;
use crate::pods::{self, PodLine, PodRuntime, RuntimeSettings};
use crate::registry::{Cluster, Registry};
use crate::trace::{Limits, Theatre, Tracer};

/// Events of the data path that may wait for the theatre. A film makes two, a connection two more.
const WAITING_EVENTS: usize = 8192;
/// Lines of pods that may wait; a full channel makes the pods wait.
const WAITING_LINES: usize = 4096;

/// Reloads and kills that may wait for each other.
const WAITING_WISHES: usize = 16;

/// Runs a lab until it is asked to stop.
pub async fn run(config: Config, source: Source, folder: LabFolder) -> Result<(), StartError> {
    folder.prepare()?;
    let Some(lock) = folder.lock_soon().await? else {
        return Err(StartError::AlreadyRuns(config.name));
    };
    space::check(&folder)?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .map_err(StartError::system("bind the admin API"))?;
    let address = listener
        .local_addr()
        .map_err(StartError::system("bind the admin API"))?;
    let token = dashboard::new_token().map_err(StartError::system("make a token"))?;
    let (facts, seen) = watch::channel(facts::first(&config, address));
    let (stop, stops) = mpsc::channel(1);
    let (wish, wishes) = mpsc::channel(WAITING_WISHES);
    let (trigger, shutdown) = Trigger::new();
    let registry = Registry::new(Cluster::default());
    let limits = Limits {
        films: config.trace.keep,
        ..Limits::default()
    };
    let theatre = Theatre::new(limits);
    let state = AdminState {
        registry: registry.clone(),
        facts: seen,
        records: Arc::new(theatre.clone()),
        lessons: Lessons::new(registry.clone(), theatre.clone(), Some(folder.lessons())),
        stop: stop.clone(),
        wishes: wish,
        loads: crate::load::Loads::default(),
        token: token.as_str().into(),
        codes: Codes::default(),
        shutdown: shutdown.clone(),
    };
    let admin = tokio::spawn(dashboard::serve(listener, state, shutdown));
    folder.write_admin(&AdminFile {
        address,
        token,
        pid: std::process::id(),
    })?;
    let lab = Lab {
        config,
        source,
        stop,
        folder: folder.clone(),
        registry,
        theatre,
        facts,
    };
    let ended = lab.live(stops, wishes).await;
    trigger.trigger();
    // Its only errors are of connections that nobody waits for any more.
    let _ = admin.await;
    folder.remove_admin()?;
    drop(lock);
    ended
}

/// Removes what a lab that is not running left behind; with `data` also what should survive it.
pub async fn remove_leftovers(folder: &LabFolder, data: bool) -> Result<(), StartError> {
    let (lines, _) = mpsc::channel(1);
    pods::clean(&runtime_settings(folder, lines), data).await?;
    folder.remove_admin()?;
    if data {
        folder.remove_data()?;
    }
    Ok(())
}

fn runtime_settings(folder: &LabFolder, lines: mpsc::Sender<PodLine>) -> RuntimeSettings {
    RuntimeSettings {
        lab: folder.name().to_owned(),
        state: folder.path(),
        lines,
    }
}

/// What the lab and its pods say to each other.
struct Talk {
    /// What pods are told at their start.
    system: System,
    /// What they ask for.
    wished: mpsc::Receiver<Asked>,
}

/// A lab between its admin API's start and end.
struct Lab {
    config: Config,
    source: Source,
    stop: mpsc::Sender<DownRequest>,
    folder: LabFolder,
    registry: Registry,
    theatre: Theatre,
    facts: watch::Sender<Facts>,
}

impl Lab {
    /// Everything that can fail for the user's reasons, then the life, then the end.
    async fn live(
        self,
        mut stops: mpsc::Receiver<DownRequest>,
        wishes: mpsc::Receiver<Wish>,
    ) -> Result<(), StartError> {
        let ports = gateway::HostPorts::bind(&self.config)?;
        let authority = Arc::new(gateway::authority(&self.folder)?);
        let Addresses { http, https } = ports.addresses;
        self.facts.send_modify(|facts| {
            facts.urls = Urls {
                dashboard: facts.urls.dashboard.take(),
                ..self.config.urls(http.port(), https.port())
            };
            facts.ca_certificate = Some(authority.certificate_path().to_owned());
        });
        let (lines, written) = mpsc::channel(WAITING_LINES);
        let settings = runtime_settings(&self.folder, lines);
        let runtime = runtime::choose(&self.config, settings).await?;
        self.facts.send_modify(|facts| {
            runtime.name().clone_into(&mut facts.runtime);
            facts.runtime_reason = runtime.describe();
        });
        let (ask, heard) = mpsc::channel(WAITING_WISHES);
        let (theatre, registry) = (self.theatre.clone(), self.registry.clone());
        let reading = tokio::spawn(lines::read(theatre, registry, ask, written));
        let system = System::default();
        let mut signal = pin!(signals::asked());
        let lived = async {
            let said = |text: &str| {
                self.facts
                    .send_modify(|facts| facts.reason = Some(text.to_owned()));
            };
            let building = async {
                let minting = system.make(self.config.cloudforet.enabled);
                let (prepared, minted) = tokio::join!(runtime.prepare(&said), minting);
                prepared?;
                minted?;
                self.facts.send_modify(|facts| facts.reason = None);
                let surroundings = Surroundings {
                    authority: Arc::clone(&authority),
                    addresses: ports.addresses,
                    network: runtime.network(),
                    on_host: runtime.name() == "process",
                };
                self.build(&*runtime, &surroundings).await?;
                Ok::<_, StartError>(surroundings)
            };
            let surroundings = tokio::select! {
                built = building => built?,
                // What it has begun is removed as after a life.
                () = &mut signal => return Ok(DownRequest::default()),
            };
            let (kills, killed) = mpsc::channel(WAITING_WISHES);
            let way_in = Parts {
                ports,
                registry: self.registry.clone(),
                authority,
                own_address: gateway::balancer_address(&runtime.network()),
                dashboard: self.facts.borrow().urls.dashboard.clone(),
                kills: killed,
                ledger: self.theatre.ledger().clone(),
                tape: self.theatre.tape().clone(),
                log_book: self.theatre.log_book().clone(),
            };
            let changer = Changer {
                source: self.source.clone(),
                config: self.config.clone(),
                registry: self.registry.clone(),
                runtime: Arc::clone(&runtime),
                surroundings,
                data: self.folder.data(),
                system: system.clone(),
                facts: self.facts.clone(),
                kills,
                stop: self.stop.clone(),
            };
            let changing = tokio::spawn(changer.run(wishes));
            let (registry, pods) = (self.registry.clone(), Arc::clone(&runtime));
            let breaking = tokio::spawn(faults::keep(registry, pods));
            let pods = Talk {
                system,
                wished: heard,
            };
            let lived = self.serve(&runtime, way_in, pods, &mut stops, signal);
            let lived = lived.await;
            changing.abort();
            breaking.abort();
            lived
        };
        let lived = lived.await;
        let data = lived.as_ref().is_ok_and(|wish| wish.data);
        let removed = runtime.shut_down(data).await;
        drop(runtime);
        reading.abort();
        lived?;
        removed?;
        if data {
            self.folder.remove_data()?;
        }
        Ok(())
    }

    /// The first picture of the registry.
    async fn build(
        &self,
        runtime: &dyn PodRuntime,
        surroundings: &Surroundings,
    ) -> Result<(), StartError> {
        let mut deployments = self.config.deployments.clone();
        let data = self.folder.data();
        let stores = store::choose(&self.config, &mut deployments, &[], runtime, &data).await?;
        let nothing = Cluster::default();
        let first = surroundings.picture(&self.config, deployments, &nothing);
        let first = first.await?;
        self.registry
            .change(|cluster| difference::write(cluster, first));
        self.facts.send_modify(|facts| {
            stores.tell(&mut facts.stores);
        });
        Ok(())
    }

    /// Serves until somebody wishes the end, and stops everything in its order.
    async fn serve(
        &self,
        runtime: &Arc<dyn PodRuntime>,
        way_in: Parts,
        talk: Talk,
        stops: &mut mpsc::Receiver<DownRequest>,
        signal: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<DownRequest, StartError> {
        let (tracer, events) = Tracer::channel(WAITING_EVENTS);
        let theatre = self.theatre.clone();
        let receiving = tokio::spawn(async move { theatre.receive(events).await });
        let outlet = outlet::open(&self.config, &self.theatre);
        let (network_end, network_shutdown) = Trigger::new();
        let (gate_end, gate_shutdown) = Trigger::new();
        let (pods_end, mut pods_shutdown) = Trigger::new();

        let mut network = Network::start(
            runtime,
            &self.registry,
            &self.theatre,
            &tracer,
            &network_shutdown,
        )
        .await?;
        let following = tokio::spawn(lines::follow(
            self.registry.reader(),
            self.theatre.clone(),
            network.problems.clone(),
            self.facts.clone(),
        ));
        let host_ports = tokio::spawn(host_ports::serve(
            self.registry.clone(),
            self.config.load_balancer.clone(),
            way_in.own_address,
            tracer.clone(),
            gate_shutdown.clone(),
        ));
        let mut gate = tokio::spawn(gateway::serve(
            way_in,
            self.config.clone(),
            tracer,
            gate_shutdown,
        ));
        let inputs = Inputs::default();
        let plugins = controllers::Plugins {
            registry: self.registry.clone(),
            inputs: inputs.clone(),
            templates: extras::plugins(&self.config),
            runs_images: runtime.name() == "docker",
            machine: lines::machine(),
        };
        let mut plugins_shutdown = pods_shutdown.clone();
        let plugins = plugins.run(talk.wished, async move { plugins_shutdown.recv().await });
        let plugins = tokio::spawn(plugins);
        let pods = tokio::spawn(controllers::run(
            self.registry.clone(),
            Arc::clone(runtime),
            extras::provider(&self.config, network.dns, talk.system),
            inputs,
            async move { pods_shutdown.recv().await },
        ));
        self.facts
            .send_modify(|facts| facts.phase = LabPhase::Running);
        tracing::info!(runtime = runtime.name(), "running");

        let wish = tokio::select! {
            wish = stops.recv() => Ok(wish.unwrap_or_default()),
            () = signal => Ok(DownRequest::default()),
            ended = &mut gate => Err(ended_early("the ingress", ended)),
            Some(ended) = network.tasks.join_next() => Err(ended_early("the pod network", ended)),
        };
        self.facts
            .send_modify(|facts| facts.phase = LabPhase::Stopping);
        tracing::info!("stopping");
        gate_end.trigger();
        if !gate.is_finished() {
            // An error would be one of the end, which is what we want.
            let _ = gate.await;
        }
        let _ = host_ports.await;
        pods_end.trigger();
        let _ = plugins.await;
        let _ = pods.await;
        network_end.trigger();
        while network.tasks.join_next().await.is_some() {}
        receiving.abort();
        following.abort();
        outlet.close().await;
        wish
    }
}

/// A task that should have run until the end has ended.
fn ended_early(
    what: &'static str,
    ended: Result<Result<(), StartError>, tokio::task::JoinError>,
) -> StartError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => StartError::EndedEarly { what },
        Err(error) => StartError::System {
            what,
            source: error.into(),
        },
    }
}
