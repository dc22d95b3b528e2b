//! Which ingress controller's reading of an Ingress applies.

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
pub struct TraefikOptions {
    /// `strictPrefixMatching`: compare prefixes by element, as Kubernetes specifies. Traefik's
    /// default is off.
    pub strict_prefix_matching: bool,
    /// Send clear-text requests for hosts with TLS to HTTPS. Traefik has it per entry point and
    /// off; K3s users nearly always add it.
    pub redirect_https: bool,
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

    /// Tells every annotation that asks a controller for something and will not get it.
    pub(super) fn check_annotations(&self, ingress: &Ingress, compiler: &mut Compiler<'_>) {
        let known: &[&str] = match self {
            Self::Traefik(_) => &traefik::ANNOTATIONS,
            Self::Nginx(_) => &nginx::ANNOTATIONS,
        };
        for name in ingress.annotations.keys() {
            let for_controllers = name.contains("ingress.kubernetes.io/");
            if for_controllers && !known.contains(&name.as_str()) {
                compiler.tell(
                    ingress,
                    format!(
                        "annotation {name} is not supported with {} and has no effect",
                        self.class()
                    ),
                );
            }
        }
    }
}
