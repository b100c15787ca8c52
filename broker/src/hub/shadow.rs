//! The Device Shadow service's door for devices: requests on reserved topics, and the messages that
//! answer them and tell of changes.

use super::deliver::take_pressure;
use super::link::ShadowTurn;
use super::origin::{Origin, Protocol};
use super::publication::Publication;
use super::{Hub, flush};
use bytes::Bytes;
use mqtt::reserved::{ShadowOperation, ShadowRequest};
use mqtt::{Message, QoS};
use serde_json::{Map, Value};
use std::sync::Arc;
use things::{ShadowError, ShadowName, ShadowRejected, ShadowUpdate};

/// What came of a request.
pub(crate) enum ShadowOutcome {
    Got(String),
    Updated(ShadowUpdate),
    Deleted(String),
}

impl Hub {
    /// Answers a request that a client or a rule published.
    pub(super) fn answer_shadow_request(&self, publication: &Publication<'_>, origin: &Origin) {
        let topic = publication.topic();
        let Some(request) = ShadowRequest::parse(topic) else {
            return;
        };
        let name = ShadowName::new(request.thing, request.shadow);
        let link = origin
            .client_id
            .as_ref()
            .and_then(|id| self.sessions.of(id));
        let link = link.and_then(|session| session.link());
        let turn = link.map(|link| {
            let turn = link.shadow_turn(request.thing);
            turn.ok_or(ShadowError::TooManyRequests)
        });
        let turn = turn.transpose();
        let outcome = match (&turn, name) {
            (Ok(_), Ok(name)) => self.ask_shadow(request.operation, &name, publication.payload()),
            (Err(error), _) => Err(error.clone().into()),
            (_, Err(error)) => Err(error.into()),
        };
        let messages = match outcome {
            Ok(outcome) => outcome.messages(topic),
            Err(why) => {
                let thing = request.thing;
                tracing::debug!(?thing, shadow = ?request.shadow, error = why.error.to_string(), "shadow request rejected");
                vec![(format!("{topic}/rejected"), rejection(&why))]
            }
        };
        self.send_shadow(messages, origin, turn.ok().flatten());
    }

    /// Does what a request asks for, whichever way it came.
    pub(crate) fn ask_shadow(
        &self,
        operation: ShadowOperation,
        name: &ShadowName,
        request: &[u8],
    ) -> Result<ShadowOutcome, ShadowRejected> {
        let (shadows, now_ms) = (self.things.shadows(), self.now_ms());
        let outcome = match operation {
            ShadowOperation::Get => {
                let got = shadows.get(name, request, now_ms);
                got.map(ShadowOutcome::Got)
            }
            ShadowOperation::Update => {
                let updated = shadows.update(name, request, now_ms);
                updated.map(ShadowOutcome::Updated)
            }
            ShadowOperation::Delete => {
                let deleted = shadows.delete(name, request, now_ms);
                deleted.map(ShadowOutcome::Deleted)
            }
        };
        let changed = operation != ShadowOperation::Get && outcome.is_ok();
        if changed && self.things.decides_by_shadows() {
            self.things.decisions_changed();
        }
        self.metrics
            .shadow_request(api_name(operation), outcome.is_ok());
        outcome
    }

    /// Tells devices of a change that was made over HTTP.
    pub(crate) fn tell_shadow(&self, name: &ShadowName, outcome: ShadowOutcome, origin: &Origin) {
        let thing = name.thing();
        let named = name.shadow().map(|shadow| format!("name/{shadow}/"));
        let operation = match &outcome {
            ShadowOutcome::Got(_) => "get",
            ShadowOutcome::Updated(_) => "update",
            ShadowOutcome::Deleted(_) => "delete",
        };
        let named = named.unwrap_or_default();
        let topic = format!("$aws/things/{thing}/shadow/{named}{operation}");
        if let Some(journal) = &self.journal {
            journal.expect_disk();
        }
        self.send_shadow(outcome.messages(&topic), origin, None);
        // This thread serves no connection, whose round would send it on.
        flush::settle(self.now_ms());
        take_pressure();
    }

    /// Publishes the service's messages, when what they tell of is on disk. The rounds of rules
    /// that republish are counted on. The request's turn is over with them.
    fn send_shadow(
        &self,
        messages: Vec<(String, String)>,
        origin: &Origin,
        turn: Option<ShadowTurn>,
    ) {
        let origin = Origin {
            client_id: None,
            source_ip: None,
            protocol: Protocol::Server,
            ..origin.clone()
        };
        let Some(journal) = &self.journal else {
            for (topic, payload) in messages {
                self.deliver_shadow(&topic, payload, &origin);
            }
            return;
        };
        let hub = self.me.clone();
        journal.then(move |on_disk| {
            if let Some(hub) = hub.upgrade().filter(|_| on_disk) {
                for (topic, payload) in messages {
                    hub.deliver_shadow(&topic, payload, &origin);
                }
                take_pressure();
            }
            drop(turn);
        });
    }

    fn deliver_shadow(&self, topic: &str, payload: String, origin: &Origin) {
        let route = self.route(topic);
        let message = self.hold(Message {
            topic: Arc::clone(&route.topic),
            payload: Bytes::from(payload),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: None,
        });
        let message = Arc::new(message);
        let publication = Publication::of_message(&message, self.now_ms());
        self.deliver(&publication, &route, None, origin);
    }
}

impl ShadowOutcome {
    /// The answer to who asked.
    pub(crate) fn answer(&self) -> &str {
        match self {
            Self::Got(answer) | Self::Deleted(answer) => answer,
            Self::Updated(update) => &update.accepted,
        }
    }

    /// The messages that a request on a topic leads to.
    fn messages(self, topic: &str) -> Vec<(String, String)> {
        let accepted = format!("{topic}/accepted");
        match self {
            Self::Got(answer) | Self::Deleted(answer) => vec![(accepted, answer)],
            Self::Updated(update) => {
                let mut messages = vec![
                    (accepted, update.accepted),
                    (format!("{topic}/documents"), update.documents),
                ];
                if let Some(delta) = update.delta {
                    messages.push((format!("{topic}/delta"), delta));
                }
                messages
            }
        }
    }
}

fn api_name(operation: ShadowOperation) -> &'static str {
    match operation {
        ShadowOperation::Get => "GetThingShadow",
        ShadowOperation::Update => "UpdateThingShadow",
        ShadowOperation::Delete => "DeleteThingShadow",
    }
}

/// The message to a device whose request is rejected.
fn rejection(rejected: &ShadowRejected) -> String {
    let ShadowRejected {
        error,
        client_token,
    } = rejected;
    let mut members = Map::new();
    members.insert("code".into(), ShadowError::code(error).into());
    members.insert("message".into(), error.to_string().into());
    if let Some(token) = client_token {
        members.insert("clientToken".into(), token.as_str().into());
    }
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests;
