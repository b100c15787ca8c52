//! The queue between publishers and rules: one entry a message, whatever the number of rules that
//! it triggers.

use super::batch::Batch;
use super::event::Offer;
use super::in_flight::InFlight;
use super::rule_set::RuleSet;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

/// Messages in one batch from which on the next ones are let gather: waking a thread for each
/// would cost more than all that is done with them.
const DENSE: usize = 8;
/// How long they gather.
const GATHERING: Duration = Duration::from_millis(1);

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
    pub(super) fn push(&self, offer: Offer<'_>, rules: &RuleSet, in_flight: &InFlight) -> bool {
        let is_first = {
            let mut waiting = self.waiting.lock();
            let is_first = waiting.len() == 0;
            let bytes = waiting.bytes() + offer.payload.len();
            if waiting.len() >= self.messages_max || (bytes > self.bytes_max && !is_first) {
                return false;
            }
            if is_first {
                waiting.ticket = Some(in_flight.enter(0));
            }
            waiting.push(offer, rules);
            is_first
        };
        if is_first {
            self.arrived.notify_one();
        }
        true
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Waits for messages and takes all that are there. `batch` is what was taken before, done
    /// with; its memory is used again.
    pub(super) async fn next(&self, batch: &mut Batch) {
        let dense = batch.len() >= DENSE;
        batch.clear();
        if dense && self.len() < DENSE {
            tokio::time::sleep(GATHERING).await;
        }
        loop {
            std::mem::swap(&mut *self.waiting.lock(), batch);
            if batch.len() > 0 {
                return;
            }
            self.arrived.notified().await;
        }
    }
}
