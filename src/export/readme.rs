//! The README beside the manifests: how to move to K3s, and what is different there.

use std::collections::BTreeSet;

use super::{CREDENTIALS, Export, NAMESPACE};
use crate::model::{Ingress, TrafficPolicy, Workload};

/// The text.
pub(super) fn text(export: &Export<'_>) -> String {
    let mut text = format!(
        "# Lab \"{}\" for Kubernetes\n\n\
         Written by `lab export kubernetes` from what was running. Everything is in the namespace \
         `{NAMESPACE}`; `kubectl apply -f .` takes the files in the order of their names. A newer export \
         goes over this one with `--force`.\n",
        export.options.lab
    );
    to_k3s(export, &mut text);
    differences(export, &mut text);
    if !export.notes.is_empty() {
        text.push_str("\n## To be done by hand\n\n");
        for note in &export.notes {
            push(&mut text, &format!("- {note}\n"));
        }
    }
    text
}

fn to_k3s(export: &Export<'_>, text: &mut String) {
    text.push_str("\n## To K3s\n");
    let mut step = 0;
    let mut title = |text: &mut String, what: &str| {
        step += 1;
        push(text, &format!("\n{step}. {what}\n\n"));
    };
    let built_in = export.cluster.deployments.values();
    let built_in = built_in
        .filter(|one| matches!(one.template.workload, Workload::BuiltIn { .. }))
        .count();
    let nginx = export.cluster.ingress_classes.load_balancer == "nginx";
    if nginx {
        title(
            text,
            "K3s brings Traefik; this export is for ingress-nginx. Install K3s with \
             `--disable=traefik`, and ingress-nginx by its own instructions.",
        );
    }
    if built_in > 0 {
        title(
            text,
            "Build the image from the lab's repository, and give it to K3s:",
        );
        let image = &export.options.image;
        push(
            text,
            &format!(
                "   ```sh\n   docker build -t {image} .\n   docker save {image} | sudo k3s ctr images import -\n   ```\n"
            ),
        );
    }
    title(
        text,
        "Create the namespace and the Secrets. None is part of the manifests:",
    );
    text.push_str("   ```sh\n   kubectl apply -f 00-namespace.yaml\n");
    if built_in > 0 {
        push(
            text,
            &format!(
                "   # {CREDENTIALS}: the first user's password, and new credentials of the system\n   \
                 lab --name {} export credentials | kubectl apply -f -\n",
                export.options.lab
            ),
        );
    }
    for secret in secrets(export) {
        push(
            text,
            &format!(
                "   kubectl -n {NAMESPACE} create secret tls {secret} --cert=FILE --key=FILE\n"
            ),
        );
    }
    text.push_str(
        "   ```\n\n   With cert-manager the certificates come from an annotation of the Ingress instead; \
         without any the controller serves its default certificate.\n",
    );
    title(text, "Apply, and wait:");
    push(
        text,
        &format!(
            "   ```sh\n   kubectl apply -f .\n   kubectl -n {NAMESPACE} wait --for=condition=Available --timeout=5m deployment --all\n   ```\n"
        ),
    );
    title(
        text,
        "Let the names lead to the cluster, in `/etc/hosts` of whoever opens them (names below \
         `.localhost` stay on the browser's own machine whatever the file says: rename those hosts in \
         `70-ingresses.yaml`):",
    );
    text.push_str("   ```\n");
    for host in hosts(export) {
        push(text, &format!("   ADDRESS-OF-A-NODE  {host}\n"));
    }
    text.push_str("   ```\n");
}

fn differences(export: &Export<'_>, text: &mut String) {
    text.push_str("\n## What differs\n\n");
    let mut tell = |what: String| push(text, &format!("- {what}\n"));
    let cluster = export.cluster;
    tell("The ports are 80 and 443, not the lab's 8080 and 8443.".to_owned());
    if export.options.redirect_https && cluster.ingress_classes.load_balancer == "traefik" {
        tell(
            "The lab redirects `http://` to `https://`; K3s' Traefik does so only when told, by a \
             HelmChartConfig with `ports.web.http.redirections.entryPoint.to: websecure`."
                .to_owned(),
        );
    }
    let balancer = cluster.services.get(&cluster.ingress_classes.load_balancer);
    if balancer.is_some_and(|one| one.external_traffic_policy == TrafficPolicy::Local) {
        tell(format!(
            "The lab's ingress sees the clients' addresses. In K3s: `kubectl -n kube-system patch service {} \
             -p '{{\"spec\":{{\"externalTrafficPolicy\":\"Local\"}}}}'`.",
            cluster.ingress_classes.load_balancer
        ));
    }
    tell(format!(
        "The ingress has {} replica(s) here: `kubectl -n kube-system scale deployment {} --replicas={}`.",
        cluster.ingress_replicas, cluster.ingress_classes.load_balancer, cluster.ingress_replicas
    ));
    tell(
        "Pods start all at once and are restarted until what they need is there; the lab starts them \
         in order."
            .to_owned(),
    );
    tell("Data stays in the lab: stores begin empty, each with a claim of its own.".to_owned());
    tell(
        "Plugins have no pods: the supervisor asks the lab for them, and there is none in a cluster."
            .to_owned(),
    );
    tell("There are no films: pods write their spans to their own logs.".to_owned());
}

/// Names of the Secrets that Ingresses ask for.
fn secrets<'a>(export: &Export<'a>) -> BTreeSet<&'a str> {
    let tls = ingresses(export).flat_map(|ingress| &ingress.tls);
    tls.filter_map(|tls| tls.secret.as_deref()).collect()
}

/// Names that Ingresses serve.
fn hosts<'a>(export: &Export<'a>) -> BTreeSet<&'a str> {
    let rules = ingresses(export).flat_map(|ingress| &ingress.rules);
    let hosts = rules.filter_map(|rule| rule.host.as_deref());
    // Such a file knows no wildcards.
    hosts.filter(|host| !host.starts_with('*')).collect()
}

fn ingresses<'a>(export: &Export<'a>) -> impl Iterator<Item = &'a Ingress> {
    export.cluster.ingresses.values().map(|ingress| &**ingress)
}

fn push(text: &mut String, more: &str) {
    text.push_str(more);
}
