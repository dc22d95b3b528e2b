//! `LAB_GRPC_…`: gRPC settings of one service, in its `env`, in place of those of `[grpc]`.
//!
//! They change with a rollout of that service alone, where `[grpc]` needs a restart of the lab.

use super::StartError;
use crate::config::duration;
use crate::model::{Grpc, LoadBalancing};

/// Takes what the environment says; the lab's own settings stay where it says nothing.
pub(super) fn apply(
    grpc: &mut Grpc,
    variable: impl Fn(&'static str) -> Option<String>,
) -> Result<(), StartError> {
    let read = |name: &'static str, must: &str| {
        let problem = format!("must be {must}");
        let error = StartError::Environment {
            variable: name,
            problem,
        };
        variable(name).map(|text| (text, error))
    };
    if let Some((text, error)) = read("LAB_GRPC_LOAD_BALANCING", "pick_first or round_robin") {
        grpc.load_balancing = match text.as_str() {
            "pick_first" => LoadBalancing::PickFirst,
            "round_robin" => LoadBalancing::RoundRobin,
            _ => return Err(error),
        };
    }
    if let Some((text, error)) = read("LAB_GRPC_CHANNELS", "1 to 100") {
        let channels = text.parse().ok().filter(|count| (1..=100).contains(count));
        grpc.channels = channels.ok_or(error)?;
    }
    let form = "a duration such as 30s";
    if let Some((text, error)) = read("LAB_GRPC_RESOLVE_AGAIN", form) {
        grpc.resolve_again = duration(&text).ok_or(error)?;
    }
    if let Some((text, error)) = read("LAB_GRPC_MAX_CONNECTION_AGE", form) {
        grpc.max_connection_age = duration(&text).ok_or(error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_variable_replaces_its_setting_and_a_wrong_one_is_named() {
        let mut grpc = Grpc::default();
        apply(&mut grpc, |_| None).unwrap();
        assert_eq!(grpc, Grpc::default());
        let all = |name: &str| {
            let value = match name {
                "LAB_GRPC_LOAD_BALANCING" => "round_robin",
                "LAB_GRPC_CHANNELS" => "8",
                "LAB_GRPC_RESOLVE_AGAIN" => "1s",
                _ => "2s",
            };
            Some(value.to_owned())
        };
        apply(&mut grpc, all).unwrap();
        assert_eq!(grpc.load_balancing, LoadBalancing::RoundRobin);
        assert_eq!(grpc.channels, 8);
        assert_eq!(grpc.resolve_again, Duration::from_secs(1));
        assert_eq!(grpc.max_connection_age, Duration::from_secs(2));
        for name in [
            "LAB_GRPC_LOAD_BALANCING",
            "LAB_GRPC_CHANNELS",
            "LAB_GRPC_RESOLVE_AGAIN",
            "LAB_GRPC_MAX_CONNECTION_AGE",
        ] {
            let wrong = |asked: &str| (asked == name).then(|| "often".to_owned());
            let error = apply(&mut grpc, wrong).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
