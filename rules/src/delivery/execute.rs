//! One message through the actions of one rule: every one for itself, then the error action.

use super::chance::chance;
use super::engine::Shared;
use super::error_action::{self, Failure};
use super::event::Event;
use super::ports::Denied;
use super::records::{Outcome, Record, SentRequest};
use super::rule::Selected;
use super::shown::{shown_publish, shown_request};
use super::worker::Runner;
use crate::actions::{
    Action, Batching, Destination, Effect, Input, Missing, Permission, Rendered, Republish,
    Unrenderable,
};
use crate::sql::Context;
use crate::target::{AwsRequest, Route};
use bytes::Bytes;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, spawn_blocking};

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
enum Which {
    Actions,
    ErrorAction,
}

/// What the actions of one message share.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) runner: Runner,
    pub(super) event: Arc<Event>,
}

/// An action on its way.
enum Started {
    /// It is over.
    Over(Option<Failure>),
    /// A request waits to be sent.
    Pending(Box<Pending>),
}

pub(super) struct Pending {
    pub(super) invocation: Invocation,
    pub(super) route: Route,
    pub(super) request: AwsRequest,
    pub(super) rendered: Details,
    pub(super) batching: Option<Batching>,
}

/// What identifies an invocation in records and counters.
pub(super) struct Invocation {
    pub(super) action: &'static str,
    pub(super) failed_action: &'static str,
    pub(super) error_action: bool,
    pub(super) input: Bytes,
}

/// What of a rendered action is needed once its effect is on the way.
pub(super) struct Details {
    pub(super) resource: String,
    pub(super) failure: &'static str,
    pub(super) details: String,
    pub(super) missing: Option<Missing>,
}

impl Run {
    pub(super) fn shared(&self) -> &Shared {
        &self.runner.shared
    }

    /// Renders actions and checks their roles. A republish is done at once, so that messages of
    /// one publisher stay in order.
    async fn start(&self, which: Which, selected: &Selected, payload: &Bytes) -> Vec<Started> {
        if !self.runner.rule.actions_ask_outside() {
            return self.start_now(which, selected, payload, None);
        }
        let (run, runtime) = (self.clone(), Handle::current());
        let (selected, payload) = (selected.clone(), payload.clone());
        let started =
            spawn_blocking(move || run.start_now(which, &selected, &payload, Some(runtime)));
        // A thread that panicked has started nothing.
        started.await.unwrap_or_default()
    }

    fn start_now(
        &self,
        which: Which,
        selected: &Selected,
        payload: &Bytes,
        runtime: Option<Handle>,
    ) -> Vec<Started> {
        let (rule, place) = (&self.runner.rule, &self.shared().settings.place);
        let actions = match which {
            Which::Actions => rule.actions(),
            Which::ErrorAction => rule.error_action().map_or(&[][..], std::slice::from_ref),
        };
        let error_action = which == Which::ErrorAction;
        let mut chance = chance();
        let mut outside = runtime.map(|runtime| self.runner.outside(runtime));
        self.event.view().show(&place.account_id, |message| {
            let mut context = Context::new(message, self.event.now_ms(), &mut chance);
            context.variables = selected.variables.clone();
            context.external = outside.as_mut().map(|outside| outside as _);
            actions
                .iter()
                .map(|action| self.start_one(action, &mut context, payload, error_action))
                .collect()
        })
    }

    fn start_one(
        &self,
        action: &Action,
        context: &mut Context<'_>,
        payload: &Bytes,
        error_action: bool,
    ) -> Started {
        let invocation = Invocation {
            action: action.kind(),
            failed_action: action.failed_action(),
            error_action,
            input: payload.clone(),
        };
        let mut input = Input {
            payload,
            context,
            rule: self.runner.rule.name(),
            place: &self.shared().settings.place,
            trace_id: self.event.trace_id,
            now_ms: (self.shared().ports.now_ms)(),
        };
        let Rendered {
            permission,
            resource,
            effect,
            failure,
            details,
            missing,
            destination,
            batching,
        } = match action.render(&mut input) {
            Ok(rendered) => rendered,
            Err(refused) => return Started::Over(self.unrenderable(invocation, refused)),
        };
        let rendered = Details {
            resource,
            failure,
            details,
            missing,
        };
        let denied = permission.and_then(|wanted| self.denied(&wanted));
        let refused = denied.map(|Denied { reason }| Outcome::Denied { reason });
        if let Some(outcome) = refused.or_else(|| self.not_enabled(destination.as_ref())) {
            let reason = match &outcome {
                Outcome::Denied { reason } | Outcome::Failed { reason } => reason,
                Outcome::Success { .. } | Outcome::Recorded => "",
            };
            let failed = Failed {
                message: self.text(&rendered, reason),
                outcome,
            };
            let request = Some(self.shown(&effect));
            return Started::Over(self.fail(invocation, rendered.resource, request, 0, failed));
        }
        match effect {
            Effect::Republish(message) => {
                Started::Over(self.republish(invocation, rendered, message))
            }
            Effect::Request(request) => {
                let route = self.shared().ports.target.route(&request);
                Started::Pending(Box::new(Pending {
                    invocation,
                    route,
                    request,
                    rendered,
                    batching,
                }))
            }
        }
    }

    fn unrenderable(&self, invocation: Invocation, refused: Unrenderable) -> Option<Failure> {
        let Unrenderable { message, resource } = refused;
        let message = format!("{message}. Message arrived on: {}", self.event.topic);
        let reason = message.clone();
        let outcome = Outcome::Failed { reason };
        self.fail(invocation, resource, None, 0, Failed { outcome, message })
    }

    /// The failure of an action whose destination may not be sent to.
    fn not_enabled(&self, destination: Option<&Destination>) -> Option<Outcome> {
        let checked = self.shared().ports.destinations.check(destination?);
        checked.err().map(|reason| Outcome::Failed { reason })
    }

    /// Asks the role for what an action wants.
    pub(super) fn denied(&self, wanted: &Permission) -> Option<Denied> {
        let Permission {
            role_arn,
            action,
            resource,
        } = wanted;
        let roles = &self.shared().ports.roles;
        roles
            .authorize(self.runner.rule.name(), role_arn, action, resource)
            .err()
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
                Started::Pending(pending_one) if pending == 1 => self.send(*pending_one).await,
                Started::Pending(pending_one) => {
                    let run = self.clone();
                    sending.spawn(async move { (index, run.send(*pending_one).await) });
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

    fn republish(
        &self,
        invocation: Invocation,
        rendered: Details,
        message: Republish,
    ) -> Option<Failure> {
        let shown = Some(shown_publish(&message));
        let hops_max = self.shared().settings.hops_max;
        let done = if self.event.publisher.hops >= hops_max {
            Err(format!(
                "the message went through {hops_max} republish actions already"
            ))
        } else {
            self.shared()
                .ports
                .republisher
                .republish(message, &self.event)
        };
        match done {
            Ok(()) => {
                self.record(invocation, shown, 1, Outcome::Success { status: None });
                None
            }
            Err(reason) => {
                let message = self.text(&rendered, &reason);
                let failed = Failed {
                    message,
                    outcome: Outcome::Failed { reason },
                };
                self.fail(invocation, rendered.resource, shown, 0, failed)
            }
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

    fn shown(&self, effect: &Effect) -> SentRequest {
        match effect {
            Effect::Request(request) => {
                shown_request(&self.shared().ports.target.route(request), request)
            }
            Effect::Republish(message) => shown_publish(message),
        }
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
