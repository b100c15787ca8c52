//! The newest events, remembered for those who ask afterwards. Nothing is remembered before the
//! first question: an event costs its copies, which the way of a message should not pay for
//! nobody.

use crate::clock::Clock;
use crate::hub::{Hub, TapEvent};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// Events kept.
const EVENTS_MAX: usize = 1000;

/// Bytes of payloads and texts kept.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Feed {
    ring: OnceLock<Arc<Ring>>,
}

impl Feed {
    /// The events, which are remembered from the first call on.
    pub(super) fn ring(&self, hub: &Hub, clock: &Arc<Clock>) -> &Arc<Ring> {
        self.ring.get_or_init(|| {
            let (ring, clock) = (Arc::new(Ring::default()), Arc::clone(clock));
            let (filled, mut events) = (Arc::downgrade(&ring), hub.tap());
            tokio::spawn(async move {
                loop {
                    let event = match events.recv().await {
                        Ok(event) => event,
                        Err(RecvError::Lagged(_)) => continue,
                        Err(RecvError::Closed) => return,
                    };
                    let Some(ring) = filled.upgrade() else { return };
                    ring.push(event, clock.now_ms());
                }
            });
            ring
        })
    }

    /// Forgets all events; numbers go on.
    pub(super) fn clear(&self) {
        if let Some(ring) = self.ring.get() {
            ring.clear();
        }
    }
}

/// An event that happened.
#[derive(Clone)]
pub(super) struct Entry {
    /// From 1 without gaps.
    pub(super) seq: u64,
    /// When, milliseconds since the epoch.
    pub(super) time_ms: u64,
    pub(super) event: Arc<TapEvent>,
}

/// The newest events.
pub(super) struct Ring {
    events: Mutex<Events>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Events {
    seq: u64,
    bytes: usize,
    kept: VecDeque<Entry>,
}

impl Default for Ring {
    fn default() -> Self {
        Ring {
            events: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Ring {
    fn push(&self, event: Arc<TapEvent>, time_ms: u64) {
        let seq = {
            let mut events = self.events.lock();
            events.seq += 1;
            events.bytes += bytes(&event);
            let seq = events.seq;
            let entry = Entry {
                seq,
                time_ms,
                event,
            };
            events.kept.push_back(entry);
            while events.kept.len() > EVENTS_MAX || events.bytes > BYTES_MAX {
                let Some(oldest) = events.kept.pop_front() else {
                    break;
                };
                events.bytes -= bytes(&oldest.event);
            }
            seq
        };
        self.newest.send_replace(seq);
    }

    fn clear(&self) {
        let mut events = self.events.lock();
        events.kept.clear();
        events.bytes = 0;
    }

    /// At most `limit` events behind `after` that are `wanted`, oldest first.
    pub(super) fn page(
        &self,
        after: u64,
        limit: usize,
        wanted: &impl Fn(&TapEvent) -> bool,
    ) -> Vec<Entry> {
        let events = self.events.lock();
        let behind = events.kept.iter().filter(|entry| entry.seq > after);
        let wanted = behind.filter(|entry| wanted(&entry.event));
        wanted.take(limit).cloned().collect()
    }

    /// The same, waiting for the first of them.
    pub(super) async fn wait(
        &self,
        after: u64,
        limit: usize,
        wanted: impl Fn(&TapEvent) -> bool,
        patience: Duration,
    ) -> Vec<Entry> {
        let mut newest = self.newest.subscribe();
        let found = async {
            loop {
                newest.borrow_and_update();
                let page = self.page(after, limit, &wanted);
                // The sender lives in self, so `changed` cannot fail here.
                if !page.is_empty() || newest.changed().await.is_err() {
                    return page;
                }
            }
        };
        tokio::time::timeout(patience, found)
            .await
            .unwrap_or_default()
    }
}

fn bytes(event: &TapEvent) -> usize {
    match event {
        TapEvent::Published { message, .. } => {
            message.payload.len() + message.properties.len() + message.topic.len()
        }
        TapEvent::Refused {
            resource, reason, ..
        } => resource.len() + reason.len(),
        TapEvent::RuleRan {
            action, outcome, ..
        } => action.len() + outcome.len(),
        TapEvent::Connected { .. } | TapEvent::Disconnected { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(client_id: &str) -> Arc<TapEvent> {
        Arc::new(TapEvent::Disconnected {
            client_id: client_id.into(),
            reason: "CONNECTION_LOST",
        })
    }

    #[test]
    fn the_newest_events_are_kept_and_numbered() {
        let ring = Ring::default();
        for number in 0..=EVENTS_MAX {
            ring.push(left(&number.to_string()), 0);
        }
        let numbers = |after, limit| {
            let page = ring.page(after, limit, &|_| true);
            page.iter().map(|entry| entry.seq).collect::<Vec<_>>()
        };
        assert_eq!(numbers(0, 2), [2, 3]);
        assert_eq!(numbers(1000, 5), [1001]);
        assert!(ring.page(0, 5, &|_| false).is_empty());
        ring.clear();
        assert!(numbers(0, 5).is_empty());
        ring.push(left("next"), 0);
        assert_eq!(numbers(0, 5), [1002]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_first_event_that_is_wanted() {
        let ring = Ring::default();
        let wanted = |event: &TapEvent| matches!(event, TapEvent::Disconnected { client_id, .. } if &**client_id == "b");
        let patience = Duration::from_secs(1);
        assert!(ring.wait(0, 5, wanted, patience).await.is_empty());
        let (page, ()) = tokio::join!(ring.wait(0, 5, wanted, patience), async {
            ring.push(left("a"), 0);
            tokio::task::yield_now().await;
            ring.push(left("b"), 0);
        });
        assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
    }
}
