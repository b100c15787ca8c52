//! Counts the messages that wait or are being worked on, so that a shutdown can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The number of messages inside.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    none_left: Notify,
}

/// One message; it is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Inner>);

impl InFlight {
    /// Counts a message in.
    pub(super) fn enter(&self) -> Ticket {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Ticket(Arc::clone(&self.0))
    }

    /// How many are inside.
    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Waits until none is inside.
    pub(super) async fn none(&self) {
        loop {
            // Created before the look at the count, so that no wake is missed in between.
            let woken = self.0.none_left.notified();
            if self.count() == 0 {
                return;
            }
            woken.await;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}
