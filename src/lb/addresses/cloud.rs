//! Names and addresses as clouds give them: of the right form, and nobody's.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};

use super::Assignment;
use crate::model::{Provider, Service};

const REGION: &str = "us-east-1";
/// Networks for documentation (RFC 5737), which belong to nobody.
const OF_GCP: [u8; 3] = [203, 0, 113];
const OF_AZURE: [u8; 3] = [198, 51, 100];
/// Host parts of a /24 without network and broadcast address.
const HOSTS: u64 = 254;

/// Numbers that stay the same for a Service from one lab to the next.
fn number(service: &Service, salt: u8) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&service.namespace, &service.name, salt).hash(&mut hasher);
    hasher.finish()
}

/// As the AWS load balancer controller names them: `k8s-`, eight letters of the namespace and of the
/// name, ten of a hash; behind it sixteen hexadecimal digits of an NLB, or a number of an ALB.
pub(super) fn name(provider: Provider, service: &Service) -> Assignment {
    let short = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.take(8).collect()
    };
    let hash = number(service, 0) & 0xff_ffff_ffff;
    let stem = format!(
        "k8s-{}-{}-{hash:010x}",
        short(&service.namespace),
        short(&service.name)
    );
    let address = match provider {
        Provider::AwsAlb => {
            let account = number(service, 1) % 10_000_000_000;
            format!("{stem}-{account}.{REGION}.elb.amazonaws.com")
        }
        _ => format!(
            "{stem}-{:016x}.elb.{REGION}.amazonaws.com",
            number(service, 1)
        ),
    };
    let mut notes = Vec::new();
    if let Some(asked) = service.load_balancer_ip {
        notes.push(format!("loadBalancerIP {asked} is ignored by AWS"));
    }
    Assignment {
        address,
        ip: None,
        notes,
    }
}

/// The one that is asked for, else one of the Service's own that none of the others has.
pub(super) fn address(provider: Provider, service: &Service, taken: &[IpAddr]) -> Assignment {
    let [first, second, third] = match provider {
        Provider::Azure => OF_AZURE,
        _ => OF_GCP,
    };
    let start = number(service, 0);
    let mut candidates = (0..HOSTS).map(|step| {
        let host = u8::try_from((start.wrapping_add(step)) % HOSTS + 1).unwrap_or(1);
        IpAddr::V4(Ipv4Addr::new(first, second, third, host))
    });
    let free = candidates.find(|address| !taken.contains(address));
    let ip = service.load_balancer_ip.or(free);
    Assignment {
        // With more Services than a /24 has hosts, the last ones share an address.
        address: ip.map_or_else(
            || format!("{first}.{second}.{third}.1"),
            |address| address.to_string(),
        ),
        ip,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Service {
        Service {
            name: name.to_owned(),
            namespace: "cloudforet".to_owned(),
            ..Service::default()
        }
    }

    #[test]
    fn names_have_the_form_of_aws() {
        let nlb = name(Provider::AwsNlb, &service("console-api")).address;
        assert!(nlb.starts_with("k8s-cloudfor-consolea-"), "{nlb}");
        assert!(nlb.ends_with(".elb.us-east-1.amazonaws.com"), "{nlb}");
        let alb = name(Provider::AwsAlb, &service("console-api")).address;
        assert!(alb.ends_with(".us-east-1.elb.amazonaws.com"), "{alb}");
        assert_eq!(name(Provider::AwsNlb, &service("console-api")).address, nlb);
        assert_ne!(name(Provider::AwsNlb, &service("console")).address, nlb);
    }

    #[test]
    fn addresses_are_one_for_each_service() {
        let first = address(Provider::Gcp, &service("web"), &[]);
        let second = address(Provider::Gcp, &service("web"), &[first.ip.unwrap()]);
        assert_ne!(first.ip, second.ip);
        assert!(first.address.starts_with("203.0.113."), "{first:?}");
        let mut asked = service("web");
        asked.load_balancer_ip = Some([192, 0, 2, 9].into());
        assert_eq!(address(Provider::Azure, &asked, &[]).address, "192.0.2.9");
    }
}
