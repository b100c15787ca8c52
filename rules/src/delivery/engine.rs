//! The engine behind all rules: what its workers share, and how it starts and ends.

use super::batching::Batches;
use super::counters::Counters;
use super::event::Offer;
use super::handle::RuleHandle;
use super::in_flight::InFlight;
use super::intake::Intake;
use super::ports::Ports;
use super::records::Records;
use super::retry::Retry;
use super::rule::Rule;
use super::rule_set::RuleSet;
use super::secrets::Secrets;
use super::trigger;
use super::worker::{self, Runner};
use crate::actions::Place;
use crate::target::{AwsRequest, SendFailure};
use http::StatusCode;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The limits of delivery.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the rules run.
    pub place: Place,
    /// Messages that may wait for evaluation, whatever the number of their rules; further ones
    /// are dropped and counted.
    pub intake_messages: usize,
    /// Bytes that their payloads may have together.
    pub intake_bytes: usize,
    /// Results that may wait for the actions of one rule; further ones are dropped and counted.
    pub queue_messages: usize,
    /// Bytes that they may have together, with what is being worked on.
    pub queue_bytes: usize,
    /// The same for all rules together. A rule that has nothing else is let in even so: those whose
    /// targets hang do not stop the others.
    pub total_bytes: usize,
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
    /// Bytes that they may have together.
    pub records_bytes: usize,
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            intake_messages: 10_000,
            intake_bytes: 64 << 20,
            queue_messages: 1000,
            queue_bytes: 32 << 20,
            total_bytes: 256 << 20,
            concurrency: 16,
            retry: Retry::default(),
            hops_max: 16,
            records: 10_000,
            records_bytes: 32 << 20,
        }
    }
}

/// What all workers share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) ports: Ports,
    pub(super) records: Records,
    pub(super) counters: Counters,
    pub(super) intake: Intake,
    pub(super) in_flight: InFlight,
    pub(super) batches: Batches,
    pub(super) secrets: Secrets,
    closing: AtomicBool,
}

impl Shared {
    /// Takes a message for its rules, or counts it as dropped by each of them.
    pub(super) fn take(&self, offer: Offer<'_>, rules: &RuleSet) {
        if self.closing.load(Ordering::Acquire) {
            return;
        }
        if !self.intake.push(offer, rules, &self.in_flight) {
            for rule in rules.iter() {
                rule.throttle_unseen();
            }
        }
    }
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
        let shared = Arc::new(Shared {
            records: Records::new(settings.records, settings.records_bytes),
            intake: Intake::new(settings.intake_messages, settings.intake_bytes),
            settings,
            ports,
            counters: Counters::default(),
            in_flight: InFlight::default(),
            batches: Batches::default(),
            secrets: Secrets::default(),
            closing: AtomicBool::new(false),
        });
        let mut workers = JoinSet::new();
        workers.spawn_on(trigger::run(Arc::clone(&shared)), &runtime);
        Self {
            shared,
            runtime,
            workers: Mutex::new(workers),
        }
    }

    /// Opens a queue for a rule and starts its worker, which ends when every clone of the handle
    /// is gone and the queue is empty.
    pub fn open(&self, rule: Arc<Rule>) -> RuleHandle {
        let (queue, works) = mpsc::channel(self.shared.settings.queue_messages);
        let runner = Runner {
            counters: self.shared.counters.rule(rule.name()),
            rule,
            shared: Arc::clone(&self.shared),
        };
        let mut workers = self.workers.lock();
        while workers.try_join_next().is_some() {}
        workers.spawn_on(worker::run(runner.clone(), works), &self.runtime);
        RuleHandle::new(runner, queue)
    }

    /// Where the workers run.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Sends a request outside of any rule, once.
    ///
    /// # Errors
    /// It was not sent, or not answered by success.
    pub async fn send(&self, request: &AwsRequest) -> Result<StatusCode, SendFailure> {
        let request = self.shared.with_token(request, true).await?;
        let target = &self.shared.ports.target;
        let answer = target.send(&target.route(&request), &request).await;
        answer.and_then(|answer| answer.into_result(request.service))
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
        let given_up = self.shared.in_flight.count() + self.shared.intake.len();
        self.workers.lock().abort_all();
        given_up
    }
}
