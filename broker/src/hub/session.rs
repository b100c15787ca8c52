//! One client's session: what outlives its connections, and the way to the live one.

use super::end::End;
use super::flush;
use super::group::Group;
use super::journal::Keeper;
use super::link::Link;
use super::outbox::Outbox;
use super::subscriptions::Subscriptions;
use super::will::StoredWill;
use crate::auth::Guard;
use crate::budget::Held;
use arc_swap::ArcSwap;
use mqtt::codec::Version;
use mqtt::session::{Incoming, Outbound, OutgoingLimits, Sent};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A session. Two are the same if their numbers are.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    /// Tells it from earlier and later sessions of the same client id.
    pub(super) number: u64,
    pub(super) version: Version,
    /// Decides what the client may receive; of the last connection while it is offline.
    pub(super) guard: ArcSwap<Guard>,
    /// Grows with each guard.
    guards: AtomicU32,
    /// Topic aliases and unreleased QoS 2 messages.
    pub(super) incoming: Mutex<Incoming>,
    /// Keeps it on disk, if it outlives its connections and there is a disk.
    pub(super) keeper: Option<Keeper>,
    /// Locked before `outbox` where both are.
    pub(super) state: Mutex<State>,
    outbox: Mutex<Outbox>,
}

/// What changes with connections and subscriptions.
#[derive(Debug)]
pub(super) struct State {
    pub(super) subscriptions: Subscriptions,
    /// How long the session stays without a connection; 0: it ends with it.
    pub(super) expiry_s: u32,
    /// When it ends, while there is no connection.
    pub(super) ends_at_ms: Option<u64>,
    /// A will that waits for its delay, and when it is due.
    pub(super) delayed_will: Option<Box<(u64, StoredWill)>>,
    /// Removed from the hub: it gets no subscriptions any more.
    pub(super) over: bool,
}

impl State {
    /// The connection ends: the session's own end is set, and told.
    pub(super) fn goes_offline(&mut self, now_ms: u64) -> u64 {
        let ends_ms = match self.expiry_s {
            u32::MAX => u64::MAX,
            seconds => now_ms + u64::from(seconds) * 1000,
        };
        self.ends_at_ms = Some(ends_ms);
        ends_ms
    }
}

impl Session {
    pub(super) fn new(
        client_id: Arc<str>,
        number: u64,
        version: Version,
        guard: Arc<Guard>,
        limits: OutgoingLimits,
        keeper: Option<Keeper>,
        held: Held,
    ) -> Arc<Self> {
        let state = State {
            subscriptions: Subscriptions::default(),
            expiry_s: 0,
            ends_at_ms: None,
            delayed_will: None,
            over: false,
        };
        Arc::new(Self {
            client_id,
            number,
            version,
            guard: ArcSwap::new(guard),
            guards: AtomicU32::new(0),
            incoming: Mutex::default(),
            state: Mutex::new(state),
            outbox: Mutex::new(Outbox::new(version, limits, keeper.clone(), held)),
            keeper,
        })
    }

    /// Whether the session has ended or ends with its connection: there is nothing to resume.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        let state = self.state.lock();
        state.over || state.expiry_s == 0 || state.ends_at_ms.is_some_and(|at| at <= now_ms)
    }

    /// Another guard decides from now on.
    pub(super) fn set_guard(&self, guard: Arc<Guard>) {
        self.guard.store(guard);
        self.guards.fetch_add(1, Ordering::Release);
    }

    /// Tells the guard of this moment from earlier ones.
    pub(super) fn guard_number(&self) -> u32 {
        self.guards.load(Ordering::Acquire)
    }

    /// Writes to disk what has changed in `state`, which is locked.
    pub(super) fn record(&self, state: &State) {
        if let Some(keeper) = &self.keeper
            && !state.over
        {
            keeper.record(self, state);
        }
    }

    /// The live connection.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        self.outbox.lock().link().cloned()
    }

    /// Ends the live connection, if there is one.
    pub(super) fn end_connection(&self, end: End) {
        if let Some(link) = self.outbox.lock().link() {
            link.end(end);
        }
    }

    /// A connection takes over.
    pub(super) fn attach(
        self: &Arc<Self>,
        link: Arc<Link>,
        connack: &[u8],
        limits: OutgoingLimits,
        now_ms: u64,
    ) {
        self.with_output(|outbox| outbox.attach(link, connack, limits, now_ms));
    }

    /// The connection of that number is gone; see [`Outbox::detach`].
    pub(super) fn detach(&self, link: u64) -> Option<Vec<Outbound<Arc<Group>>>> {
        self.outbox.lock().detach(link)
    }

    /// Works on the outbox and sees to it that what was added is flushed.
    pub(super) fn with_output<T>(self: &Arc<Self>, work: impl FnOnce(&mut Outbox) -> T) -> T {
        let mut outbox = self.outbox.lock();
        let result = work(&mut outbox);
        outbox.release();
        if let (Some(number), Some(keeper)) = (outbox.take_unsettled(), &self.keeper) {
            keeper.once_on_disk(self, number);
        }
        if !outbox.dirty && outbox.waiting_bytes() > 0 {
            outbox.dirty = true;
            drop(outbox);
            flush::mark(self);
        }
        result
    }

    /// Looks at the outbox without adding to it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Outbox) -> T) -> T {
        look(&self.outbox.lock())
    }

    /// Hands over a message above QoS 0.
    pub(super) fn send(self: &Arc<Self>, outbound: Outbound<Arc<Group>>, now_ms: u64) -> Sent {
        self.with_output(|outbox| outbox.send(outbound, None, now_ms))
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&self, now_ms: u64) {
        self.outbox.lock().flush(now_ms);
    }

    /// Gives back what the outbox does not need.
    pub(super) fn trim(&self) {
        self.outbox.lock().trim();
    }

    /// The socket takes bytes again.
    pub(super) fn unblock(&self, now_ms: u64) {
        self.outbox.lock().unblock(now_ms);
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
