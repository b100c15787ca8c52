//! The queue between publishers and rules: one entry a message, whatever the number of rules that
//! it triggers.

use super::event::Event;
use super::in_flight::{InFlight, Ticket};
use super::rule_set::RuleSet;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

/// A message with the rules that its topic triggers.
pub(super) struct Offered {
    pub(super) event: Arc<Event>,
    pub(super) rules: RuleSet,
}

/// Everything that waited at one time; it counts as in flight until it is dropped.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) offered: Vec<Offered>,
    bytes: usize,
    ticket: Option<Ticket>,
}

/// Messages that wait for evaluation.
pub(super) struct Intake {
    messages_max: usize,
    bytes_max: usize,
    waiting: Mutex<Batch>,
    arrived: Notify,
}

impl Intake {
    /// A queue that holds so many messages with so many bytes of payload.
    pub(super) fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            messages_max,
            bytes_max,
            waiting: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Puts a message in; false if there is no room for it. Wakes only who sleeps.
    pub(super) fn push(&self, offered: Offered, in_flight: &InFlight) -> bool {
        let bytes = offered.event.payload.len();
        let is_first = {
            let mut waiting = self.waiting.lock();
            let is_first = waiting.offered.is_empty();
            if waiting.offered.len() >= self.messages_max
                || (waiting.bytes + bytes > self.bytes_max && !is_first)
            {
                return false;
            }
            if is_first {
                waiting.ticket = Some(in_flight.enter(0));
            }
            waiting.bytes += bytes;
            waiting.offered.push(offered);
            is_first
        };
        if is_first {
            self.arrived.notify_one();
        }
        true
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().offered.len()
    }

    /// Waits for messages and takes all that are there. `batch` is what was taken before, done
    /// with; its memory is used again.
    pub(super) async fn next(&self, batch: &mut Batch) {
        batch.offered.clear();
        batch.bytes = 0;
        batch.ticket = None;
        loop {
            std::mem::swap(&mut *self.waiting.lock(), batch);
            if !batch.offered.is_empty() {
                return;
            }
            self.arrived.notified().await;
        }
    }
}
