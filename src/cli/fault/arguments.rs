//! What can be written after `lab fault`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config;
use crate::model::{FaultKind, FaultRequest};

/// What to do about faults.
#[derive(Debug, Args)]
pub(in crate::cli) struct FaultArguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Break something
    Add {
        #[command(subcommand)]
        kind: Kind,
    },
    /// Show what is broken
    List,
    /// Undo one fault, or all
    Undo {
        /// Its number, as lab fault list shows it
        id: Option<u64>,
    },
}

/// What every fault has.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// A pod, Service or Deployment, `ingress` or `load-balancer`; a host for `clock`
    target: String,
    /// Repeats the draws of an earlier fault
    #[arg(long, value_parser = clap::value_parser!(u64).range(..1 << 53))]
    seed: Option<u64>,
    /// Undo it after this time
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    lasts: Option<Duration>,
}

/// What is broken about the target.
#[derive(Debug, Subcommand)]
pub(super) enum Kind {
    /// Requests, and bytes on connections, arrive later
    Delay {
        #[command(flatten)]
        common: Common,
        /// How much later
        #[arg(long, value_parser = time)]
        by: Duration,
    },
    /// The ingress answers requests with an error
    Errors {
        #[command(flatten)]
        common: Common,
        /// The part of requests
        #[arg(long, default_value_t = 1.0)]
        rate: f64,
        /// The status
        #[arg(long, default_value_t = 503)]
        status: u16,
    },
    /// Connections are reset, open ones too
    Reset {
        #[command(flatten)]
        common: Common,
        /// The part of connections, or of requests at the ingress
        #[arg(long, default_value_t = 1.0)]
        rate: f64,
    },
    /// Nothing is answered, and nothing says so
    Drop {
        #[command(flatten)]
        common: Common,
        /// The part of connections, or of requests at the ingress
        #[arg(long, default_value_t = 1.0)]
        rate: f64,
    },
    /// No new connection is accepted, as if its queue were full; open ones go on
    Full {
        #[command(flatten)]
        common: Common,
    },
    /// Programs of pods stand still, until undone or until they are killed
    Freeze {
        #[command(flatten)]
        common: Common,
    },
    /// Pods are taken out of their Services, whatever their probes say
    NotReady {
        #[command(flatten)]
        common: Common,
    },
    /// New pods of a Deployment turn ready late
    SlowStart {
        #[command(flatten)]
        common: Common,
        /// So long after their start, at the earliest
        #[arg(long, value_parser = time)]
        by: Duration,
    },
    /// The certificate of a host is from another time
    Clock {
        #[command(flatten)]
        common: Common,
        /// -400d is over long since, +2d is still to come
        #[arg(long, allow_hyphen_values = true, value_parser = shift)]
        by: i64,
    },
    /// All pods of a Deployment are stopped until undone; how many are wanted stays
    Down {
        #[command(flatten)]
        common: Common,
    },
}

impl Kind {
    /// As the lab is asked for it.
    pub(super) fn request(&self) -> FaultRequest {
        let (kind, common) = match self {
            Self::Delay { common, by } => (FaultKind::Delay { by_ms: millis(*by) }, common),
            Self::Errors {
                common,
                rate,
                status,
            } => {
                let (rate, status) = (*rate, *status);
                (FaultKind::Errors { rate, status }, common)
            }
            Self::Reset { common, rate } => (FaultKind::Reset { rate: *rate }, common),
            Self::Drop { common, rate } => (FaultKind::Drop { rate: *rate }, common),
            Self::Full { common } => (FaultKind::Full, common),
            Self::Freeze { common } => (FaultKind::Freeze, common),
            Self::NotReady { common } => (FaultKind::NotReady, common),
            Self::SlowStart { common, by } => (FaultKind::SlowStart { by_ms: millis(*by) }, common),
            Self::Clock { common, by } => (FaultKind::Clock { by_s: *by }, common),
            Self::Down { common } => (FaultKind::Down, common),
        };
        FaultRequest {
            kind,
            target: common.target.clone(),
            seed: common.seed,
            for_ms: common.lasts.map(millis),
        }
    }
}

fn time(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("must be a time such as 200ms, 5s, 2m or 1h")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds; days may be written as well.
fn shift(text: &str) -> Result<i64, &'static str> {
    let wrong = "must be a time with its sign, such as -400d, +2d or -1h";
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => (1, text),
    };
    let seconds = if let Some(days) = rest.strip_suffix('d') {
        let days: u32 = days.parse().map_err(|_| wrong)?;
        i64::from(days) * 86_400
    } else {
        let time = config::duration(rest).ok_or(wrong)?;
        i64::try_from(time.as_secs()).map_err(|_| wrong)?
    };
    Ok(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_turned_by_days_hours_and_less() {
        for (text, expected) in [
            ("-400d", Ok(-400 * 86_400)),
            ("+2d", Ok(2 * 86_400)),
            ("2d", Ok(2 * 86_400)),
            ("-90m", Ok(-5_400)),
        ] {
            assert_eq!(shift(text), expected, "{text}");
        }
        for text in ["", "-", "d", "--1d", "1w", "+-1d", "é"] {
            assert!(shift(text).is_err(), "{text}");
        }
    }
}
