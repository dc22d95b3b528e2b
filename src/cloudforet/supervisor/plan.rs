//! What should run by the books, and what the books should say by what runs. No input or output.

use std::collections::BTreeSet;

use bson::{Document, doc};
use prost_types::Struct;

use crate::cloudforet::plugin::NOT_READY;
use crate::cloudforet::proto::plugin::v1::{PluginInfo, plugin_info::State};
use crate::cloudforet::query::value::from_document;
use crate::cloudforet::settings::stable_id;
use crate::model::{Plugin, RunningPlugin, WantedPlugin};

/// How one plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    plugin_id: String,
    version: String,
    state: State,
    /// Of pods that are ready, in order.
    endpoints: Vec<String>,
    /// Why there is none.
    reason: Option<String>,
}

/// The name of a plugin's Deployment. It follows from what is installed, so that a supervisor that
/// was restarted finds its pods again.
pub(super) fn name(plugin: &PluginInfo) -> String {
    let key = format!(
        "{} {} {}",
        plugin.plugin_id, plugin.version, plugin.supervisor_id
    );
    stable_id(&plugin.plugin_id, &key)
}

/// Notes which plugins have to be replaced, and forgets those that are no longer in the books.
pub(super) fn mark(listed: &[PluginInfo], replacing: &mut BTreeSet<String>) {
    let names: BTreeSet<String> = listed.iter().map(name).collect();
    replacing.retain(|name| names.contains(name));
    let broken = listed
        .iter()
        .filter(|plugin| plugin.state() == State::ReProvisioning);
    replacing.extend(broken.map(name));
}

/// Everything in the books but what is about to be replaced.
// Lab: upstream installs the new pods first; here they have the name of the old ones.
pub(super) fn wanted(
    listed: &[PluginInfo],
    known: &[Plugin],
    replacing: &BTreeSet<String>,
) -> Vec<WantedPlugin> {
    let replicas = |plugin_id: &str| {
        let known = known.iter().find(|known| known.plugin_id == plugin_id);
        known.map_or(1, |known| known.replicas)
    };
    let mut wanted: Vec<WantedPlugin> = listed
        .iter()
        .map(|plugin| WantedPlugin {
            name: name(plugin),
            plugin_id: plugin.plugin_id.clone(),
            replicas: replicas(&plugin.plugin_id),
        })
        .filter(|plugin| !replacing.contains(&plugin.name))
        .collect();
    wanted.sort_by(|one, other| one.name.cmp(&other.name));
    wanted
}

/// How those are of which the platform has said something. A plugin whose old pods are gone is no
/// longer being replaced.
pub(super) fn reports(
    listed: &[PluginInfo],
    running: &[RunningPlugin],
    replacing: &mut BTreeSet<String>,
) -> Vec<Report> {
    let report = |plugin: &PluginInfo| {
        let name = name(plugin);
        let found = running.iter().find(|running| running.name == name);
        let (state, endpoints, reason) = if replacing.contains(&name) {
            let state = if found.is_some_and(|old| !old.pods.is_empty()) {
                State::ReProvisioning
            } else {
                replacing.remove(&name);
                State::Provisioning
            };
            let reason = "its pods are being replaced".to_owned();
            (state, Vec::new(), Some(reason))
        } else {
            how_is(found?)
        };
        Some(Report {
            plugin_id: plugin.plugin_id.clone(),
            version: plugin.version.clone(),
            state,
            endpoints,
            reason,
        })
    };
    listed.iter().filter_map(report).collect()
}

fn how_is(running: &RunningPlugin) -> (State, Vec<String>, Option<String>) {
    if let Some(problem) = &running.problem {
        return (State::Error, Vec::new(), Some(problem.clone()));
    }
    let ready = running.pods.iter().filter(|pod| pod.ready);
    let mut endpoints: Vec<_> = ready.filter_map(|pod| pod.address).collect();
    if endpoints.is_empty() {
        let reasons: Vec<String> = running
            .pods
            .iter()
            .map(|pod| {
                let reason = pod.reason.as_deref().unwrap_or("is not ready yet");
                format!("{}: {reason}", pod.name)
            })
            .collect();
        let reason = if reasons.is_empty() {
            "its pods are being made".to_owned()
        } else {
            reasons.join("; ")
        };
        return (State::Provisioning, Vec::new(), Some(reason));
    }
    endpoints.sort_unstable();
    let endpoints = endpoints.iter().map(|at| format!("grpc://{at}"));
    (State::Active, endpoints.collect(), None)
}

/// Whether the books say something else than the reports.
pub(super) fn news(listed: &[PluginInfo], reports: &[Report]) -> bool {
    reports.iter().any(|report| {
        listed.iter().any(|listed| {
            listed.plugin_id == report.plugin_id
                && listed.version == report.version
                && (listed.state() != report.state || listed.endpoints != report.endpoints)
        })
    })
}

/// The reports as the API has them.
pub(super) fn messages(reports: &[Report]) -> Vec<PluginInfo> {
    let message = |report: &Report| PluginInfo {
        plugin_id: report.plugin_id.clone(),
        version: report.version.clone(),
        state: report.state.into(),
        endpoint: report.endpoints.first().cloned().unwrap_or_default(),
        endpoints: report.endpoints.clone(),
        ..PluginInfo::default()
    };
    reports.iter().map(message).collect()
}

/// Reasons, which the API's messages have no field for.
pub(super) fn tags(reports: &[Report]) -> Struct {
    let reason = |report: &Report| {
        let reason = report.reason.as_ref()?;
        Some(doc! {
            "plugin_id": &report.plugin_id,
            "version": &report.version,
            "reason": reason,
        })
    };
    let reasons: Vec<Document> = reports.iter().filter_map(reason).collect();
    from_document(&doc! { NOT_READY: reasons })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PluginPod;

    fn listed(state: State) -> PluginInfo {
        PluginInfo {
            plugin_id: "plugin-host".to_owned(),
            version: "1.0".to_owned(),
            state: state.into(),
            supervisor_id: "supervisor-1".to_owned(),
            ..PluginInfo::default()
        }
    }

    fn running(pods: &[(&str, bool)]) -> RunningPlugin {
        RunningPlugin {
            name: name(&listed(State::Active)),
            pods: pods
                .iter()
                .map(|(address, ready)| PluginPod {
                    name: format!("pod-{address}"),
                    address: address.parse().ok(),
                    ready: *ready,
                    reason: (!ready).then(|| "ImagePullBackOff".to_owned()),
                })
                .collect(),
            problem: None,
        }
    }

    fn report(state: State, running: &[RunningPlugin]) -> Option<Report> {
        let mut reports = reports(&[listed(state)], running, &mut BTreeSet::new());
        assert!(reports.len() < 2);
        reports.pop()
    }

    #[test]
    fn names_say_which_plugin_and_are_the_same_after_a_restart() {
        let one = name(&listed(State::Provisioning));
        assert_eq!(one, name(&listed(State::Active)));
        assert!(one.starts_with("plugin-host-"));
        let newer = PluginInfo {
            version: "1.1".to_owned(),
            ..listed(State::Active)
        };
        assert_ne!(one, name(&newer));
    }

    #[test]
    fn endpoints_are_those_of_ready_pods_in_order() {
        let pods = [
            ("10.42.0.9:50051", true),
            ("10.42.0.7:50051", true),
            ("10.42.0.8:50051", false),
        ];
        let report = report(State::Provisioning, &[running(&pods)]).unwrap();
        assert_eq!(report.state, State::Active);
        assert_eq!(
            report.endpoints,
            ["grpc://10.42.0.7:50051", "grpc://10.42.0.9:50051"]
        );
        assert!(news(&[listed(State::Provisioning)], &[report]));
    }

    #[test]
    fn a_plugin_without_ready_pods_says_why() {
        let waiting = report(State::Active, &[running(&[("10.42.0.8:50051", false)])]).unwrap();
        assert_eq!(waiting.state, State::Provisioning);
        assert_eq!(
            waiting.reason.as_deref(),
            Some("pod-10.42.0.8:50051: ImagePullBackOff")
        );
        let mut broken = running(&[]);
        broken.problem = Some("no plugin of this name".to_owned());
        let broken = report(State::Provisioning, &[broken]).unwrap();
        assert_eq!(broken.state, State::Error);
        // Nothing is said of what has not been looked at.
        assert_eq!(report(State::Active, &[]), None);
    }

    #[test]
    fn replacing_stops_the_old_pods_before_new_ones_are_wanted() {
        let books = [listed(State::ReProvisioning)];
        let mut replacing = BTreeSet::new();
        mark(&books, &mut replacing);
        assert!(wanted(&books, &[], &replacing).is_empty());
        let old = [running(&[("10.42.0.7:50051", true)])];
        assert_eq!(
            reports(&books, &old, &mut replacing)[0].state,
            State::ReProvisioning
        );
        let told = reports(&books, &[], &mut replacing);
        assert_eq!(told[0].state, State::Provisioning);
        let books = [listed(State::Provisioning)];
        mark(&books, &mut replacing);
        assert_eq!(wanted(&books, &[], &replacing).len(), 1);
    }
}
