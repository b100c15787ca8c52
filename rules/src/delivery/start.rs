//! The begin of an action: it is rendered, its destination and its role are asked, and what needs
//! no waiting is done.

use super::chance::chance;
use super::error_action::Failure;
use super::execute::{Failed, Run, Which};
use super::isolate::isolated;
use super::ports::Denied;
use super::records::{Outcome, SentRequest};
use super::rule::Selected;
use super::shown::{shown_publish, shown_record, shown_request};
use crate::actions::{
    Action, Batching, Destination, Effect, Input, Missing, Permission, Rendered, Republish,
    Unrenderable,
};
use crate::sql::Context;
use crate::target::{AwsRequest, KafkaRecord, Route};
use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// An action on its way.
pub(super) enum Started {
    /// It is over.
    Over(Option<Failure>),
    /// Something waits to be sent.
    Pending(Box<Pending>),
}

pub(super) struct Pending {
    pub(super) invocation: Invocation,
    pub(super) route: Route,
    pub(super) outgoing: Outgoing,
    pub(super) rendered: Details,
    pub(super) batching: Option<Batching>,
}

/// What goes out to a target.
pub(super) enum Outgoing {
    Request(Box<AwsRequest>),
    Record(Box<KafkaRecord>),
}

/// What identifies an invocation in records and counters.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) action: &'static str,
    pub(super) failed_action: &'static str,
    pub(super) error_action: bool,
    pub(super) input: Bytes,
}

/// What of a rendered action is needed once its effect is on the way.
#[derive(Clone)]
pub(super) struct Details {
    pub(super) resource: String,
    pub(super) failure: &'static str,
    pub(super) details: String,
    pub(super) missing: Option<Missing>,
}

impl Outgoing {
    /// The form that records keep.
    pub(super) fn shown(&self, route: &Route) -> SentRequest {
        match self {
            Self::Request(request) => shown_request(route, request),
            Self::Record(record) => shown_record(route, record),
        }
    }
}

impl Run {
    /// Renders actions and checks their roles. A republish is done at once, so that messages of
    /// one publisher stay in order.
    pub(super) async fn start(
        &self,
        which: Which,
        selected: &Selected,
        payload: &Bytes,
    ) -> Vec<Started> {
        if !self.runner.rule.actions_ask_outside() {
            return self.start_now(which, selected, payload, None);
        }
        let (run, runtime) = (self.clone(), Handle::current());
        let (selected, payload) = (selected.clone(), payload.clone());
        let started =
            spawn_blocking(move || run.start_now(which, &selected, &payload, Some(runtime)));
        // A panic of an action is caught there: this one would be of the runtime, which is ending.
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
        let mut chance = chance();
        let mut outside = runtime.map(|runtime| self.runner.outside(runtime));
        self.event.view().show(&place.account_id, |message| {
            let mut context = Context::new(message, self.event.now_ms(), &mut chance);
            context.variables = selected.variables.clone();
            context.external = outside.as_mut().map(|outside| outside as _);
            let mut started = Vec::with_capacity(actions.len());
            for action in actions {
                let invocation = Invocation {
                    action: action.kind(),
                    failed_action: action.failed_action(),
                    error_action: which == Which::ErrorAction,
                    input: payload.clone(),
                };
                let done = isolated(|| self.start_one(action, &mut context, invocation.clone()));
                started.push(done.unwrap_or_else(|panic| {
                    Started::Over(self.broken(invocation, String::new(), &panic))
                }));
            }
            started
        })
    }

    fn start_one(
        &self,
        action: &Action,
        context: &mut Context<'_>,
        invocation: Invocation,
    ) -> Started {
        let payload = invocation.input.clone();
        let mut input = Input {
            payload: &payload,
            context,
            rule: self.runner.rule.name(),
            place: &self.shared().settings.place,
            trace_id: self.event.trace_id,
            now_ms: (self.shared().ports.now_ms)(),
            is_error_action: invocation.error_action,
        };
        let rendered = match action.render(&mut input) {
            Ok(rendered) => rendered,
            Err(refused) => return Started::Over(self.unrenderable(invocation, refused)),
        };
        let Rendered {
            permissions,
            resource,
            effect,
            failure,
            details,
            missing,
            destination,
            batching,
        } = rendered;
        let rendered = Details {
            resource,
            failure,
            details,
            missing,
        };
        let refuse = |outcome: Outcome, reason: &str, effect: Option<&Effect>| {
            let message = self.text(&rendered, reason);
            let shown = effect.and_then(|effect| self.shown(effect));
            let failed = Failed { outcome, message };
            let resource = rendered.resource.clone();
            Started::Over(self.fail(invocation.clone(), resource, shown, 0, failed))
        };
        let configuration = match self.configuration(destination.as_ref()) {
            Ok(configuration) => configuration,
            Err(reason) => {
                let outcome = Outcome::Failed {
                    reason: reason.clone(),
                };
                return refuse(outcome, &reason, Some(&effect));
            }
        };
        let (effect, needed) = match effect.at(&configuration, &self.shared().settings.place) {
            Ok(settled) => settled,
            Err(reason) => {
                let outcome = Outcome::Failed {
                    reason: reason.clone(),
                };
                return refuse(outcome, &reason, None);
            }
        };
        let mut wanted = permissions.into_iter().chain(needed);
        if let Some(Denied { reason }) = wanted.find_map(|one| self.denied(&one)) {
            let outcome = Outcome::Denied {
                reason: reason.clone(),
            };
            return refuse(outcome, &reason, Some(&effect));
        }
        self.go(invocation, rendered, effect, batching)
    }

    fn go(
        &self,
        invocation: Invocation,
        rendered: Details,
        effect: Effect,
        batching: Option<Batching>,
    ) -> Started {
        let target = &self.shared().ports.target;
        let (route, outgoing) = match effect {
            Effect::Republish(message) => {
                return Started::Over(self.republish(invocation, rendered, message));
            }
            Effect::Request(request) => {
                (target.route(&request), Outgoing::Request(Box::new(request)))
            }
            Effect::Record(record) => (target.route_record(&record), Outgoing::Record(record)),
            Effect::Lines(_) => {
                let reason = "the action has no destination";
                return Started::Over(self.broken(invocation, rendered.resource, reason));
            }
        };
        Started::Pending(Box::new(Pending {
            invocation,
            route,
            outgoing,
            rendered,
            batching,
        }))
    }

    fn unrenderable(&self, invocation: Invocation, refused: Unrenderable) -> Option<Failure> {
        let Unrenderable { message, resource } = refused;
        self.broken(invocation, resource, &message)
    }

    /// The failure of an action that came to nothing before it was sent.
    pub(super) fn broken(
        &self,
        invocation: Invocation,
        resource: String,
        why: &str,
    ) -> Option<Failure> {
        let message = format!("{why}. Message arrived on: {}", self.event.topic);
        let outcome = Outcome::Failed {
            reason: message.clone(),
        };
        self.fail(invocation, resource, None, 0, Failed { outcome, message })
    }

    /// What the destination of an action is made of; null if it needs none.
    fn configuration(&self, destination: Option<&Destination>) -> Result<Value, String> {
        match destination {
            None => Ok(Value::Null),
            Some(destination) => self.shared().ports.destinations.enabled(destination),
        }
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

    /// What would have been sent.
    fn shown(&self, effect: &Effect) -> Option<SentRequest> {
        let target = &self.shared().ports.target;
        match effect {
            Effect::Request(request) => Some(shown_request(&target.route(request), request)),
            Effect::Republish(message) => Some(shown_publish(message)),
            Effect::Record(record) => Some(shown_record(&target.route_record(record), record)),
            Effect::Lines(_) => None,
        }
    }
}
