//! The message core under simulation: the real hub, its sessions, routes, groups and outboxes, with
//! clients that connect, answer late, break off and come back, over pipes that are slow and cut
//! bytes anywhere. Everything is drawn from one seed and runs in one thread on a clock that stands,
//! so that a seed comes out the same every time. An oracle reads along and says what is wrong.
//!
//! `THINGCORE_SIMULATION_SEEDS=FROM..TO cargo test -p thingcore simulation` runs others, and
//! `THINGCORE_SIMULATION_TRACE=1` prints what the server reads and writes.

mod client;
mod counts;
mod fault;
mod ledger;
mod oracle;
mod session;
mod world;

use counts::Counts;
use fault::Fault;
use std::ops::Range;
use std::sync::Arc;
use things::Things;
use world::{Outcome, run};

/// What is run whenever tests are.
const SEEDS: Range<u64> = 0..1000;

/// Seeds run side by side.
const THREADS: u64 = 2;

fn things() -> Arc<Things> {
    let settings = things::Settings {
        region: "us-east-1".to_owned(),
        account_id: "000000000000".to_owned(),
        directory: None,
    };
    Arc::new(Things::open(&settings).unwrap())
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("THINGCORE_SIMULATION_SEEDS") else {
        return SEEDS;
    };
    let (from, to) = asked.split_once("..").expect("FROM..TO");
    from.parse().unwrap()..to.parse().unwrap()
}

/// Runs a seed with a fault, or without.
fn run_with(fault: Option<Fault>, seed: u64, things: &Arc<Things>) -> Outcome {
    fault::plant(fault);
    run(seed, things)
}

/// Every seed of a share of them, twice.
fn run_share(seeds: Range<u64>, share: u64) -> Counts {
    let (things, mut counts) = (things(), Counts::default());
    for seed in seeds.filter(|seed| seed % THREADS == share) {
        let first = run(seed, &things);
        assert_eq!(first.violation, None, "seed {seed}");
        assert_eq!(
            first,
            run(seed, &things),
            "seed {seed} comes out in two ways"
        );
        counts.add(&first.counts);
    }
    counts
}

#[test]
fn every_seed_keeps_the_rules_and_comes_out_the_same() {
    let shares: Vec<_> = (0..THREADS)
        .map(|share| std::thread::spawn(move || run_share(seeds(), share)))
        .collect();
    let mut counts = Counts::default();
    for share in shares {
        counts.add(&share.join().unwrap());
    }
    println!("{:?}", counts.all());
    if seeds() == SEEDS {
        let never: Vec<_> = counts.all().into_iter().filter(|(_, n)| *n == 0).collect();
        assert_eq!(never, [], "the simulation does not get there any more");
    }
}

/// Each fault and the rule that it breaks; `docs/testing.md` describes them.
const FAULTS: [(Fault, &str); 14] = [
    (Fault::LosesWhileAway, "lost"),
    (Fault::ForgetsInflight, "lost"),
    (Fault::WindowTooLarge, "window"),
    (Fault::ChangesOrder, "order"),
    (Fault::UsesIdTwice, "packet id"),
    (Fault::SharesWithAll, "share"),
    (Fault::KeepsNothingForGroups, "share"),
    (Fault::ForgetsReceived, "copies"),
    (Fault::QueueUnbounded, "memory"),
    (Fault::OutputUnbounded, "memory"),
    (Fault::LeavesSubscriptions, "memory"),
    (Fault::RedeliversTooSoon, "redelivery"),
    (Fault::RedeliversUnasked, "redelivery"),
    (Fault::NeverGivesUp, "redelivery"),
];

/// Within so many seeds each must be caught; any change to the core changes which one it is.
const FAULT_SEEDS: Range<u64> = 0..200;

#[test]
fn planted_faults_are_caught() {
    let things = things();
    for (fault, rule) in FAULTS {
        let caught = FAULT_SEEDS.clone().find(|seed| {
            let violation = run_with(Some(fault), *seed, &things).violation;
            violation.is_some_and(|violation| violation.starts_with(rule))
        });
        assert!(caught.is_some(), "{fault:?} does not break `{rule}`");
        println!("{fault:?}: `{rule}` with seed {}", caught.unwrap());
    }
}
