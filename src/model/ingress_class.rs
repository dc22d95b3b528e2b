//! `IngressClass`: which controller an Ingress is for.

use serde::{Deserialize, Serialize};

use super::Ingress;

/// The annotation that named a class before `spec.ingressClassName` did.
const LEGACY: &str = "kubernetes.io/ingress.class";

/// An `IngressClass` object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressClass {
    /// Unique in the lab.
    pub name: String,
    /// `spec.controller`
    pub controller: String,
    /// `ingressclass.kubernetes.io/is-default-class`
    pub is_default: bool,
}

/// All classes, and the controller that the lab has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressClasses {
    /// The value of `spec.controller` that means the lab's own.
    pub controller: String,
    /// The Service through which it is reached.
    pub load_balancer: String,
    /// In the order of the files; the built-in one first.
    pub classes: Vec<IngressClass>,
}

impl IngressClasses {
    /// The class through which an Ingress gets the lab's controller, or the reason why it has none:
    /// then it gets neither routes nor an address.
    pub fn class_of<'a>(&'a self, ingress: &'a Ingress) -> Result<&'a str, String> {
        let legacy = ingress.annotations.get(LEGACY);
        let legacy = legacy.map(String::as_str).filter(|name| !name.is_empty());
        if let Some(name) = ingress.class.as_deref().or(legacy) {
            return match self.classes.iter().find(|class| class.name == name) {
                None => Err(format!("there is no IngressClass \"{name}\"")),
                Some(class) => self.ours(class),
            };
        }
        // Admission takes the newest of several.
        match self.classes.iter().rev().find(|class| class.is_default) {
            None => Err("it names no class, and no IngressClass is the default".to_owned()),
            Some(class) => self.ours(class),
        }
    }

    /// The Ingresses that the lab's controller serves.
    pub fn served<'a>(
        &self,
        ingresses: impl IntoIterator<Item = &'a Ingress>,
    ) -> impl Iterator<Item = &'a Ingress> {
        ingresses
            .into_iter()
            .filter(|ingress| self.class_of(ingress).is_ok())
    }

    fn ours<'a>(&self, class: &'a IngressClass) -> Result<&'a str, String> {
        if class.controller == self.controller {
            return Ok(&class.name);
        }
        Err(format!(
            "IngressClass \"{}\" is of controller {}, and the lab has {}",
            class.name, class.controller, self.controller
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> IngressClasses {
        let class = |name: &str, controller: &str, is_default| IngressClass {
            name: name.to_owned(),
            controller: controller.to_owned(),
            is_default,
        };
        IngressClasses {
            controller: "traefik.io/ingress-controller".to_owned(),
            load_balancer: "traefik".to_owned(),
            classes: vec![
                class("traefik", "traefik.io/ingress-controller", true),
                class("inside", "traefik.io/ingress-controller", false),
                class("haproxy", "haproxy.org/ingress-controller", false),
            ],
        }
    }

    fn ingress(class: Option<&str>, annotation: Option<&str>) -> Ingress {
        Ingress {
            class: class.map(str::to_owned),
            annotations: annotation
                .map(|class| (LEGACY.to_owned(), class.to_owned()))
                .into_iter()
                .collect(),
            ..Ingress::default()
        }
    }

    #[test]
    fn the_field_beats_the_annotation_and_that_the_default() {
        let classes = classes();
        for (class, annotation, expected) in [
            (None, None, Ok("traefik")),
            (None, Some(""), Ok("traefik")),
            (None, Some("inside"), Ok("inside")),
            (Some("traefik"), Some("haproxy"), Ok("traefik")),
            (Some("inside"), None, Ok("inside")),
        ] {
            let ingress = ingress(class, annotation);
            assert_eq!(
                classes.class_of(&ingress),
                expected,
                "{class:?} {annotation:?}"
            );
        }
    }

    #[test]
    fn a_foreign_or_unknown_class_is_not_served() {
        let mut classes = classes();
        let unknown = ingress(Some("none"), None);
        let foreign = ingress(None, Some("haproxy"));
        assert!(
            classes
                .class_of(&unknown)
                .unwrap_err()
                .contains("no IngressClass \"none\"")
        );
        assert!(
            classes
                .class_of(&foreign)
                .unwrap_err()
                .contains("haproxy.org")
        );
        let plain = ingress(None, None);
        assert_eq!(classes.served([&unknown, &foreign, &plain]).count(), 1);
        // The newest default class wins.
        classes.classes[2].is_default = true;
        assert!(classes.class_of(&plain).is_err());
        for class in &mut classes.classes {
            class.is_default = false;
        }
        assert!(classes.class_of(&plain).is_err());
    }
}
