//! The live connection of a session, as others see it: a wire, and a way to end it.

use super::end::End;
use super::quotas::ConnectionQuotas;
use crate::net::Wire;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// One network connection of a client.
#[derive(Debug)]
pub(super) struct Link {
    /// Tells this connection from the client's others.
    pub(super) number: u64,
    pub(super) wire: Wire,
    /// Silence after which the client is taken for lost, 1.5 times the keep alive; 0 for never.
    pub(super) silence_max_ms: u64,
    /// When it began.
    pub(super) since_ms: u64,
    /// When it has to end; 0 for never.
    pub(super) ends_ms: u64,
    /// Rate quotas, if they are kept.
    pub(super) quotas: Option<Box<Mutex<ConnectionQuotas>>>,
    /// When the client last sent something.
    heard_ms: AtomicU64,
    /// The connection's task waits on it: output is blocked, or the connection is to end.
    pub(super) wake: Notify,
    /// Publishers that were held back wait on it.
    pub(super) drained: Notify,
    /// Answers that wait for the disk.
    answers: AtomicUsize,
    /// Requests to shadows that wait for theirs, by thing.
    shadow_requests: Mutex<BTreeMap<Box<str>, usize>>,
    /// Output was dropped when another connection took over: the last packet may be half written.
    cut: AtomicBool,
    end: Mutex<Option<End>>,
}

impl Link {
    pub(super) fn new(number: u64, wire: Wire, keep_alive_s: u16, now_ms: u64) -> Self {
        Self {
            number,
            wire,
            silence_max_ms: u64::from(keep_alive_s) * 1500,
            since_ms: now_ms,
            ends_ms: 0,
            quotas: None,
            heard_ms: AtomicU64::new(now_ms),
            wake: Notify::new(),
            drained: Notify::new(),
            answers: AtomicUsize::new(0),
            shadow_requests: Mutex::default(),
            cut: AtomicBool::new(false),
            end: Mutex::new(None),
        }
    }

    /// The keep alive that the client got, in seconds; 0 for none.
    pub(super) fn keep_alive_s(&self) -> u64 {
        self.silence_max_ms / 1500
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.ends_ms > 0 && self.ends_ms <= now_ms
    }

    /// Notes that the client sent something.
    pub(super) fn heard(&self, now_ms: u64) {
        self.heard_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Whether the client has been silent for too long ([MQTT-3.1.2-22]).
    pub(super) fn is_silent(&self, now_ms: u64) -> bool {
        let heard = self.heard_ms.load(Ordering::Relaxed);
        self.silence_max_ms > 0 && now_ms.saturating_sub(heard) > self.silence_max_ms
    }

    /// Its output ends here, perhaps within a packet.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Whether its output ended before everything was written.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// An answer to the client waits for the disk.
    pub(super) fn answer_waits(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// The oldest of them has been given: it is in the outbox.
    pub(super) fn answer_given(&self) {
        self.answers.fetch_sub(1, Ordering::Release);
    }

    /// Whether a further answer would overtake one. Asked by the task that the answers are of.
    pub(super) fn has_answers_waiting(&self) -> bool {
        self.answers.load(Ordering::Acquire) > 0
    }

    /// Takes one of the requests to a thing's shadows that may wait for their answers at a time,
    /// until what this gives is dropped; `None` if so many wait.
    pub(super) fn shadow_turn(self: &Arc<Self>, thing: &str) -> Option<ShadowTurn> {
        let mut requests = self.shadow_requests.lock();
        let taken = requests.entry(thing.into()).or_default();
        if *taken >= SHADOW_REQUESTS_MAX {
            return None;
        }
        *taken += 1;
        Some(ShadowTurn {
            link: Arc::clone(self),
            thing: thing.into(),
        })
    }

    /// Asks the connection's task to end it; the first reason stands.
    pub(super) fn end(&self, end: End) {
        self.end.lock().get_or_insert(end);
        self.wake.notify_one();
    }

    /// Why the connection is to end, once somebody asked for it.
    pub(super) fn ended(&self) -> Option<End> {
        self.end.lock().clone()
    }
}

/// A request to a shadow that has not been answered.
#[derive(Debug)]
pub(super) struct ShadowTurn {
    link: Arc<Link>,
    thing: Box<str>,
}

impl Drop for ShadowTurn {
    fn drop(&mut self) {
        let mut requests = self.link.shadow_requests.lock();
        if let Some(taken) = requests.get_mut(&self.thing) {
            *taken -= 1;
            if *taken == 0 {
                requests.remove(&self.thing);
            }
        }
    }
}

/// Requests to the shadows of one thing that a connection may have in flight (Quotas: 10, for each
/// thing on a single connection; 429 beyond).
const SHADOW_REQUESTS_MAX: usize = 10;
