//! How many may do something at once, when those who never come to an end must not keep the others
//! out: the one that has been at it for longest gives way.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use tokio::sync::oneshot;

/// Turns of which so many are taken at once.
#[derive(Debug)]
pub(super) struct Turns {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// By number, the oldest first; dropped to end a turn.
    turns: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One turn, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    number: u64,
    ended: oneshot::Receiver<()>,
}

impl Turns {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            taken: Mutex::default(),
        })
    }

    /// Takes a turn, from the one that has had its own for longest if all are taken.
    pub(super) fn take(self: &Arc<Self>) -> Turn {
        let (sender, ended) = oneshot::channel();
        let mut taken = self.taken.lock();
        if taken.turns.len() >= self.max {
            taken.turns.pop_first();
        }
        let number = taken.next;
        taken.next += 1;
        taken.turns.insert(number, sender);
        drop(taken);
        Turn {
            turns: Arc::clone(self),
            number,
            ended,
        }
    }
}

impl Turn {
    /// Whether the turn was taken away; the task is woken when that happens. Not to be asked again
    /// once it was.
    pub(super) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.ended).poll(cx).is_ready()
    }

    /// Does the work of the turn; `None` when the turn was taken away before it was done.
    pub(super) async fn run<T>(mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = &mut self.ended => None,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.taken.lock().turns.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn the_oldest_turn_gives_way() {
        let turns = Turns::new(2);
        let (first, second) = (turns.take(), turns.take());
        let third = turns.take();
        assert_eq!(first.run(pending::<()>()).await, None);
        assert_eq!(second.run(ready(2)).await, Some(2));
        drop(third);
        assert!(turns.taken.lock().turns.is_empty());
    }
}
