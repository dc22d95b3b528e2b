//! Every annotation of Traefik's Ingress provider, and what becomes of it here.

use super::super::AnnotationNote;
use super::PREFIX;

/// Without prefix, whether it is supported, and a remark.
const ANNOTATIONS: &[(&str, bool, &str)] = &[
    ("router.entrypoints", true, "web and websecure"),
    (
        "router.middlewares",
        false,
        "the lab has no Middleware objects, so the Ingress is dropped, as Traefik does with an unknown one",
    ),
    ("router.priority", true, ""),
    ("router.pathmatcher", true, ""),
    ("router.rulesyntax", true, "v3"),
    ("router.tls", true, ""),
    (
        "router.tls.options",
        true,
        "\"default\"; another is unknown and drops the Ingress",
    ),
    (
        "router.tls.certresolver",
        false,
        "certificates come from the lab's own authority",
    ),
    (
        "router.tls.domains.n.main",
        false,
        "names come from spec.tls only",
    ),
    (
        "router.tls.domains.n.sans",
        false,
        "names come from spec.tls only",
    ),
    (
        "router.observability.accesslogs",
        false,
        "the lab shows films",
    ),
    ("router.observability.metrics", false, "the lab shows films"),
    ("router.observability.tracing", false, "the lab shows films"),
    (
        "router.observability.traceverbosity",
        false,
        "the lab shows films",
    ),
    ("service.nativelb", true, ""),
    ("service.nodeportlb", false, "pods are dialled"),
    ("service.serversscheme", true, "http, https, h2c"),
    (
        "service.serverstransport",
        false,
        "there are no ServersTransport objects, so the rules are dropped",
    ),
    (
        "service.middlewares",
        false,
        "there are no Middleware objects, so the rules are dropped",
    ),
    ("service.passhostheader", true, ""),
    ("service.sticky.cookie", true, ""),
    ("service.sticky.cookie.name", true, ""),
    ("service.sticky.cookie.secure", true, ""),
    ("service.sticky.cookie.samesite", true, ""),
    ("service.sticky.cookie.httponly", true, ""),
    ("service.sticky.cookie.domain", true, ""),
    ("service.sticky.cookie.maxage", true, ""),
    ("service.sticky.cookie.path", true, ""),
];

/// The list, for a document.
pub(in super::super) fn notes() -> Vec<AnnotationNote> {
    let note = |(name, supported, note): &(&str, bool, &str)| AnnotationNote {
        name: format!("{PREFIX}{name}"),
        supported: *supported,
        note: (*note).to_owned(),
    };
    ANNOTATIONS.iter().map(note).collect()
}
