//! What an error action is given (developer guide, "Error handling (error action)").

use super::event::Event;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Serialize;
use std::sync::Arc;

/// One failed action.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) failed_action: &'static str,
    pub(super) failed_resource: String,
    pub(super) error_message: String,
    /// The messages that failed together.
    pub(super) batch: Option<BatchOfEvents>,
}

/// Messages that were sent as one.
#[derive(Clone, Debug)]
pub(super) struct BatchOfEvents {
    pub(super) events: Vec<Arc<Event>>,
    pub(super) across_topics: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    rule_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(flatten)]
    message: Option<Original<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payloads_with_metadata: Option<Vec<Part<'a>>>,
    failures: Vec<Failed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Original<'a> {
    cloudwatch_trace_id: String,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<String>,
    base64_original_payload: String,
}

/// A message of a batch.
#[derive(Serialize)]
struct Part<'a> {
    id: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(flatten)]
    message: Original<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    affected_ids: Option<Vec<usize>>,
    failed_action: &'a str,
    failed_resource: &'a str,
    error_message: &'a str,
}

impl<'a> Original<'a> {
    fn of(event: &'a Event) -> Self {
        let publisher = &event.publisher;
        Self {
            cloudwatch_trace_id: event.trace_id.to_string(),
            client_id: publisher.client_id.as_deref().unwrap_or("n/a"),
            source_ip: publisher.source_ip.map(|ip| ip.to_string()),
            base64_original_payload: BASE64.encode(&event.payload),
        }
    }
}

/// The payload of the error action: once per rule and message, with all failures; once per batch
/// if one failed.
pub(super) fn payload(rule: &str, event: &Event, failures: &[Failure]) -> Bytes {
    let batch = failures.iter().find_map(|failure| failure.batch.as_ref());
    let across_topics = batch.is_some_and(|batch| batch.across_topics);
    let parts = batch.map(parts);
    let ids: Vec<usize> = (1..=parts.as_ref().map_or(0, Vec::len)).collect();
    let payload = Payload {
        rule_name: rule,
        topic: (!across_topics).then_some(&event.topic),
        message: batch.is_none().then(|| Original::of(event)),
        payloads_with_metadata: parts,
        failures: failures
            .iter()
            .map(|failure| Failed {
                affected_ids: batch.map(|_| ids.clone()),
                failed_action: failure.failed_action,
                failed_resource: &failure.failed_resource,
                error_message: &failure.error_message,
            })
            .collect(),
    };
    // Strings and lists of strings always serialize.
    serde_json::to_vec(&payload).unwrap_or_default().into()
}

fn parts(batch: &BatchOfEvents) -> Vec<Part<'_>> {
    let events = batch.events.iter().enumerate();
    events
        .map(|(place, event)| Part {
            id: place + 1,
            topic: batch.across_topics.then_some(&*event.topic),
            message: Original::of(event),
        })
        .collect()
}
