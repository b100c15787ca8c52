//! The way to one rule: its counters and the queue of its actions.

use super::batch::Arrived;
use super::counters::RuleCounters;
use super::engine::{Settings, Shared};
use super::event::Event;
use super::in_flight::InFlight;
use super::rule::{Rule, Selected};
use super::view::sql_time;
use super::worker::{Runner, Work};
use crate::sql::{Context, Message};
use rand::RngCore;
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Steps of an evaluation from which on a rule is evaluated apart from the others: about a
/// quarter of a millisecond.
const STEPS_APART: u32 = 10_000;

/// A message in evaluation.
pub(super) struct Triggered<'a> {
    arrived: &'a Arrived<'a>,
    message: &'a Message<'a>,
    chance: &'a mut dyn RngCore,
    /// Made when the first rule acts on it.
    event: OnceCell<Arc<Event>>,
}

impl<'a> Triggered<'a> {
    pub(super) fn new(
        arrived: &'a Arrived<'a>,
        message: &'a Message<'a>,
        chance: &'a mut dyn RngCore,
    ) -> Self {
        Self {
            arrived,
            message,
            chance,
            event: OnceCell::new(),
        }
    }

    fn event(&self) -> &Arc<Event> {
        self.event.get_or_init(|| self.arrived.to_event())
    }
}

/// The way to one rule; cheap to clone.
#[derive(Clone)]
pub struct RuleHandle(Arc<Inner>);

struct Inner {
    runner: Runner,
    queue: mpsc::Sender<Work>,
    /// What waits for it or is being worked on.
    held: InFlight,
    /// Whether its SQL is evaluated by its own worker, since it waits for something or takes long.
    apart: AtomicBool,
    /// Whether the last message was dropped: a full queue is logged once, not per message.
    throttling: AtomicBool,
}

impl std::fmt::Debug for RuleHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RuleHandle").field(self.name()).finish()
    }
}

impl RuleHandle {
    pub(super) fn new(runner: Runner, queue: mpsc::Sender<Work>) -> Self {
        let apart = AtomicBool::new(runner.rule.asks_outside());
        Self(Arc::new(Inner {
            runner,
            queue,
            held: InFlight::default(),
            apart,
            throttling: AtomicBool::new(false),
        }))
    }

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.rule().name()
    }

    /// The rule itself.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.0.runner.rule
    }

    /// The rule's counters.
    #[must_use]
    pub fn counters(&self) -> &RuleCounters {
        &self.0.runner.counters
    }

    pub(super) fn engine(&self) -> &Shared {
        &self.0.runner.shared
    }

    /// Evaluates the rule for a message, and queues the result for its actions.
    pub(super) fn trigger(&self, triggered: &mut Triggered<'_>) {
        let inner = &*self.0;
        inner.runner.counters.topic_match.add_one();
        if inner.apart.load(Ordering::Relaxed) {
            return self.put(triggered.event(), None);
        }
        let now_ms = sql_time(triggered.arrived.received_ms());
        let mut context = Context::new(triggered.message, now_ms, &mut *triggered.chance);
        let selected = self.rule().evaluate(&mut context);
        if context.steps > STEPS_APART {
            inner.apart.store(true, Ordering::Relaxed);
        }
        match selected {
            Ok(None) => inner.runner.counters.not_matched.add_one(),
            Ok(Some(selected)) => self.put(triggered.event(), Some(selected)),
            Err(error) => inner.runner.sql_failed(triggered.event(), &error),
        }
    }

    /// Queues a message for the rule's worker, with the SELECT result if there is one already.
    fn put(&self, event: &Arc<Event>, selected: Option<Selected>) {
        let inner = &*self.0;
        let shared = &inner.runner.shared;
        let result = selected.as_ref().map_or(0, |s| s.payload.len());
        let bytes = event.payload.len() + result;
        let work = || Work {
            event: Arc::clone(event),
            selected,
            tickets: [inner.held.enter(bytes), shared.in_flight.enter(bytes)],
        };
        if self.has_room(bytes) && inner.queue.try_send(work()).is_ok() {
            inner.throttling.store(false, Ordering::Relaxed);
        } else {
            self.throttle();
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        let Settings {
            queue_bytes,
            total_bytes,
            ..
        } = self.engine().settings;
        let (own, all) = (self.0.held.bytes(), self.engine().in_flight.bytes());
        own + bytes <= queue_bytes && (all + bytes <= total_bytes || own == 0)
    }

    /// Counts a message that no rule will look at.
    pub(super) fn throttle_unseen(&self) {
        self.0.runner.counters.topic_match.add_one();
        self.throttle();
    }

    fn throttle(&self) {
        self.0.runner.counters.throttled.add_one();
        if !self.0.throttling.swap(true, Ordering::Relaxed) {
            let rule = self.name();
            tracing::error!(event_type = "RuleMessageThrottled", %rule, "too much waits for the rule, messages are dropped");
        }
    }
}
