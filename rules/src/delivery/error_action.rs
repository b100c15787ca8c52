//! What an error action is given (developer guide, "Error handling (error action)").

use super::event::Event;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Serialize;

/// One failed action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    pub(super) failed_action: &'static str,
    pub(super) failed_resource: String,
    pub(super) error_message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    rule_name: &'a str,
    topic: &'a str,
    cloudwatch_trace_id: String,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ip: Option<String>,
    base64_original_payload: String,
    failures: &'a [Failure],
}

/// The payload of the error action: once per rule and message, with all failures.
pub(super) fn payload(rule: &str, event: &Event, failures: &[Failure]) -> Bytes {
    let payload = Payload {
        rule_name: rule,
        topic: &event.topic,
        cloudwatch_trace_id: event.trace_id.to_string(),
        client_id: event.publisher.client_id.as_deref().unwrap_or("n/a"),
        source_ip: event.publisher.source_ip.map(|ip| ip.to_string()),
        base64_original_payload: BASE64.encode(&event.payload),
        failures,
    };
    // Strings and lists of strings always serialize.
    serde_json::to_vec(&payload).unwrap_or_default().into()
}
