//! What happens on the server, as JSON that people and programs read.

use crate::hub::{Origin, Protocol, TapEvent};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mqtt::Message;
use mqtt::topic::TopicFilter;
use serde_json::{Map, Value, json};

/// An event as one JSON object with a `type`.
pub(super) fn shown(event: &TapEvent, time_ms: u64) -> Value {
    let mut shown = of(event);
    shown["time_ms"] = time_ms.into();
    shown
}

fn of(event: &TapEvent) -> Value {
    match event {
        TapEvent::Published {
            message,
            origin,
            rules,
            deliveries,
        } => {
            let mut shown = published(message, origin);
            let rules: Vec<&str> = rules.iter().map(AsRef::as_ref).collect();
            shown.insert("rules".into(), rules.into());
            shown.insert("deliveries".into(), (*deliveries).into());
            shown.into()
        }
        TapEvent::Refused {
            client_id,
            principal,
            action,
            resource,
            reason,
        } => json!({
            "type": "refused",
            "client_id": client_id.as_deref(),
            "principal": &**principal,
            "action": action,
            "resource": resource,
            "topic": topic_of(resource),
            "reason": reason,
        }),
        TapEvent::Connected {
            client_id,
            principal,
            source_ip,
        } => json!({
            "type": "connected",
            "client_id": &**client_id,
            "principal": &**principal,
            "source_ip": source_ip.map(|ip| ip.to_string()),
        }),
        TapEvent::Disconnected { client_id, reason } => json!({
            "type": "disconnected",
            "client_id": &**client_id,
            "reason": reason,
        }),
        TapEvent::RuleRan {
            rule,
            topic,
            action,
            outcome,
        } => json!({
            "type": "rule",
            "rule": &**rule,
            "topic": &**topic,
            "action": action,
            "outcome": outcome,
        }),
    }
}

fn published(message: &Message, origin: &Origin) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    put("type", "published".into());
    put("topic", (*message.topic).into());
    put("client_id", origin.client_id.as_deref().into());
    put("principal", (*origin.principal).into());
    put("protocol", protocol(origin.protocol).into());
    put(
        "source_ip",
        origin.source_ip.map(|ip| ip.to_string()).into(),
    );
    put("qos", (message.qos as u8).into());
    put("retain", message.retain.into());
    let (name, payload) = payload(&message.payload);
    put(name, payload);
    shown
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Mqtt => "mqtt",
        Protocol::Http => "http",
        Protocol::Rule => "rule",
        Protocol::Server => "server",
    }
}

/// JSON as it is, other text as text, other bytes in base64.
fn payload(bytes: &[u8]) -> (&'static str, Value) {
    // A number that does not fit is text: it would be shown as another one.
    let exact = |value: &Value, text: &str| {
        let number = value.as_number();
        number.is_none_or(|number| number.to_string() == text.trim())
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => match serde_json::from_str(text) {
            Ok(value) if exact(&value, text) => ("payload", value),
            Ok(_) | Err(_) => ("payload_text", text.into()),
        },
        Err(_) => ("payload_base64", BASE64.encode(bytes).into()),
    }
}

/// Whether somebody who watches a filter wants to see an event. Refused connections are shown to
/// everybody: they are why a topic stays silent.
pub(super) fn concerns(event: &TapEvent, filter: Option<&TopicFilter>) -> bool {
    let Some(filter) = filter else {
        return true;
    };
    let everything = filter.as_str() == "#";
    let matches = |topic: &str| everything || filter.matches(topic, true);
    match event {
        TapEvent::Published { message, .. } => matches(&message.topic),
        TapEvent::RuleRan { topic, .. } => matches(topic),
        TapEvent::Refused { resource, .. } => topic_of(resource).is_none_or(matches),
        TapEvent::Connected { .. } | TapEvent::Disconnected { .. } => everything,
    }
}

/// The topic or filter that an ARN ends with.
fn topic_of(resource: &str) -> Option<&str> {
    let rest = resource.splitn(6, ':').nth(5)?;
    rest.strip_prefix("topic/")
        .or_else(|| rest.strip_prefix("topicfilter/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::{Profile, QoS};
    use std::sync::Arc;

    fn published(topic: &str, payload: &[u8]) -> TapEvent {
        TapEvent::Published {
            message: Arc::new(Message {
                topic: topic.into(),
                payload: payload.to_vec().into(),
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: Vec::new().into(),
                expires_at_ms: None,
            }),
            origin: Origin {
                client_id: Some("c".into()),
                principal: "p".into(),
                source_ip: None,
                protocol: Protocol::Mqtt,
                hops: 0,
            },
            rules: vec!["r".into()],
            deliveries: 2,
        }
    }

    fn refused(resource: &str) -> TapEvent {
        TapEvent::Refused {
            client_id: None,
            principal: "p".into(),
            action: "iot:Publish",
            resource: resource.into(),
            reason: "why".into(),
        }
    }

    #[test]
    fn a_message_is_shown_with_everything_about_it() {
        let expected = json!({
            "type": "published", "topic": "a/b", "client_id": "c", "principal": "p",
            "protocol": "mqtt", "source_ip": null, "qos": 1, "retain": true,
            "payload": {"t": 1.5}, "rules": ["r"], "deliveries": 2, "time_ms": 7,
        });
        assert_eq!(shown(&published("a/b", b"{\"t\": 1.5}"), 7), expected);
    }

    #[test]
    fn payloads_are_json_text_or_base64() {
        let check = |bytes: &[u8], name: &str, value: Value| {
            assert_eq!(payload(bytes), (name, value));
        };
        check(b"[1]", "payload", json!([1]));
        check(b" 1.50", "payload_text", json!(" 1.50"));
        check(b"hello", "payload_text", json!("hello"));
        check(b"", "payload_text", json!(""));
        check(b"\xff", "payload_base64", json!("/w=="));
    }

    #[test]
    fn a_filter_keeps_what_concerns_its_topics() {
        let check = |event: &TapEvent, filter: &str, kept: bool| {
            let parsed = TopicFilter::parse(filter, &Profile::mqtt()).unwrap();
            assert_eq!(concerns(event, Some(&parsed)), kept, "{event:?} {filter}");
        };
        check(&published("a/b", b""), "a/+", true);
        check(&published("a/b", b""), "b/#", false);
        check(&published("$aws/x", b""), "#", true);
        let arn = "arn:aws:iot:us-east-1:000000000000:";
        check(&refused(&format!("{arn}topic/a/b:c")), "a/+", true);
        check(&refused(&format!("{arn}topic/a/b")), "b/#", false);
        check(&refused(&format!("{arn}topicfilter/a/b")), "a/#", true);
        check(&refused(&format!("{arn}client/c")), "b/#", true);
        let left = TapEvent::Disconnected {
            client_id: "c".into(),
            reason: "CONNECTION_LOST",
        };
        check(&left, "a/#", false);
        check(&left, "#", true);
        assert!(concerns(&left, None));
    }
}
