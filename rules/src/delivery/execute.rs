//! One message through the actions of one rule: every one for itself, then the error action.

use super::engine::Shared;
use super::error_action::{self, Failure};
use super::event::Event;
use super::isolate::isolated_future;
use super::records::{Outcome, Record, SentRequest};
use super::rule::Selected;
use super::start::{Details, Invocation, Pending, Started};
use super::worker::Runner;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Runs the actions of a rule with what it selected of a message, then its error action if one
/// of them failed.
pub(super) async fn execute(runner: &Runner, event: Arc<Event>, selected: Selected) {
    runner.counters.executed.add_one();
    let run = Run {
        runner: runner.clone(),
        event,
    };
    let payload = selected.payload.clone();
    let rule = &runner.rule;
    let started = run.start(Which::Actions, &selected, &payload).await;
    let failures = run.finish(started).await;
    if rule.error_action().is_some() && !failures.is_empty() {
        let payload = error_action::payload(rule.name(), &run.event, &failures);
        let started = run.start(Which::ErrorAction, &selected, &payload).await;
        run.finish(started).await;
    }
}

/// Which actions of a rule run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Actions,
    ErrorAction,
}

/// What the actions of one message share.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) runner: Runner,
    pub(super) event: Arc<Event>,
}

impl Run {
    pub(super) fn shared(&self) -> &Shared {
        &self.runner.shared
    }

    /// Sends what is pending, side by side, and gathers the failures in the order of actions.
    async fn finish(&self, started: Vec<Started>) -> Vec<Failure> {
        let mut failures: Vec<Option<Failure>> = Vec::with_capacity(started.len());
        let mut sending = JoinSet::new();
        let pending = started
            .iter()
            .filter(|s| matches!(s, Started::Pending(_)))
            .count();
        for (index, started) in started.into_iter().enumerate() {
            failures.push(match started {
                Started::Over(failure) => failure,
                Started::Pending(pending_one) if pending == 1 => {
                    self.send_isolated(*pending_one).await
                }
                Started::Pending(pending_one) => {
                    let run = self.clone();
                    sending.spawn(async move { (index, run.send_isolated(*pending_one).await) });
                    None
                }
            });
        }
        while let Some(sent) = sending.join_next().await {
            if let Ok((index, failure)) = sent {
                failures[index] = failure;
            }
        }
        failures.into_iter().flatten().collect()
    }

    /// Sends; a panic is a failure of the action like any other.
    async fn send_isolated(&self, pending: Pending) -> Option<Failure> {
        let invocation = pending.invocation.clone();
        let resource = pending.rendered.resource.clone();
        match isolated_future(self.send(pending)).await {
            Ok(failure) => failure,
            Err(panic) => self.broken(invocation, resource, &panic),
        }
    }

    /// The error text as AWS has it.
    pub(super) fn text(&self, rendered: &Details, error: &str) -> String {
        let Details {
            failure, details, ..
        } = rendered;
        // HTTP actions have an error text of their own.
        if details.is_empty() {
            return format!("{failure}. {error}");
        }
        let topic = &self.event.topic;
        format!("{failure}. The error received was {error}. Message arrived on: {topic}, {details}")
    }

    pub(super) fn fail(
        &self,
        invocation: Invocation,
        resource: String,
        request: Option<SentRequest>,
        attempts: u32,
        failed: Failed,
    ) -> Option<Failure> {
        let rule = self.runner.rule.name();
        let (action, error) = (invocation.action, &failed.message);
        tracing::error!(event_type = "RuleExecution", %rule, topic = ?self.event.topic, action, ?error, "rule action failed");
        let failed_action = invocation.failed_action;
        self.record(invocation, request, attempts, failed.outcome);
        Some(Failure {
            failed_action,
            failed_resource: resource,
            error_message: failed.message,
            batch: None,
        })
    }

    pub(super) fn record(
        &self,
        invocation: Invocation,
        request: Option<SentRequest>,
        attempts: u32,
        outcome: Outcome,
    ) {
        let counters = self.runner.counters.action(invocation.action);
        match (&outcome, invocation.error_action) {
            (Outcome::Success { .. }, false) => counters.success.add_one(),
            (Outcome::Success { .. }, true) => counters.error_action_success.add_one(),
            (Outcome::Recorded, _) => counters.recorded.add_one(),
            (Outcome::Denied { .. } | Outcome::Failed { .. }, false) => counters.failure.add_one(),
            (Outcome::Denied { .. } | Outcome::Failed { .. }, true) => {
                counters.error_action_failure.add_one();
            }
        }
        let record = Record {
            seq: 0,
            time_ms: (self.shared().ports.now_ms)(),
            rule: Arc::clone(self.runner.rule.name()),
            action: invocation.action,
            error_action: invocation.error_action,
            topic: Arc::clone(&self.event.topic),
            client_id: self.event.publisher.client_id.clone(),
            trace_id: self.event.trace_id,
            input: invocation.input,
            request,
            attempts,
            outcome,
        };
        let record = self.shared().records.push(record);
        (self.shared().ports.recorded)(&record);
    }
}

/// An action that is over without success.
pub(super) struct Failed {
    pub(super) outcome: Outcome,
    pub(super) message: String,
}
