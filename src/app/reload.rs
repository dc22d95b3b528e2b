//! `lab reload`, SIGHUP and `lab kill`: changes of a running lab that only the app can make.
//!
//! The files are read as at the start. What cannot be used is refused as a whole, and what runs
//! stays; else only differences are written, so that nobody who is not concerned notices.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::cluster::Surroundings;
use super::extras::System;
use super::runtime::check_images;
use super::signals::{Hangup, Hangups};
use super::{StartError, difference, store};
use crate::config::{
    CloudforetConfig, Config, IngressConfig, LoadBalancerConfig, Overrides, Source,
};
use crate::dashboard::{Facts, Wish};
use crate::model::{Deployment, DownRequest, ReloadAnswer, Urls};
use crate::pods::PodRuntime;
use crate::registry::{Cluster, Registry};

/// Fulfils wishes, one after the other.
pub(super) struct Changer {
    pub(super) source: Source,
    /// What counts now: the last file that was read, except for what cannot change.
    pub(super) config: Config,
    pub(super) registry: Registry,
    pub(super) runtime: Arc<dyn PodRuntime>,
    pub(super) surroundings: Surroundings,
    /// Where the stores of processes keep their data.
    pub(super) data: PathBuf,
    pub(super) system: System,
    pub(super) facts: watch::Sender<Facts>,
    /// Names of ingress replicas that are to die.
    pub(super) kills: mpsc::Sender<String>,
    pub(super) stop: mpsc::Sender<DownRequest>,
}

impl Changer {
    /// Runs for as long as somebody may have a wish.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        let mut hangups = Hangups::listen();
        loop {
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(Wish::Reload(answer)) => {
                        let outcome = self.reload().await;
                        // Who asked may have gone.
                        let _ = answer.send(outcome);
                    }
                    Some(Wish::Kill { pod, answer }) => self.kill(pod, answer).await,
                    None => return,
                },
                hangup = hangups.recv() => match hangup {
                    Hangup::Reload => self.reload_by_signal().await,
                    Hangup::TerminalGone => {
                        // A full channel holds the same wish of somebody else.
                        let _ = self.stop.try_send(DownRequest::default());
                    }
                },
            }
        }
    }

    async fn reload_by_signal(&mut self) {
        match self.reload().await {
            Ok(answer) => {
                for key in &answer.needs_restart {
                    tracing::warn!(
                        key,
                        "cannot change while the lab runs; it needs lab down and lab up"
                    );
                }
                for change in &answer.changes {
                    tracing::info!("reloaded: {change}");
                }
                tracing::info!(changes = answer.changes.len(), "reloaded");
            }
            Err(problem) => tracing::error!("not reloaded, what runs is kept: {problem}"),
        }
    }

    /// Reads the files again and writes what differs; the error says why nothing was written.
    async fn reload(&mut self) -> Result<ReloadAnswer, String> {
        let (config, needs_restart) = self.read().map_err(|error| told(&error))?;
        let outcome = self.wanted(&config).await;
        let (mut wanted, stores) = outcome.map_err(|error| told(&error))?;
        let before = &self.config;
        let changes = self.registry.change(|cluster| {
            keep_scale(&mut wanted, cluster, before, &config);
            difference::write(cluster, wanted)
        });
        let addresses = self.surroundings.addresses;
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        self.facts.send_modify(|facts| {
            facts.urls = Urls {
                dashboard: facts.urls.dashboard.take(),
                ..config.urls(addresses.http.port(), addresses.https.port())
            };
            facts.config = Arc::new(config.applied());
            facts.warnings.clone_from(&warnings);
            facts.export.redirect_https = config.ingress.redirect_https;
            stores.tell(&mut facts.stores);
        });
        self.config = config;
        Ok(ReloadAnswer {
            changes,
            needs_restart,
            warnings,
        })
    }

    /// The config as it can be while the lab runs, and the keys that keep their old values.
    fn read(&self) -> Result<(Config, Vec<String>), crate::config::ConfigError> {
        let running = &self.config;
        let mut config = self.source.load()?;
        let needs_restart = fixed(running, &config);
        if config.ingress.controller != running.ingress.controller {
            let pinned = Source {
                overrides: Overrides {
                    controller: Some(running.ingress.controller),
                    ..self.source.overrides.clone()
                },
                ..self.source.clone()
            };
            config = pinned.load()?;
        }
        let config = Config {
            name: running.name.clone(),
            runtime: running.runtime,
            load_balancer: LoadBalancerConfig {
                external_traffic_policy: config.load_balancer.external_traffic_policy,
                ..running.load_balancer.clone()
            },
            docker: running.docker.clone(),
            trace: running.trace.clone(),
            login: running.login.clone(),
            stores: running.stores.clone(),
            grpc: running.grpc.clone(),
            plugins: running.plugins.clone(),
            cloudforet: CloudforetConfig {
                enabled: config.cloudforet.enabled,
                ..running.cloudforet.clone()
            },
            ingress: IngressConfig {
                controller: running.ingress.controller,
                access_log: running.ingress.access_log,
                ..config.ingress
            },
            ..config
        };
        Ok((config, needs_restart))
    }

    /// The picture that a config wants; with it what serves the data, if that was chosen anew.
    async fn wanted(&self, config: &Config) -> Result<(Cluster, store::Chosen), StartError> {
        check_images(config, &*self.runtime)?;
        self.system.make(config.cloudforet.enabled).await?;
        let now = self.registry.snapshot();
        let mut deployments = config.deployments.clone();
        // Those that ran before stay with what was chosen at the start.
        let stores = store::choose(
            config,
            &mut deployments,
            &self.config.deployments,
            &*self.runtime,
            &self.data,
        );
        let stores = stores.await?;
        for deployment in &mut deployments {
            let named = |known: &&Deployment| known.name == deployment.name;
            let known = self.config.deployments.iter().find(named);
            let running = now.deployments.get(&deployment.name);
            let (Some(known), Some(running)) = (known, running) else {
                continue;
            };
            if known.template == deployment.template {
                deployment.template = running.template.clone();
            } else if store::is_store(known) && store::is_store(deployment) {
                // What was chosen at the start holds the data.
                deployment.template.workload = running.template.workload.clone();
                deployment
                    .template
                    .volume
                    .clone_from(&running.template.volume);
            }
        }
        let picture = self.surroundings.picture(config, deployments, &now).await?;
        Ok((picture, stores))
    }

    /// Lets a pod's program, or an ingress replica, die.
    async fn kill(&self, pod: String, answer: oneshot::Sender<Result<(), String>>) {
        let found = self.registry.snapshot().pods.get(&pod).cloned();
        let stem = self.config.ingress.controller.name();
        let outcome = if found.is_some_and(|pod| pod.deployment == stem) {
            let sent = self.kills.send(pod).await;
            sent.map_err(|_| "the lab is stopping".to_owned())
        } else {
            let killed = self.runtime.kill(&pod).await;
            killed.map_err(|error| told(&error))
        };
        // Who asked may have gone.
        let _ = answer.send(outcome);
    }
}

/// A number of pods that was scaled by hand stays, unless the file's own number has changed.
fn keep_scale(wanted: &mut Cluster, running: &Cluster, before: &Config, now: &Config) {
    for (name, deployment) in &mut wanted.deployments {
        let mut before = before.deployments.iter();
        let before = before.find(|known| known.name == *name);
        let running = running.deployments.get(name);
        if let (Some(before), Some(running)) = (before, running)
            && before.replicas == deployment.replicas
            && running.replicas != deployment.replicas
        {
            let scaled = Deployment {
                replicas: running.replicas,
                ..Deployment::clone(deployment)
            };
            *deployment = Arc::new(scaled);
        }
    }
    if before.ingress.replicas == now.ingress.replicas {
        wanted.ingress_replicas = running.ingress_replicas;
    }
}

/// The keys whose values differ and cannot change while the lab runs.
fn fixed(running: &Config, read: &Config) -> Vec<String> {
    let pairs = [
        ("name", running.name != read.name),
        ("runtime", running.runtime != read.runtime),
        (
            "[load_balancer]",
            LoadBalancerConfig {
                external_traffic_policy: running.load_balancer.external_traffic_policy,
                ..read.load_balancer.clone()
            } != running.load_balancer,
        ),
        (
            "[ingress] controller",
            running.ingress.controller != read.ingress.controller,
        ),
        (
            "[ingress] access_log",
            running.ingress.access_log != read.ingress.access_log,
        ),
        ("[docker]", running.docker != read.docker),
        ("[stores]", running.stores != read.stores),
        ("[trace]", running.trace != read.trace),
        ("[login]", running.login != read.login),
        ("[grpc]", running.grpc != read.grpc),
        ("[plugins]", running.plugins != read.plugins),
        (
            "[cloudforet] sample_data",
            running.cloudforet.sample_data != read.cloudforet.sample_data,
        ),
        (
            "[cloudforet] hour",
            running.cloudforet.hour != read.cloudforet.hour,
        ),
        (
            "[cloudforet] plugin_idle",
            running.cloudforet.plugin_idle != read.cloudforet.plugin_idle,
        ),
    ];
    let differing = pairs.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(key, _)| key.to_owned()).collect()
}

/// An error with its causes.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
