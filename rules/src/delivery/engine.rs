//! The queues between publishers and rules, and the workers behind them.

use super::counters::{Counters, RuleCounters};
use super::event::Event;
use super::execute::execute;
use super::in_flight::{InFlight, Ticket};
use super::ports::Ports;
use super::records::Records;
use super::retry::Retry;
use super::rule::Rule;
use crate::actions::Place;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// The limits of delivery.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the rules run.
    pub place: Place,
    /// Messages that may wait for one rule; further ones are dropped and counted.
    pub queue_messages: usize,
    /// Messages of one rule that are worked on at once. AWS promises no order between messages;
    /// here what needs no waiting (republish, SQL) keeps it.
    pub concurrency: usize,
    /// When failed requests are sent again.
    pub retry: Retry,
    /// Republish actions that a message may go through. AWS has no such guard; a loop of rules
    /// there ends with the bill.
    pub hops_max: u8,
    /// Records kept.
    pub records: usize,
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            queue_messages: 1000,
            concurrency: 16,
            retry: Retry::default(),
            hops_max: 16,
            records: 10_000,
        }
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The message waits for the rule.
    Taken,
    /// The rule's queue is full, or the server is stopping: the message is dropped for this rule.
    Dropped,
}

/// What all workers share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) ports: Ports,
    pub(super) records: Records,
    pub(super) counters: Counters,
    in_flight: InFlight,
    closing: AtomicBool,
}

/// The engine behind all rules.
pub struct Delivery {
    shared: Arc<Shared>,
    runtime: Handle,
    workers: Mutex<JoinSet<()>>,
}

impl Delivery {
    /// An engine whose workers run on `runtime`.
    #[must_use]
    pub fn new(settings: Settings, ports: Ports, runtime: Handle) -> Self {
        let shared = Shared {
            records: Records::new(settings.records),
            settings,
            ports,
            counters: Counters::default(),
            in_flight: InFlight::default(),
            closing: AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
            runtime,
            workers: Mutex::default(),
        }
    }

    /// Opens a queue for a rule and starts its worker, which ends when every clone of the handle
    /// is gone and the queue is empty.
    pub fn open(&self, rule: Arc<Rule>) -> RuleHandle {
        let (queue, messages) = mpsc::channel(self.shared.settings.queue_messages);
        let counters = self.shared.counters.rule(rule.name());
        let worker = Worker {
            rule: Arc::clone(&rule),
            counters: Arc::clone(&counters),
            shared: Arc::clone(&self.shared),
        };
        {
            let mut workers = self.workers.lock();
            while workers.try_join_next().is_some() {}
            workers.spawn_on(worker.run(messages), &self.runtime);
        }
        let shared = Arc::clone(&self.shared);
        RuleHandle(Arc::new(Inner {
            rule,
            queue,
            counters,
            shared,
            throttling: AtomicBool::new(false),
        }))
    }

    /// The records of actions.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.shared.records
    }

    /// The counters of rules.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Waits until no message waits or is being worked on.
    pub async fn idle(&self) {
        self.shared.in_flight.none().await;
    }

    /// Takes no further messages and lets those inside end, for at most `patience`; then stops the
    /// workers. Returns how many messages were given up.
    pub async fn drain(&self, patience: Duration) -> usize {
        self.shared.closing.store(true, Ordering::Release);
        let _ = tokio::time::timeout(patience, self.idle()).await;
        let given_up = self.shared.in_flight.count();
        self.workers.lock().abort_all();
        given_up
    }
}

/// The way to one rule; cheap to clone.
#[derive(Clone)]
pub struct RuleHandle(Arc<Inner>);

struct Inner {
    rule: Arc<Rule>,
    queue: mpsc::Sender<(Arc<Event>, Ticket)>,
    counters: Arc<RuleCounters>,
    shared: Arc<Shared>,
    /// Whether the last offer was dropped: a full queue is logged once, not per message.
    throttling: AtomicBool,
}

impl std::fmt::Debug for RuleHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RuleHandle").field(self.name()).finish()
    }
}

impl RuleHandle {
    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.0.rule.name()
    }

    /// The rule itself.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.0.rule
    }

    /// The rule's counters.
    #[must_use]
    pub fn counters(&self) -> &RuleCounters {
        &self.0.counters
    }

    /// Puts a message into the rule's queue. Never waits.
    pub fn offer(&self, event: Arc<Event>) -> Offer {
        let inner = &self.0;
        inner.counters.topic_match.add_one();
        if inner.shared.closing.load(Ordering::Acquire) {
            return Offer::Dropped;
        }
        let ticket = inner.shared.in_flight.enter();
        match inner.queue.try_send((event, ticket)) {
            Ok(()) => {
                inner.throttling.store(false, Ordering::Relaxed);
                Offer::Taken
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                inner.counters.throttled.add_one();
                if !inner.throttling.swap(true, Ordering::Relaxed) {
                    let rule = self.name();
                    tracing::error!(event_type = "RuleMessageThrottled", %rule, "rule queue is full, messages are dropped");
                }
                Offer::Dropped
            }
        }
    }
}

/// Works through the queue of one rule.
struct Worker {
    rule: Arc<Rule>,
    counters: Arc<RuleCounters>,
    shared: Arc<Shared>,
}

impl Worker {
    async fn run(self, mut messages: mpsc::Receiver<(Arc<Event>, Ticket)>) {
        let slots = Arc::new(Semaphore::new(self.shared.settings.concurrency));
        let mut running = JoinSet::new();
        while let Some((event, ticket)) = messages.recv().await {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                break;
            };
            let (rule, counters) = (Arc::clone(&self.rule), Arc::clone(&self.counters));
            let shared = Arc::clone(&self.shared);
            let mut work = Box::pin(async move {
                execute(&shared, &rule, &counters, event).await;
                drop((slot, ticket));
            });
            // What needs no waiting ends here, in the order of messages; the rest goes aside.
            if poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await {
                running.spawn(work);
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }
}
