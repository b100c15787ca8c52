//! The modes and their flags.

use super::flags::{OutputFlags, TargetFlags};
use crate::wire::QoS;
use clap::{Args, Subcommand};

/// A load.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Mode {
    /// One topic, many subscribers
    #[command(mut_arg("subscribers", |arg| arg.default_value("100")))]
    FanOut(Ends),
    /// Many publishers, one subscriber
    #[command(mut_arg("publishers", |arg| arg.default_value("100")))]
    FanIn(Ends),
    /// Pairs of one publisher and one subscriber
    Pairs(Pairs),
    /// A group that shares a subscription
    #[command(mut_arg("subscribers", |arg| arg.default_value("40")))]
    Shared(Ends),
    /// Many wildcard filters over many topics
    #[command(mut_arg("subscribers", |arg| arg.default_value("40")))]
    Wildcards(Wildcards),
    /// Fan-out beside subscribers that stop reading: what they cost the others
    SlowReader(SlowReader),
    /// Fan-out on a topic that many rules listen to: what a rule costs
    Rules(Rules),
    /// Fan-out beside few and many other subscriptions, and while some come and go
    #[command(mut_arg("subscribers", |arg| arg.default_value("10")))]
    Growth(Growth),
    /// Many retained messages, stored and then fetched by many subscribers
    Retained(Retained),
    /// Clients that connect and leave at once
    Storm(Storm),
    /// Clients that connect and stay: memory and CPU of a connection
    Idle(Idle),
}

/// Flags of all modes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) target: TargetFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

/// Flags of modes with messages.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct FlowFlags {
    /// Quality of service
    #[arg(long, value_name = "0|1", default_value = "0")]
    pub(crate) qos: QoS,

    /// Payload of a message
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub(crate) size: usize,

    /// Messages that each publisher may have in flight
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=32_768))]
    pub(crate) window: u16,

    /// Messages a second in all, on a fixed schedule; without it windows are kept full
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,

    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub(crate) seconds: f64,

    /// How long to run before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) warm_up: f64,

    /// When nothing has moved for so long, messages in flight are lost
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) stall: f64,
}

/// `fan-out`, `fan-in` and `shared`; how many of each there are by default stands with the mode.
#[derive(Args, Clone, Debug)]
pub(crate) struct Ends {
    /// Subscribers
    #[arg(long, short = 's', value_name = "N", default_value_t = 1, value_parser = clients())]
    pub(crate) subscribers: u32,
    /// Publishers
    #[arg(long, short = 'p', value_name = "N", default_value_t = 1, value_parser = clients())]
    pub(crate) publishers: u32,
    #[command(flatten)]
    pub(crate) flow: FlowFlags,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `pairs`
#[derive(Args, Clone, Debug)]
pub(crate) struct Pairs {
    /// Pairs, each with a topic of its own
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clients())]
    pub(crate) pairs: u32,
    #[command(flatten)]
    pub(crate) flow: FlowFlags,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `wildcards`
#[derive(Args, Clone, Debug)]
pub(crate) struct Wildcards {
    /// Names on each of three topic levels: N^3 topics and 3 N^2 + N filters
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub(crate) dimension: u32,
    #[command(flatten)]
    pub(crate) ends: Ends,
}

/// `slow-reader`
#[derive(Args, Clone, Debug)]
pub(crate) struct SlowReader {
    /// Subscribers that read, and are measured
    #[arg(long, short = 's', value_name = "N", default_value_t = 10, value_parser = clients())]
    pub(crate) subscribers: u32,
    /// Subscribers that stop reading
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clients())]
    pub(crate) slow: u32,
    #[command(flatten)]
    pub(crate) flow: FlowFlags,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `rules`
#[derive(Args, Clone, Debug)]
pub(crate) struct Rules {
    /// Rules on the topic
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rules: u32,
    /// The condition of the rules; messages have `value` 50
    #[arg(long = "where", value_name = "SQL", default_value = "value > 100")]
    pub(crate) condition: String,
    /// Subscribers of the topic, beside the rules
    #[arg(long, short = 's', value_name = "N", default_value_t = 10, value_parser = clients())]
    pub(crate) subscribers: u32,
    /// Where the rules are created: the AWS API of the broker. AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY sign the requests (default: test and test)
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9883")]
    pub(crate) api_url: String,
    /// The region that requests are signed for
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    pub(crate) region: String,
    #[command(flatten)]
    pub(crate) flow: FlowFlags,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `growth`
#[derive(Args, Clone, Debug)]
pub(crate) struct Growth {
    /// Other subscriptions, which match nothing that is published
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clients())]
    pub(crate) filters: u32,
    /// How many there are in the run that they are compared with
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clients())]
    pub(crate) few: u32,
    /// Clients that hold them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clients())]
    pub(crate) holders: u32,
    /// Filters that come and go at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) changing: u16,
    /// Messages a second while filters come and go
    #[arg(long, value_name = "N", default_value_t = 1000.0)]
    pub(crate) changing_rate: f64,
    #[command(flatten)]
    pub(crate) ends: Ends,
}

/// `retained`
#[derive(Args, Clone, Debug)]
pub(crate) struct Retained {
    /// Topics with a retained message each
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clients())]
    pub(crate) topics: u32,
    /// Publishers that store them
    #[arg(long, short = 'p', value_name = "N", default_value_t = 10, value_parser = clients())]
    pub(crate) publishers: u32,
    /// Subscribers, each of which fetches them all
    #[arg(long, short = 's', value_name = "N", default_value_t = 10, value_parser = clients())]
    pub(crate) subscribers: u32,
    /// Subscribe to every topic by its name instead of one wildcard (AWS IoT sends no retained
    /// messages to wildcards)
    #[arg(long)]
    pub(crate) exact: bool,
    /// Quality of service
    #[arg(long, value_name = "0|1", default_value = "0")]
    pub(crate) qos: QoS,
    /// Payload of a message
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub(crate) size: usize,
    /// Give up when nothing has moved for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) stall: f64,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `storm`
#[derive(Args, Clone, Debug)]
pub(crate) struct Storm {
    /// Connections in all; --at-once limits how many are made at a time
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5000, value_parser = clients())]
    pub(crate) connections: u32,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `idle`
#[derive(Args, Clone, Debug)]
pub(crate) struct Idle {
    /// Connections
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5000, value_parser = clients())]
    pub(crate) connections: u32,
    /// Filters that each subscribes to
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) filters: u32,
    /// How long to hold them
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) seconds: f64,
    #[command(flatten)]
    pub(crate) common: Common,
}

fn clients() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}

impl Mode {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Mode::FanOut(_) => "fan-out",
            Mode::FanIn(_) => "fan-in",
            Mode::Pairs(_) => "pairs",
            Mode::Shared(_) => "shared",
            Mode::Wildcards(_) => "wildcards",
            Mode::SlowReader(_) => "slow-reader",
            Mode::Rules(_) => "rules",
            Mode::Growth(_) => "growth",
            Mode::Retained(_) => "retained",
            Mode::Storm(_) => "storm",
            Mode::Idle(_) => "idle",
        }
    }

    fn common(&self) -> &Common {
        match self {
            Mode::FanOut(mode) => &mode.common,
            Mode::FanIn(mode) => &mode.common,
            Mode::Pairs(mode) => &mode.common,
            Mode::Shared(mode) => &mode.common,
            Mode::Wildcards(mode) => &mode.ends.common,
            Mode::SlowReader(mode) => &mode.common,
            Mode::Rules(mode) => &mode.common,
            Mode::Growth(mode) => &mode.ends.common,
            Mode::Retained(mode) => &mode.common,
            Mode::Storm(mode) => &mode.common,
            Mode::Idle(mode) => &mode.common,
        }
    }

    pub(crate) fn target(&self) -> &TargetFlags {
        &self.common().target
    }

    pub(crate) fn output(&self) -> &OutputFlags {
        &self.common().output
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser;

    #[test]
    fn each_mode_has_its_own_numbers_of_clients() {
        for (mode, publishers, subscribers) in [
            ("fan-out", 1, 100),
            ("fan-in", 100, 1),
            ("shared", 1, 40),
            ("wildcards", 1, 40),
            ("growth", 1, 10),
        ] {
            let Command::Mode(parsed) = Cli::try_parse_from(["x", mode]).unwrap().command else {
                panic!("{mode}");
            };
            let ends = match *parsed {
                Mode::FanOut(ends) | Mode::FanIn(ends) | Mode::Shared(ends) => ends,
                Mode::Wildcards(mode) => mode.ends,
                Mode::Growth(mode) => mode.ends,
                other => panic!("{other:?}"),
            };
            assert_eq!(
                (ends.publishers, ends.subscribers),
                (publishers, subscribers),
                "{mode}"
            );
        }
    }
}
