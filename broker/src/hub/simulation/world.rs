//! Clients, pipes and the message core in one thread, in which everything that happens is drawn from
//! one seed.

use super::super::group::seed_chance;
use super::super::outbox::{OUTBOX_BYTES_MAX, Outbox, RUN_BYTES_MAX};
use super::super::{Hub, HubParts};
use super::client::{Asked, Client, Line, Published};
use super::counts::Counts;
use super::fault;
use super::oracle::{Oracle, Violation};
use crate::budget::Budget;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::net::{Arrival, Credential, Passed, Peer, Pipe, PipeLog, Wire};
use mqtt::codec::Version;
use mqtt::{Profile, QoS};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use things::Things;
use tokio::runtime::{Builder, Runtime};

const CLIENTS: usize = 4;
const STEPS: usize = 400;
const EPOCH_MS: u64 = 1_700_000_000_000;

/// How much a queue holds in worlds where it overflows.
const TIGHT: usize = 5;

/// Padding of a large message.
const LARGE: usize = 1000;

const TOPICS: [&str; 6] = ["a", "a/1", "a/2", "b/1", "s/1", "s/2"];
const FILTERS: [&str; 7] = ["a", "a/1", "a/2", "b/1", "a/+", "a/#", "w/#"];
const SHARED: [&str; 4] = [
    "$share/g/s/1",
    "$share/h/s/1",
    "$share/g/s/+",
    "$share/h/s/2",
];

/// How a world came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) violation: Option<Violation>,
    /// Of every byte that passed and when.
    pub(super) trace: u64,
    pub(super) counts: Counts,
}

/// A world.
pub(super) struct World {
    runtime: Runtime,
    hub: Arc<Hub>,
    profile: Profile,
    log: PipeLog,
    clients: Vec<Client>,
    /// Connections that their clients have given up and the server perhaps not.
    ghosts: Vec<Line>,
    lines: usize,
    oracle: Oracle,
    chance: SmallRng,
    trace: DefaultHasher,
    /// Whether what passes is printed.
    told: bool,
}

/// Runs a world to its end.
pub(super) fn run(seed: u64, things: &Arc<Things>) -> Outcome {
    let mut world = World::new(seed, things);
    let violation = world.live().err();
    Outcome {
        violation,
        trace: world.trace.finish(),
        counts: world.oracle.counts.clone(),
    }
}

/// The rules of a world, with small limits so that they are reached.
fn profile(seed: u64, tight: bool) -> Profile {
    let mut profile = if seed & 1 == 0 {
        Profile::aws()
    } else {
        Profile::mqtt()
    };
    profile.outbound_inflight = 4;
    // What is sent little by little is overtaken, and the rule of order does not hold for it.
    profile.stored_per_s = 0;
    profile.shared_stored_per_s = 0;
    profile.session_expiry_max_s = 3600;
    // Half of AWS's, so that a message is sent again a few times and given up.
    if seed % 8 < 4 && profile.redelivery_interval_s > 0 {
        profile.redelivery_interval_s = 2;
        profile.redelivery_max_v3_s = 9;
        profile.redelivery_max_v5_s = 7;
    }
    if tight {
        profile.queued_messages = TIGHT;
        profile.shared_queue_messages = TIGHT;
    }
    profile
}

impl World {
    fn new(seed: u64, things: &Arc<Things>) -> Self {
        seed_chance(seed);
        let tight = seed % 4 >= 2;
        let profile = profile(seed, tight);
        let hub = Hub::new(HubParts {
            profile: fault::rules(&profile),
            things: Arc::clone(things),
            clock: Arc::new(Clock::standing(EPOCH_MS)),
            metrics: Arc::new(Metrics::default()),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            anonymous: None,
            enforce_quotas: false,
            budget: Budget::new(usize::MAX),
        });
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build();
        let mut chance = SmallRng::seed_from_u64(seed);
        let clients = (0..CLIENTS).map(|index| Client::new(index, version(&mut chance)));
        Self {
            runtime: runtime.expect("a runtime without a driver"),
            hub,
            log: PipeLog::default(),
            clients: clients.collect(),
            ghosts: Vec::new(),
            lines: 0,
            oracle: Oracle::new(profile.clone(), tight, EPOCH_MS),
            profile,
            chance,
            trace: DefaultHasher::new(),
            told: std::env::var_os("THINGCORE_SIMULATION_TRACE").is_some(),
        }
    }

    fn live(&mut self) -> Result<(), Violation> {
        for _ in 0..STEPS {
            self.step()?;
            self.settle()?;
        }
        self.calm_down()?;
        self.oracle.finish()?;
        self.end()
    }

    fn step(&mut self) -> Result<(), Violation> {
        let client = self.chance.random_range(0..CLIENTS);
        let accepted = self.clients[client].line.as_ref().map(|line| line.accepted);
        let action = self.chance.random_range(0..100);
        match (accepted, action) {
            (_, 0..25) => self.carry_up(client),
            (_, 25..48) => self.carry_down(client)?,
            (None, _) => self.connect(client),
            (_, 48..50) => self.connect(client),
            (_, 50..53) => self.lose(client),
            (_, 53..56) => self.pass_time()?,
            (Some(false), _) => self.carry_up(client),
            (Some(true), 56..62) => self.subscribe(client),
            (Some(true), 62..64) => self.unsubscribe(client),
            (Some(true), 64..66) => self.clients[client].ping(),
            (Some(true), 66..67) => self.clients[client].acknowledge_nothing(),
            (Some(true), 67..68) => {
                self.clients[client].disconnect();
                self.oracle.counts.clean_ends += 1;
            }
            (Some(true), 68..82) => {
                let chance = &mut self.chance;
                for _ in 0..chance.random_range(1..4) {
                    self.clients[client].answer(chance);
                }
            }
            (Some(true), _) => self.publish(client),
        }
        Ok(())
    }

    /// Some of what a client, or one of its ghosts, has written reaches the server.
    fn carry_up(&mut self, client: usize) {
        if !self.ghosts.is_empty() && self.chance.random_ratio(1, 6) {
            let at = self.chance.random_range(0..self.ghosts.len());
            let ghost = &mut self.ghosts[at];
            ghost.pipe.deliver(ghost.up.drain(..));
            return;
        }
        let most = self.chance.random_range(1..400);
        if let Some(line) = &mut self.clients[client].line {
            let count = line.up.len().min(most);
            line.pipe.deliver(line.up.drain(..count));
        }
    }

    fn carry_down(&mut self, client: usize) -> Result<(), Violation> {
        let most = self.chance.random_range(1..600);
        self.carry_down_most(client, most).map(|_| ())
    }

    fn carry_down_most(&mut self, client: usize, most: usize) -> Result<usize, Violation> {
        let Some(line) = &self.clients[client].line else {
            return Ok(0);
        };
        let (number, pipe) = (line.number, Arc::clone(&line.pipe));
        let bytes = pipe.take(most);
        let present = self.oracle.present(number);
        self.clients[client].receive(&bytes, present)?;
        if bytes.is_empty() && pipe.is_closed() {
            self.clients[client].lose();
        }
        Ok(bytes.len())
    }

    fn connect(&mut self, client: usize) {
        let asked = self.asked(client);
        self.connect_as(client, &asked);
    }

    fn asked(&mut self, client: usize) -> Asked {
        let chance = &mut self.chance;
        let version = if chance.random_ratio(1, 12) {
            version(chance)
        } else {
            self.clients[client].version
        };
        let v5 = version == Version::V5;
        let qos_max = self.profile.qos_max;
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let will = chance.random_ratio(1, 3).then(|| {
            let delays: &[u32] = if v5 { &[0, 0, 3, 30] } else { &[0] };
            let qos = *qos.choose(chance).expect("there are three");
            (qos.min(qos_max), *delays.choose(chance).expect("not empty"))
        });
        Asked {
            version,
            clean: chance.random_ratio(1, 5),
            expiry_s: if v5 {
                *[0, 5, 60, 300, 300].choose(chance).expect("five")
            } else {
                0
            },
            receive_maximum: (v5 && chance.random()).then(|| chance.random_range(1..5)),
            topic_alias_maximum: (v5 && chance.random()).then(|| chance.random_range(1..4)),
            keep_alive_s: *[0, 30, 60].choose(chance).expect("three"),
            will,
        }
    }

    fn connect_as(&mut self, client: usize, asked: &Asked) {
        let number = self.lines;
        self.lines += 1;
        let room = self.chance.random_range(100..4000);
        let pipe = Pipe::new(number, room, &self.log, fault::mangle());
        self.oracle.opens(number, client);
        if let Some(ghost) = self.clients[client].lose() {
            self.ghosts.push(ghost);
        }
        self.clients[client].connect(number, Arc::clone(&pipe), asked);
        let arrival = Arrival {
            wire: Wire::pipe(&pipe),
            peer: Peer {
                address: ([127, 0, 0, 1], 1).into(),
                server_name: None,
                certificate: None,
                domain: None,
            },
            credential: Credential::Anonymous,
        };
        self.runtime.spawn(Arc::clone(&self.hub).serve(arrival));
    }

    /// A connection breaks, is closed, or is silently no more.
    fn lose(&mut self, client: usize) {
        let Some(line) = self.clients[client].lose() else {
            return;
        };
        match self.chance.random_range(0..3) {
            0 => {
                line.pipe.break_off();
                self.oracle.breaks(line.number);
                self.oracle.counts.broken += 1;
            }
            1 => {
                line.pipe.finish();
                self.oracle.counts.finished += 1;
            }
            _ => {
                self.oracle.counts.half_open += 1;
                self.ghosts.push(line);
            }
        }
    }

    fn subscribe(&mut self, client: usize) {
        let chance = &mut self.chance;
        let filter = if chance.random_ratio(2, 5) {
            (*SHARED.choose(chance).expect("not empty"), QoS::AtLeastOnce)
        } else {
            let qos = [
                QoS::AtMostOnce,
                QoS::AtLeastOnce,
                QoS::AtLeastOnce,
                QoS::ExactlyOnce,
            ];
            let qos = *qos.choose(chance).expect("not empty");
            let filter = *FILTERS.choose(chance).expect("not empty");
            (filter, qos.min(self.profile.qos_max))
        };
        self.clients[client].subscribe(&[filter]);
    }

    fn unsubscribe(&mut self, client: usize) {
        let all = [&FILTERS[..], &SHARED[..]].concat();
        let filter = all.choose(&mut self.chance).expect("not empty");
        self.clients[client].unsubscribe(filter);
    }

    fn publish(&mut self, client: usize) {
        let chance = &mut self.chance;
        let topic = *TOPICS.choose(chance).expect("not empty");
        if chance.random_ratio(1, 12) {
            let padding = if chance.random() { LARGE } else { 0 };
            for _ in 0..12 {
                self.publish_one(client, topic, QoS::AtMostOnce, padding);
            }
            return;
        }
        let qos = match chance.random_range(0..10) {
            0..3 => QoS::AtMostOnce,
            3..8 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        let large = chance.random_ratio(1, 10);
        let padding = if large {
            LARGE
        } else {
            chance.random_range(0..60)
        };
        self.publish_one(client, topic, qos, padding);
    }

    fn publish_one(&mut self, client: usize, topic: &'static str, qos: QoS, padding: usize) {
        let chance = &mut self.chance;
        let message = Published {
            topic,
            qos: qos.min(self.profile.qos_max),
            // Groups are sent nothing retained, so that theirs can be told by the topic.
            retain: !topic.starts_with("s/") && chance.random_ratio(1, 8),
            expiry_s: chance
                .random_ratio(1, 8)
                .then(|| chance.random_range(1..20)),
            alias: chance.random_ratio(1, 6),
            padding,
            mark: self.clients[client].mark(false),
        };
        // Within any Receive Maximum of the server.
        if self.clients[client].unacknowledged() < 50 {
            self.clients[client].publish(message);
        }
    }

    fn pass_time(&mut self) -> Result<(), Violation> {
        let most = if self.chance.random_ratio(1, 10) {
            100_000
        } else {
            3000
        };
        let by_ms = self.chance.random_range(1..most);
        self.advance(by_ms)
    }

    fn advance(&mut self, by_ms: u64) -> Result<(), Violation> {
        self.hub.clock.advance_ms(by_ms);
        self.oracle.now_ms += by_ms;
        self.note_drained();
        let hub = Arc::clone(&self.hub);
        self.runtime.block_on(async move { hub.tick() });
        self.oracle.tick()
    }

    /// Lets the server work until it has nothing to do, and looks at what it did.
    fn settle(&mut self) -> Result<(), Violation> {
        // Time stands still until every task waits; a publisher may wait a little for receivers.
        self.runtime
            .block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
        let passed = std::mem::take(&mut *self.log.lock());
        for (line, what) in passed {
            (self.oracle.now_ms, line, &what).hash(&mut self.trace);
            if self.told {
                eprintln!("{} {line} {what:?}", self.oracle.now_ms - EPOCH_MS);
            }
            match what {
                Passed::Read(bytes) => self.oracle.read(line, &bytes)?,
                Passed::Wrote(bytes) => self.oracle.wrote(line, &bytes)?,
                Passed::Closed => self.oracle.closed(line)?,
            }
        }
        self.ghosts.retain(|ghost| !ghost.pipe.is_closed());
        // Inside of the runtime: what has output is flushed by a task.
        self.runtime.block_on(async { fault::tamper(&self.hub) });
        self.note_drained();
        self.check_memory()
    }

    /// Tells the oracle whose output is empty.
    fn note_drained(&mut self) {
        for session in self.hub.sessions.all() {
            let index = session.client_id.strip_prefix('c');
            let index = index.and_then(|index| index.parse().ok());
            if let Some(index) = index
                && session.look(Outbox::waiting_bytes) == 0
            {
                self.oracle.drained(index);
            }
        }
    }

    fn check_memory(&mut self) -> Result<(), Violation> {
        // Beyond the limit stand a window of messages that are sent again, and the answers to what
        // was read before it was reached.
        let window = usize::from(self.profile.outbound_inflight);
        let bytes_max = OUTBOX_BYTES_MAX + RUN_BYTES_MAX + (window + 1) * (LARGE + 50) + 2048;
        let owed_max = usize::from(self.profile.outbound_inflight) + self.profile.queued_messages;
        for session in self.hub.sessions.all() {
            let (bytes, owed, blocked) =
                session.look(|o| (o.waiting_bytes(), o.owed(), o.is_blocked()));
            let client_id = &session.client_id;
            if bytes > bytes_max || owed > owed_max {
                return Err(format!(
                    "memory: {client_id} has {bytes} bytes and {owed} messages waiting"
                ));
            }
            let counts = &mut self.oracle.counts;
            counts.outputs_full += u32::from(bytes > OUTBOX_BYTES_MAX);
            counts.queues_full += u32::from(owed == owed_max);
            counts.sockets_blocked += u32::from(blocked);
        }
        Ok(())
    }

    /// The network is perfect and everyone answers, until nothing moves.
    fn calm_down(&mut self) -> Result<(), Violation> {
        for ghost in std::mem::take(&mut self.ghosts) {
            ghost.pipe.break_off();
            self.oracle.breaks(ghost.number);
        }
        self.settle()?;
        for _ in 0..2000 {
            let mut moved = false;
            for client in 0..CLIENTS {
                moved |= self.calm(client)?;
            }
            self.settle()?;
            if !moved {
                return Ok(());
            }
        }
        Err("it never becomes quiet".to_owned())
    }

    fn calm(&mut self, client: usize) -> Result<bool, Violation> {
        if self.clients[client].line.is_none() {
            let asked = Asked {
                version: self.clients[client].version,
                clean: false,
                expiry_s: if self.clients[client].version == Version::V5 {
                    3600
                } else {
                    0
                },
                receive_maximum: None,
                topic_alias_maximum: None,
                keep_alive_s: 60,
                will: None,
            };
            self.connect_as(client, &asked);
        }
        let mut moved = self.carry_down_most(client, usize::MAX)? > 0;
        while self.clients[client].answer(&mut self.chance) {
            moved = true;
        }
        if let Some(line) = &mut self.clients[client].line {
            moved |= !line.up.is_empty() || line.pipe.unread() > 0 || !line.accepted;
            line.pipe.deliver(line.up.drain(..));
        } else {
            moved = true;
        }
        Ok(moved)
    }

    /// Everyone leaves and time passes: nothing is left behind.
    fn end(&mut self) -> Result<(), Violation> {
        for client in 0..CLIENTS {
            if let Some(line) = self.clients[client].lose() {
                line.pipe.break_off();
                self.oracle.breaks(line.number);
            }
        }
        self.settle()?;
        self.advance(7_200_000)?;
        self.settle()?;
        let sessions = self.hub.sessions.all().len();
        let filters = self.hub.router.read().filters();
        if sessions + filters > 0 {
            return Err(format!(
                "memory: {sessions} sessions and {filters} filters are left"
            ));
        }
        self.hub.clear_retained();
        let held = self.hub.budget.bytes();
        if held > 0 {
            return Err(format!(
                "memory: {held} bytes are counted and nobody has them"
            ));
        }
        Ok(())
    }
}

fn version(chance: &mut SmallRng) -> Version {
    if chance.random() {
        Version::V5
    } else {
        Version::V311
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The next world of this thread begins without faults.
        fault::plant(None);
    }
}
