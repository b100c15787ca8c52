//! One session as the oracle sees it.

use super::ledger::Mark;
use super::oracle::{Violation, Will};
use mqtt::QoS;
use mqtt::codec::Version;
use mqtt::topic::Subscription;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscribed {
    pub(super) subscription: Subscription,
    pub(super) qos: QoS,
    /// Whether the session was one that stays when it was made.
    pub(super) persistent: bool,
}

/// A message above QoS 0 that was written and not acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) mark: Mark,
    pub(super) qos: QoS,
    /// The connection that it was last written to.
    pub(super) line: usize,
    pub(super) shared: bool,
    pub(super) retained: bool,
    /// Whether PUBREC came.
    pub(super) received: bool,
    /// When it was last sent, at the earliest.
    pub(super) sent_ms: u64,
    /// When it was first sent on its connection, at the earliest and at the latest.
    pub(super) began_ms: RangeInclusive<u64>,
    /// Whether the server may have given it up.
    pub(super) doubtful: bool,
}

#[derive(Debug, Default)]
struct Owed {
    count: u32,
    settled: u32,
    may_drop: bool,
}

/// A session.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) expiry_s: u32,
    pub(super) subscriptions: BTreeMap<String, Subscribed>,
    /// Whether its queue may hold more than it is known to be owed: what comes through a group is
    /// known when it is written, and retained messages are not counted.
    pub(super) queue_unknown: bool,
    pub(super) line: Option<usize>,
    /// Every connection that it had.
    pub(super) lines: BTreeSet<usize>,
    pub(super) ends_ms: Option<u64>,
    pub(super) delayed_will: Option<(u64, Will)>,
    /// QoS 2 packet ids of the client that are not released.
    pub(super) unreleased: BTreeSet<u16>,
    pub(super) flights: BTreeMap<u16, Flight>,
    /// What was acknowledged before it was sent again on the connection of then.
    pub(super) settled_late: BTreeSet<(u16, Mark)>,
    /// When its output was last known to be empty.
    pub(super) drained_ms: u64,
    /// What was acknowledged or given up since: copies may still be in the output.
    pub(super) over_in_output: BTreeSet<(u16, Mark)>,
    /// What was never acknowledged and is not sent any more.
    pub(super) given_up: BTreeSet<(u16, Mark)>,
    /// Retained messages that it must be sent.
    pub(super) retained: BTreeSet<Mark>,
    owed: BTreeMap<Mark, Owed>,
    outstanding: usize,
    /// The latest number by publisher, topic and QoS.
    latest: BTreeMap<(u8, String, QoS), u32>,
    known: BTreeSet<(Mark, QoS)>,
    copies: BTreeMap<Mark, u32>,
}

impl Seen {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            expiry_s: 0,
            subscriptions: BTreeMap::new(),
            queue_unknown: false,
            line: None,
            lines: BTreeSet::new(),
            ends_ms: None,
            delayed_will: None,
            unreleased: BTreeSet::new(),
            flights: BTreeMap::new(),
            settled_late: BTreeSet::new(),
            drained_ms: 0,
            over_in_output: BTreeSet::new(),
            given_up: BTreeSet::new(),
            retained: BTreeSet::new(),
            owed: BTreeMap::new(),
            outstanding: 0,
            latest: BTreeMap::new(),
            known: BTreeSet::new(),
            copies: BTreeMap::new(),
        }
    }

    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.expiry_s == 0 || self.ends_ms.is_some_and(|at| at <= now_ms)
    }

    /// Whether its queue may hold so many messages.
    pub(super) fn may_overflow(&self, queued: usize) -> bool {
        self.queue_unknown || self.outstanding >= queued
    }

    pub(super) fn owes(&mut self, mark: Mark, may_drop: bool) {
        let owed = self.owed.entry(mark).or_default();
        owed.count += 1;
        owed.may_drop |= may_drop;
        self.outstanding += 1;
    }

    pub(super) fn settles(&mut self, mark: Mark) -> Result<(), Violation> {
        let owed = self.owed.entry(mark).or_default();
        owed.settled += 1;
        self.outstanding = self.outstanding.saturating_sub(1);
        if owed.settled > owed.count {
            let Owed { count, settled, .. } = owed;
            return Err(format!(
                "copies: {mark:?} was owed {count} times and given {settled} times"
            ));
        }
        Ok(())
    }

    /// A message in flight is given up: it is owed no longer.
    pub(super) fn over(&mut self, id: u16) -> Option<Flight> {
        let flight = self.flights.remove(&id)?;
        self.over_in_output.insert((id, flight.mark));
        self.given_up.insert((id, flight.mark));
        if flight.retained {
            self.retained.remove(&flight.mark);
        } else if !flight.shared {
            let owed = self.owed.entry(flight.mark).or_default();
            owed.count = owed.count.saturating_sub(1);
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        Some(flight)
    }

    /// A message may be dropped.
    pub(super) fn doubt(&mut self, mark: Mark) {
        self.retained.remove(&mark);
        self.owed.entry(mark).or_default().may_drop = true;
    }

    /// Whatever is owed may be dropped.
    pub(super) fn doubt_all(&mut self) {
        self.retained.clear();
        for owed in self.owed.values_mut() {
            owed.may_drop |= owed.settled < owed.count;
        }
    }

    /// What came through groups and is not acknowledged goes to others; says how much that is.
    pub(super) fn leaves_groups(&mut self) -> usize {
        let before = self.flights.len();
        self.flights
            .retain(|_, flight| !flight.shared || flight.received);
        before - self.flights.len()
    }

    /// A message that was not written before must not be older than one that was.
    pub(super) fn in_order(
        &mut self,
        mark: Mark,
        order: Option<(&str, QoS)>,
    ) -> Result<(), Violation> {
        let Some((topic, qos)) = order else {
            return Ok(());
        };
        if !self.known.insert((mark, qos)) {
            return Ok(());
        }
        let key = (mark.publisher, topic.to_owned(), qos);
        let latest = self.latest.insert(key, mark.number);
        match latest {
            Some(latest) if latest > mark.number => Err(format!(
                "order: {mark:?} of `{topic}` comes after number {latest}"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Counts a copy at QoS 0.
    pub(super) fn at_most_once(&mut self, mark: Mark, retained: bool) -> u32 {
        if retained {
            return 0;
        }
        let copies = self.copies.entry(mark).or_default();
        *copies += 1;
        *copies
    }

    /// Nothing that may not be dropped is missing.
    pub(super) fn has_everything(&self, client: usize) -> Result<(), Violation> {
        for (mark, owed) in &self.owed {
            if owed.settled < owed.count && !owed.may_drop {
                return Err(format!(
                    "lost: client {client} never got {mark:?}: {owed:?}"
                ));
            }
        }
        match self.retained.first() {
            Some(mark) => Err(format!(
                "lost: client {client} never got {mark:?}, retained"
            )),
            None => Ok(()),
        }
    }
}
