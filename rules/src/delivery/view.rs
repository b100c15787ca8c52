//! A message as rule SQL sees it.

use super::event::{Event, Mqtt5, Protocol, Publisher};
use crate::sql::{Message, Properties};
use uuid::Uuid;

/// What a message for SQL is made of.
pub(super) struct View<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) publisher: &'a Publisher,
    pub(super) mqtt5: Option<&'a Mqtt5>,
    pub(super) trace_id: Uuid,
    pub(super) basic_ingest_rule: Option<&'a str>,
}

impl View<'_> {
    /// Gives `work` the message as the rules of an account see it. The payload is indexed at most
    /// once for all that `work` does with it.
    pub(super) fn show<T>(&self, account_id: &str, work: impl FnOnce(&Message<'_>) -> T) -> T {
        let publisher = self.publisher;
        let mut id = Uuid::encode_buffer();
        let trace_id = &*self.trace_id.hyphenated().encode_lower(&mut id);
        let mut message = Message::new(self.topic, self.payload);
        message.basic_ingest_rule = self.basic_ingest_rule;
        message.client_id = publisher.client_id.as_deref();
        let principal = publisher.principal.as_ref();
        message.principal = Some(principal).filter(|principal| !principal.is_empty());
        message.account_id = account_id;
        message.source_ip = publisher.source_ip;
        // A trace id is what MQTT messages have (developer guide, `traceid()`).
        message.trace_id = (publisher.protocol == Protocol::Mqtt).then_some(trace_id);
        message.properties = self.mqtt5.map(properties).unwrap_or_default();
        work(&message)
    }
}

impl Event {
    pub(super) fn view(&self) -> View<'_> {
        View {
            topic: &self.topic,
            payload: &self.payload,
            publisher: &self.publisher,
            mqtt5: self.mqtt5.as_deref(),
            trace_id: self.trace_id,
            basic_ingest_rule: self.basic_ingest_rule.as_deref(),
        }
    }

    /// When it was received, as SQL has it.
    pub(super) fn now_ms(&self) -> i64 {
        sql_time(self.received_ms)
    }
}

/// Milliseconds as SQL has them.
pub(super) fn sql_time(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn properties(mqtt5: &Mqtt5) -> Properties<'_> {
    let user = mqtt5.user_properties.iter();
    Properties {
        content_type: mqtt5.content_type.as_deref(),
        payload_is_utf8: mqtt5.utf8_payload == Some(true),
        response_topic: mqtt5.response_topic.as_deref(),
        correlation_data: mqtt5.correlation_data.as_deref(),
        user: user.map(|(k, v)| (k.as_str(), v.as_str())).collect(),
    }
}
