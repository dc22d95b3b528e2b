//! Who gives a Service of type LoadBalancer its address, and what is known of each of them.
//!
//! The lab reproduces what a client and `status` see of a provider; the figures are those of its
//! documentation, as of the Kubernetes integration that people use.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A load balancer controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// K3s' own: host ports of the nodes.
    #[default]
    ServiceLb,
    /// Addresses of pools, announced by one node.
    MetalLb,
    /// Network Load Balancer, as the AWS load balancer controller makes it.
    AwsNlb,
    /// Application Load Balancer, which balances requests in reality.
    AwsAlb,
    /// The external passthrough Network Load Balancer of GKE.
    Gcp,
    /// The Standard Load Balancer of AKS.
    Azure,
}

/// How long a connection may be silent, and what is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleTimeout {
    /// Without a byte either way.
    pub after: Duration,
    /// What its ends see.
    pub end: IdleEnd,
}

/// What becomes of a connection that was silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdleEnd {
    /// Both ends are closed.
    Close,
    /// Both ends are reset.
    Reset,
    /// It is forgotten; who says something is reset.
    ResetNext,
    /// It is forgotten; who says something is not answered.
    Forget,
}

/// How a load balancer finds out whether a node may get connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Between two probes.
    pub interval: Duration,
    /// For the answer.
    pub timeout: Duration,
    /// So many good ones in a row make a target healthy.
    pub healthy: u32,
    /// So many bad ones in a row make it unhealthy.
    pub unhealthy: u32,
}

/// A MetalLB `IPAddressPool`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPool {
    /// Unique among the pools.
    pub name: String,
    /// First and last address of each range, both of one family.
    pub ranges: Vec<(IpAddr, IpAddr)>,
    /// Whether Services that ask for nothing get its addresses.
    pub auto_assign: bool,
    /// Whether addresses that end in .0 or .255 are left out.
    pub avoid_buggy_ips: bool,
}

/// What the clouds take minutes for takes this long here, unless the config says otherwise.
const SHORTENED: Duration = Duration::from_secs(2);

impl Provider {
    /// As `[load_balancer] provider` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceLb => "servicelb",
            Self::MetalLb => "metallb",
            Self::AwsNlb => "aws-nlb",
            Self::AwsAlb => "aws-alb",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }

    /// How long a Service waits for its address in the lab.
    pub fn provisioning(self) -> Duration {
        match self.really_takes() {
            Some(_) => SHORTENED,
            None => Duration::ZERO,
        }
    }

    /// How long it waits in reality, where that is more than a moment.
    pub fn really_takes(self) -> Option<&'static str> {
        match self {
            Self::ServiceLb | Self::MetalLb => None,
            Self::AwsNlb | Self::AwsAlb => Some("2 to 3 min"),
            Self::Gcp | Self::Azure => Some("about 1 min"),
        }
    }

    /// NLB: 350 s, later packets get a RST. ALB: 60 s. GCP: connection tracking of 10 min. Azure:
    /// 4 min, with the TCP reset that AKS turns on.
    pub fn idle(self) -> Option<IdleTimeout> {
        let (seconds, end) = match self {
            Self::ServiceLb | Self::MetalLb => return None,
            Self::AwsNlb => (350, IdleEnd::ResetNext),
            Self::AwsAlb => (60, IdleEnd::Close),
            Self::Gcp => (600, IdleEnd::Forget),
            Self::Azure => (240, IdleEnd::Reset),
        };
        let after = Duration::from_secs(seconds);
        Some(IdleTimeout { after, end })
    }

    /// The defaults of each integration; `ServiceLB` and MetalLB know readiness only.
    pub fn health_check(self) -> Option<HealthCheck> {
        let (interval, timeout, healthy, unhealthy) = match self {
            Self::ServiceLb | Self::MetalLb => return None,
            Self::AwsNlb => (10, 10, 3, 3),
            Self::AwsAlb => (30, 5, 5, 2),
            Self::Gcp => (8, 1, 1, 3),
            Self::Azure => (5, 5, 1, 2),
        };
        Some(HealthCheck {
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(timeout),
            healthy,
            unhealthy,
        })
    }

    /// What of it the lab does not do.
    pub fn left_out(self) -> Option<&'static str> {
        match self {
            Self::ServiceLb | Self::MetalLb | Self::AwsNlb | Self::Gcp | Self::Azure => None,
            Self::AwsAlb => Some(
                "an ALB balances requests of an Ingress; here connections of Services, without its own headers and status codes",
            ),
        }
    }
}
