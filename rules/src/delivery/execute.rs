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
    Action, Effect, Input, Missing, Permission, Rendered, Republish, Unrenderable,
};
use crate::sql::Context;
use crate::target::{AwsRequest, Route, SendFailure, Via};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
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
    let failures = run
        .finish(run.start(rule.actions().iter(), &selected, &payload, false))
        .await;
    if let Some(action) = rule.error_action()
        && !failures.is_empty()
    {
        let payload = error_action::payload(rule.name(), &run.event, &failures);
        let started = run.start(std::iter::once(action), &selected, &payload, true);
        run.finish(started).await;
    }
}

/// What the actions of one message share.
#[derive(Clone)]
struct Run {
    runner: Runner,
    event: Arc<Event>,
}

/// An action on its way.
enum Started {
    /// It is over.
    Over(Option<Failure>),
    /// A request waits to be sent.
    Pending(Box<Pending>),
}

struct Pending {
    invocation: Invocation,
    route: Route,
    request: AwsRequest,
    rendered: Details,
}

/// What identifies an invocation in records and counters.
struct Invocation {
    action: &'static str,
    failed_action: &'static str,
    error_action: bool,
    input: Bytes,
}

/// What of a rendered action is needed once its effect is on the way.
struct Details {
    resource: String,
    failure: &'static str,
    details: String,
    missing: Option<Missing>,
}

impl Run {
    fn shared(&self) -> &Shared {
        &self.runner.shared
    }

    /// Renders actions and checks their roles. A republish is done at once, so that messages of
    /// one publisher stay in order.
    fn start<'a>(
        &self,
        actions: impl Iterator<Item = &'a Action>,
        selected: &Selected,
        payload: &Bytes,
        error_action: bool,
    ) -> Vec<Started> {
        let account_id = &self.shared().settings.place.account_id;
        self.event.view().show(account_id, |message| {
            let mut chance = chance();
            let mut context = Context::new(message, self.event.now_ms(), &mut chance);
            context.variables = selected.variables.clone();
            actions
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
        } = match action.render(&mut input) {
            Ok(rendered) => rendered,
            Err(Unrenderable { message, resource }) => {
                let message = format!("{message}. Message arrived on: {}", self.event.topic);
                let failed = Failed {
                    outcome: Outcome::Failed {
                        reason: message.clone(),
                    },
                    message,
                };
                return Started::Over(self.fail(invocation, resource, None, 0, failed));
            }
        };
        let rendered = Details {
            resource,
            failure,
            details,
            missing,
        };
        if let Some(denied) = permission.and_then(|wanted| self.denied(&wanted)) {
            let reason = denied.reason;
            let failed = Failed {
                message: self.text(&rendered, &reason),
                outcome: Outcome::Denied { reason },
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
                }))
            }
        }
    }

    /// Asks the role for what an action wants.
    fn denied(&self, wanted: &Permission) -> Option<Denied> {
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

    /// Sends a request until it succeeds, cannot succeed, or was tried often enough.
    async fn send(&self, pending: Pending) -> Option<Failure> {
        let Pending {
            invocation,
            route,
            request,
            rendered,
        } = pending;
        let mut missing = rendered.missing.as_ref();
        let shown = Some(shown_request(&route, &request));
        if route.via == Via::Recorded {
            self.record(invocation, shown, 0, Outcome::Recorded);
            return None;
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            let answer = self.shared().ports.target.send(&route, &request).await;
            let failure = match answer.and_then(|answer| answer.into_result(request.service)) {
                Ok(status) => {
                    let status = Some(status.as_u16());
                    self.record(invocation, shown, attempts, Outcome::Success { status });
                    return None;
                }
                Err(failure) => failure,
            };
            if let Some(making) = missing.take_if(|m| failure.code.as_deref() == Some(m.code)) {
                match self.make(making).await {
                    Ok(()) => continue,
                    Err(reason) => {
                        let failed = Failed {
                            message: self.text(&rendered, &reason),
                            outcome: Outcome::Failed { reason },
                        };
                        return self.fail(invocation, rendered.resource, shown, attempts, failed);
                    }
                }
            }
            match self.pause(&failure, attempts) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let reason = failure.message;
                    let message = self.text(&rendered, &reason);
                    let failed = Failed {
                        message,
                        outcome: Outcome::Failed { reason },
                    };
                    return self.fail(invocation, rendered.resource, shown, attempts, failed);
                }
            }
        }
    }

    /// Makes what a request found missing; that somebody else has made it by now is as good.
    async fn make(&self, missing: &Missing) -> Result<(), String> {
        if let Some(denied) = self.denied(&missing.permission) {
            return Err(denied.reason);
        }
        let (target, request) = (&self.shared().ports.target, &missing.request);
        let answer = target.send(&target.route(request), request).await;
        match answer.and_then(|answer| answer.into_result(request.service)) {
            Ok(_) => Ok(()),
            Err(failure) if failure.code.as_deref() == Some("ResourceAlreadyExistsException") => {
                Ok(())
            }
            Err(failure) => Err(failure.message),
        }
    }

    fn pause(&self, failure: &SendFailure, attempts: u32) -> Option<Duration> {
        if !failure.retryable {
            return None;
        }
        self.shared()
            .settings
            .retry
            .pause_after(attempts, &mut chance())
    }

    /// The error text as AWS has it.
    fn text(&self, rendered: &Details, error: &str) -> String {
        let Details {
            failure, details, ..
        } = rendered;
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

    fn fail(
        &self,
        invocation: Invocation,
        resource: String,
        request: Option<SentRequest>,
        attempts: u32,
        failed: Failed,
    ) -> Option<Failure> {
        let rule = self.runner.rule.name();
        let (action, error) = (invocation.action, &failed.message);
        tracing::error!(event_type = "RuleExecution", %rule, topic = %self.event.topic, action, %error, "rule action failed");
        let failed_action = invocation.failed_action;
        self.record(invocation, request, attempts, failed.outcome);
        Some(Failure {
            failed_action,
            failed_resource: resource,
            error_message: failed.message,
        })
    }

    fn record(
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
struct Failed {
    outcome: Outcome,
    message: String,
}
