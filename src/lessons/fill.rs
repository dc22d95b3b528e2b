//! Fills in what differs from lab to lab: ports, addresses, names of pods.
//!
//! What does not exist (yet) stays in braces, so that nobody runs half a command.

use std::path::{Path, PathBuf};

use super::Place;
use crate::model::{Piece, Placeholder, Pod, pieces};
use crate::registry::Cluster;

/// The text with its placeholders replaced by what is so now.
pub(super) fn fill(text: &str, cluster: &Cluster, place: &Place) -> String {
    let pieces = pieces(text).into_iter();
    pieces
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Unknown(name) => format!("{{{name}}}"),
            Piece::Fill(placeholder) => {
                let known = value(placeholder, cluster, place);
                known.unwrap_or_else(|| unknown(placeholder))
            }
        })
        .collect()
}

fn value(placeholder: Placeholder<'_>, cluster: &Cluster, place: &Place) -> Option<String> {
    match placeholder {
        Placeholder::HttpsPort => host_port(cluster, "websecure"),
        Placeholder::HttpPort => host_port(cluster, "web"),
        Placeholder::Ca => Some(for_a_shell(place.ca.as_ref()?, &home())),
        Placeholder::Lab => Some(place.lab.clone()),
        Placeholder::Cluster(service) => {
            let port = cluster.services.get(service)?.ports.first()?;
            port.listen.map(|listen| listen.to_string())
        }
        Placeholder::Pod(deployment) => Some(pod(cluster, deployment)?.name.clone()),
        Placeholder::Address(deployment) => {
            let port = pod(cluster, deployment)?.ports.first()?;
            Some(port.host.to_string())
        }
    }
}

fn home() -> PathBuf {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// A path as one types it: from one's home, and in quotes only where it needs them.
fn for_a_shell(path: &Path, home: &Path) -> String {
    let plain = |text: &str| {
        let bare = |c: char| c.is_alphanumeric() || "/._-".contains(c);
        text.chars().all(bare)
    };
    let below = path.strip_prefix(home).ok();
    let below = below.filter(|_| !home.as_os_str().is_empty());
    if let Some(below) = below.map(|below| below.display().to_string())
        && plain(&below)
    {
        return format!("~/{below}");
    }
    let whole = path.display().to_string();
    if plain(&whole) {
        return whole;
    }
    format!("'{}'", whole.replace('\'', r"'\''"))
}

fn unknown(placeholder: Placeholder<'_>) -> String {
    match placeholder {
        Placeholder::HttpsPort => "{https_port}".to_owned(),
        Placeholder::HttpPort => "{http_port}".to_owned(),
        Placeholder::Ca => "{ca}".to_owned(),
        Placeholder::Lab => "{lab}".to_owned(),
        Placeholder::Cluster(name) => format!("{{cluster:{name}}}"),
        Placeholder::Pod(name) => format!("{{pod:{name}}}"),
        Placeholder::Address(name) => format!("{{address:{name}}}"),
    }
}

/// A port of the load balancer in front of the ingress.
fn host_port(cluster: &Cluster, name: &str) -> Option<String> {
    let service = cluster
        .services
        .get(&cluster.ingress_classes.load_balancer)?;
    let mut ports = service.ports.iter();
    let port = ports.find(|port| port.name == name)?;
    Some(port.port.to_string())
}

/// The first of a Deployment's pods that are ready and stay.
fn pod<'a>(cluster: &'a Cluster, deployment: &str) -> Option<&'a Pod> {
    let mut pods = cluster.pods.values();
    let found = pods.find(|pod| pod.deployment == deployment && pod.ready && !pod.terminating);
    found.map(|pod| &**pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_a_shell_takes_it() {
        let shown = |path: &str, home: &str| for_a_shell(Path::new(path), Path::new(home));
        assert_eq!(
            shown("/home/me/.local/ca.pem", "/home/me"),
            "~/.local/ca.pem"
        );
        assert_eq!(shown("/tmp/ca.pem", "/home/me"), "/tmp/ca.pem");
        assert_eq!(shown("/tmp/ca.pem", ""), "/tmp/ca.pem");
        assert_eq!(
            shown("/home/me/a b/ca.pem", "/home/me"),
            "'/home/me/a b/ca.pem'"
        );
        assert_eq!(shown("/it's/ca.pem", "/home/me"), r"'/it'\''s/ca.pem'");
    }

    #[test]
    fn what_does_not_exist_stays_in_braces() {
        let text = "lab kill {pod:console} {address:console} {cluster:console} {https_port} {lab}";
        let place = Place {
            lab: "mine".to_owned(),
            ca: None,
        };
        let filled = fill(text, &Cluster::default(), &place);
        assert_eq!(filled, text.replace("{lab}", "mine"));
    }
}
