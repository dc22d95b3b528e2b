//! Which ingress controller's reading of an Ingress applies.

mod annotations;
pub(super) mod nginx;
pub(super) mod traefik;

use super::super::Ingress;
use super::compile::Compiler;

/// An ingress controller, as far as routing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Traefik 3, as K3s installs it.
    Traefik(TraefikOptions),
    /// ingress-nginx.
    Nginx(NginxOptions),
}

/// Traefik's own switches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct TraefikOptions {
    /// `strictPrefixMatching`: compare prefixes by element, as Kubernetes specifies. Traefik's
    /// default is off.
    pub strict_prefix_matching: bool,
    /// Send clear-text requests for hosts with TLS to HTTPS. Traefik has it per entry point and
    /// off; K3s users nearly always add it.
    pub redirect_https: bool,
    /// `allowEmptyServices`: answer 503 for a Service without endpoints. Traefik's default is off,
    /// and then it has no router for it: 404, or a shorter rule. Lab: on, because a Service whose
    /// pods are just starting is what the lab shows all day.
    pub allow_empty_services: bool,
    /// `allowExternalNameServices`: route to names outside. Traefik's default is off.
    pub allow_external_name_services: bool,
}

/// Switches of ingress-nginx's `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NginxOptions {
    /// `ssl-redirect`, on by default.
    pub redirect_https: bool,
}

impl Default for TraefikOptions {
    fn default() -> Self {
        Self {
            strict_prefix_matching: false,
            redirect_https: true,
            allow_empty_services: true,
            allow_external_name_services: false,
        }
    }
}

impl Default for NginxOptions {
    fn default() -> Self {
        Self {
            redirect_https: true,
        }
    }
}

impl Default for Flavour {
    fn default() -> Self {
        Self::Traefik(TraefikOptions::default())
    }
}

impl Flavour {
    /// The `IngressClass` it serves, which is also the first part of its replicas' names.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Traefik(_) => "traefik",
            Self::Nginx(_) => "nginx",
        }
    }

    /// What becomes of each annotation that the controller has.
    pub fn annotations(&self) -> Vec<AnnotationNote> {
        match self {
            Self::Traefik(_) => traefik::notes(),
            Self::Nginx(_) => nginx::notes(),
        }
    }

    /// Tells every annotation that asks a controller for something and will not get it.
    pub(super) fn check_annotations(&self, ingress: &Ingress, compiler: &mut Compiler<'_>) {
        let own = match self {
            Self::Traefik(_) => traefik::PREFIX,
            Self::Nginx(_) => nginx::PREFIX,
        };
        for name in ingress.annotations.keys() {
            let message = match name.strip_prefix(own) {
                None if name.contains("ingress.kubernetes.io/") => {
                    format!("annotation {name} is not for {}", self.class())
                }
                Some(_) if matches!(self, Self::Nginx(_)) => match nginx::objection(name) {
                    Some(objection) => format!("annotation {name} {objection}"),
                    None => continue,
                },
                _ => continue,
            };
            compiler.tell(ingress, format!("{message}; it has no effect"));
        }
    }
}

/// What becomes of an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationNote {
    /// Its whole name.
    pub name: String,
    /// Whether it does what the controller's documentation says.
    pub supported: bool,
    /// A remark, or why not.
    pub note: String,
}
