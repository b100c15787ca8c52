//! Counts what waits or is being worked on, so that a shutdown can wait for it and memory stays
//! bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// What is inside.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    bytes: AtomicUsize,
    none_left: Notify,
}

/// One thing inside; it is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    inner: Arc<Inner>,
    bytes: usize,
}

impl InFlight {
    /// Counts something in that holds so many bytes.
    pub(super) fn enter(&self, bytes: usize) -> Ticket {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ticket {
            inner: Arc::clone(&self.0),
            bytes,
        }
    }

    /// How many are inside.
    pub(super) fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// The bytes that they hold.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
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
        self.inner.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.inner.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.none_left.notify_waiters();
        }
    }
}
