//! What `thingcore tail` and the console show, as it happens.

use super::Hub;
use super::origin::Origin;
use super::publication::Publication;
use super::route::Route;
use mqtt::Message;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum TapEvent {
    /// A message was accepted; `rules` names the rules that it was offered to.
    Published {
        message: Arc<Message>,
        origin: Origin,
        rules: Vec<Arc<str>>,
        deliveries: usize,
    },
    /// Something was refused, and why (the deciding statement, the limit, the malformed packet).
    Refused {
        client_id: Option<Arc<str>>,
        principal: Arc<str>,
        action: &'static str,
        resource: String,
        reason: String,
    },
    /// A client connected.
    Connected {
        client_id: Arc<str>,
        principal: Arc<str>,
        source_ip: Option<IpAddr>,
    },
    /// A client left; `reason` is AWS's disconnectReason.
    Disconnected {
        client_id: Arc<str>,
        reason: &'static str,
    },
    /// A rule ran: `outcome` is `success` or what failed.
    RuleRan {
        rule: Arc<str>,
        topic: Arc<str>,
        action: String,
        outcome: String,
    },
}

/// Events that a receiver may be behind before it loses the oldest.
pub(super) const TAP_EVENTS: usize = 1024;

/// Sends events to whoever listens. How many do is counted beside the channel, whose own count
/// takes a lock, which every message would pay for.
pub(crate) struct Taps {
    events: broadcast::Sender<Arc<TapEvent>>,
    listeners: Arc<AtomicUsize>,
}

/// A live feed of what happens.
pub(crate) struct Tap {
    events: broadcast::Receiver<Arc<TapEvent>>,
    listeners: Arc<AtomicUsize>,
}

impl Tap {
    /// The next event.
    ///
    /// # Errors
    /// The receiver fell behind and lost events, or the core is gone.
    pub(crate) async fn recv(&mut self) -> Result<Arc<TapEvent>, RecvError> {
        self.events.recv().await
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Taps {
    /// Keeps so many events for receivers that are behind.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            events: broadcast::Sender::new(capacity),
            listeners: Arc::default(),
        }
    }

    /// Whether anybody listens.
    pub(crate) fn are_heard(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn tap(&self) -> Tap {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Tap {
            events: self.events.subscribe(),
            listeners: Arc::clone(&self.listeners),
        }
    }

    pub(crate) fn tell(&self, event: impl FnOnce() -> TapEvent) {
        if self.are_heard() {
            // The last receiver may have gone since.
            let _ = self.events.send(Arc::new(event()));
        }
    }
}

impl Hub {
    /// A live feed of what happens; a receiver that falls behind loses the oldest events.
    pub(crate) fn tap(&self) -> Tap {
        self.taps.tap()
    }

    /// Tells everyone who listens; the event is made only if somebody does.
    pub(crate) fn tell(&self, event: impl FnOnce() -> TapEvent) {
        self.taps.tell(event);
    }

    /// Tells of a refusal by a policy or a limit, to the log, the metrics and the tap.
    pub(crate) fn refused(
        &self,
        client_id: Option<&Arc<str>>,
        principal: &Arc<str>,
        action: &'static str,
        resource: &str,
        reason: &str,
    ) {
        self.metrics.denied(action);
        let client = client_id.map_or("", |id| id);
        tracing::warn!(client_id = ?client, ?principal, action, ?resource, ?reason, "refused");
        self.tell(|| TapEvent::Refused {
            client_id: client_id.cloned(),
            principal: Arc::clone(principal),
            action,
            resource: resource.to_owned(),
            reason: reason.to_owned(),
        });
    }

    pub(super) fn tap_published(
        &self,
        publication: &Publication<'_>,
        route: &Route,
        origin: &Origin,
        deliveries: usize,
    ) {
        self.tell(|| {
            let ingest = route.ingest.iter().flatten().flat_map(|rules| rules.iter());
            let rules = route.rules.iter().chain(ingest);
            TapEvent::Published {
                message: Arc::clone(publication.message()),
                origin: origin.clone(),
                rules: rules.map(|rule| Arc::clone(rule.name())).collect(),
                deliveries,
            }
        });
    }
}
