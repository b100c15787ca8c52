//! One write per socket and round: sessions that got output are put on a list of the thread, and a
//! task at the end of the scheduler's round writes to all of them, those of other shards too.

use super::session::Session;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use tokio::sync::Notify;

/// Sockets written before other tasks get a turn.
const SOCKETS_PER_TURN: usize = 256;

thread_local! {
    static DIRTY: RefCell<Vec<Arc<Session>>> = const { RefCell::new(Vec::new()) };
    static FLUSHER: RefCell<Option<Arc<Notify>>> = const { RefCell::new(None) };
    static WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// Puts a session on this thread's list; the caller has just set its outbox's `dirty`.
pub(super) fn mark(session: &Arc<Session>) {
    DIRTY.with_borrow_mut(|dirty| dirty.push(Arc::clone(session)));
}

/// Sees to it that what was marked on this thread gets written: by the thread's flushing task at
/// the end of the round, or at once on a thread that has none.
pub(super) fn settle(now_ms: u64) {
    if WOKEN.get() || DIRTY.with_borrow(Vec::is_empty) {
        return;
    }
    FLUSHER.with_borrow(|flusher| match flusher {
        Some(wake) => {
            WOKEN.set(true);
            wake.notify_one();
        }
        None => flush_all(now_ms),
    });
}

fn flush_all(now_ms: u64) {
    for session in DIRTY.take() {
        session.flush(now_ms);
    }
}

/// Starts this thread's flushing task unless it runs. Connections call it: the thread is a shard's.
pub(super) fn ensure(now_ms: impl Fn() -> u64 + Send + 'static) {
    if FLUSHER.with_borrow(Option::is_some) {
        return;
    }
    let wake = Arc::new(Notify::new());
    FLUSHER.set(Some(Arc::clone(&wake)));
    tokio::spawn(run(wake, now_ms));
}

/// Clears the thread's entry when its runtime goes and takes the task with it.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        // A thread that is ending has no list any more.
        let _ = FLUSHER.try_with(RefCell::take);
        let _ = WOKEN.try_with(|woken| woken.set(false));
    }
}

async fn run(wake: Arc<Notify>, now_ms: impl Fn() -> u64 + Send + 'static) {
    let _running = Running;
    loop {
        wake.notified().await;
        WOKEN.set(false);
        let mut round = DIRTY.take();
        let now = now_ms();
        while !round.is_empty() {
            for session in round.drain(..round.len().min(SOCKETS_PER_TURN)) {
                session.flush(now);
            }
            if !round.is_empty() {
                tokio::task::yield_now().await;
            }
        }
        // The list's memory is used again, unless something was marked meanwhile.
        DIRTY.with_borrow_mut(|dirty| {
            if dirty.is_empty() {
                *dirty = round;
            }
        });
    }
}
