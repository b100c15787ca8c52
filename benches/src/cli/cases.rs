//! The known cases: loads with a name, the same as those of other tools' matrices, so that figures
//! can be laid side by side.

use crate::compare::Goal;

/// Name and command line of each.
pub(crate) const CASES: &[(&str, &str)] = &[
    ("fan10-64", "fan-out -s 10 --size 64 --window 256"),
    ("fan100-16", "fan-out -s 100 --size 16 --window 64"),
    ("fan100-256", "fan-out -s 100 --size 256 --window 64"),
    ("fan100-4k", "fan-out -s 100 --size 4096 --window 16"),
    ("fan1000-64", "fan-out -s 1000 --size 64 --window 16"),
    ("fan100-256-w1", "fan-out -s 100 --size 256 --window 1"),
    (
        "fan100-256-q1",
        "fan-out -s 100 --size 256 --window 64 --qos 1",
    ),
    (
        "fan100-256-v5",
        "fan-out -s 100 --size 256 --window 64 --mqtt 5",
    ),
    (
        "fan100-256-tls",
        "fan-out -s 100 --size 256 --window 64 --tls",
    ),
    ("in100-64", "fan-in -p 100 --size 64 --window 64"),
    (
        "in100-256-q1",
        "fan-in -p 100 --size 256 --window 16 --qos 1",
    ),
    ("pair50-256", "pairs -n 50 --size 256 --window 64"),
    ("pair50-256-w1", "pairs -n 50 --size 256 --window 1"),
    (
        "pair50-256-q1",
        "pairs -n 50 --size 256 --window 16 --qos 1",
    ),
    (
        "pair50-256-v5-q1",
        "pairs -n 50 --size 256 --window 16 --qos 1 --mqtt 5",
    ),
    ("pair50-256-tls", "pairs -n 50 --size 256 --window 64 --tls"),
    ("pair1-64-w1", "pairs -n 1 --size 64 --window 1"),
    ("share40-64", "shared -s 40 --size 64 --window 1024"),
    (
        "share40-64-q1",
        "shared -s 40 --size 64 --window 512 --qos 1",
    ),
    (
        "wild16-64",
        "wildcards -s 40 --dimension 16 --size 64 --window 512",
    ),
    (
        "wild48-64",
        "wildcards -s 40 --dimension 48 --size 64 --window 512",
    ),
    (
        "pace-fan100-256",
        "fan-out -s 100 --size 256 --window 1024 --rate 200",
    ),
    (
        "pace-pair50-256",
        "pairs -n 50 --size 256 --window 1024 --rate 5000",
    ),
    (
        "pace-pair50-256-q1",
        "pairs -n 50 --size 256 --window 1024 --rate 5000 --qos 1",
    ),
    (
        "omb-p2p-1k",
        "pairs -n 1000 --size 16 --qos 1 --window 64 --rate 1000",
    ),
    (
        "omb-fanout-1-1k",
        "fan-out -s 1000 --size 16 --qos 1 --window 64 --rate 1",
    ),
    (
        "omb-shared-1k-5",
        "shared -p 1000 -s 5 --size 16 --qos 1 --window 64 --rate 1000",
    ),
    ("retained10k", "retained --topics 10000 -s 10"),
    ("slow-reader", "slow-reader -s 10 --slow 1 --size 1024"),
    ("rules20", "rules --rules 20 -s 10 --size 256"),
    ("growth100k", "growth --filters 100000 -s 10 --size 64"),
    ("storm", "storm -n 5000 --at-once 100"),
    ("storm-tls", "storm -n 1000 --at-once 50 --tls"),
    ("idle", "idle -n 5000 --filters 1"),
    ("idle-tls", "idle -n 1000 --filters 1 --tls"),
];

/// A few of each kind.
pub(crate) const SHORT: &[&str] = &[
    "fan10-64",
    "fan100-256",
    "fan100-256-w1",
    "fan100-256-q1",
    "in100-64",
    "pair50-256",
    "pair50-256-w1",
    "pair50-256-q1",
    "share40-64",
    "wild16-64",
    "pace-pair50-256",
    "storm",
    "idle",
];

/// Cases with a goal for the first of the brokers compared, and the goal.
pub(crate) const GOALS: &[(&str, Goal)] = &[
    ("fan10-64", Goal::Ratio(0.2)),
    ("fan100-256", Goal::Ratio(0.45)),
    ("fan100-256-v5", Goal::Ratio(0.45)),
    ("fan100-256-q1", Goal::Ratio(0.35)),
    ("fan1000-64", Goal::Ratio(0.6)),
    ("fan100-4k", Goal::Ratio(0.6)),
    ("in100-64", Goal::Ratio(0.15)),
    ("in100-256-q1", Goal::Ratio(0.25)),
    ("pair50-256", Goal::Ratio(0.15)),
    ("pair50-256-q1", Goal::Ratio(0.3)),
    ("share40-64", Goal::Ratio(0.25)),
    ("wild48-64", Goal::Ratio(0.15)),
    ("fan100-256-w1", Goal::RatioAndP99(1.0)),
    ("pair50-256-w1", Goal::RatioAndP99(1.0)),
    ("pace-fan100-256", Goal::Ratio(0.7)),
    ("fan100-256-tls", Goal::Ratio(0.7)),
    ("pair50-256-tls", Goal::Ratio(0.3)),
    ("storm", Goal::Ratio(1.0)),
    ("storm-tls", Goal::Ratio(1.0)),
    ("idle", Goal::BytesEach(3072.0)),
    ("idle-tls", Goal::BytesEach(20_480.0)),
];

/// The goal of a case, if it has one.
pub(crate) fn goal(name: &str) -> Option<Goal> {
    let found = GOALS.iter().find(|(case, _)| *case == name);
    found.map(|(_, goal)| *goal)
}

/// The command line of a case.
pub(crate) fn command_line(name: &str) -> Option<&'static str> {
    CASES
        .iter()
        .find(|(case, _)| *case == name)
        .map(|(_, line)| *line)
}
