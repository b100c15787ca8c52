//! A message as rule SQL sees it.

use super::event::{Event, Protocol};
use crate::sql::{Message, Properties};
use uuid::Uuid;

impl Event {
    /// Gives `work` the message as the rules of an account see it. The payload is indexed at most
    /// once for all that `work` does with it.
    pub(super) fn view<T>(&self, account_id: &str, work: impl FnOnce(&Message<'_>) -> T) -> T {
        let mut id = Uuid::encode_buffer();
        let trace_id = &*self.trace_id.hyphenated().encode_lower(&mut id);
        let mut message = Message::new(&self.topic, &self.payload);
        message.basic_ingest_rule = self.basic_ingest_rule.as_deref();
        message.client_id = self.client_id.as_deref();
        message.principal = Some(self.principal.as_ref()).filter(|principal| !principal.is_empty());
        message.account_id = account_id;
        message.source_ip = self.source_ip;
        // A trace id is what MQTT messages have (developer guide, `traceid()`).
        message.trace_id = (self.protocol == Protocol::Mqtt).then_some(trace_id);
        message.properties = properties(self);
        work(&message)
    }

    /// When it was received, as SQL has it.
    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(self.received_ms).unwrap_or(i64::MAX)
    }
}

fn properties(event: &Event) -> Properties<'_> {
    let Some(mqtt5) = event.mqtt5.as_deref() else {
        return Properties::default();
    };
    Properties {
        content_type: mqtt5.content_type.as_deref(),
        payload_is_utf8: mqtt5.utf8_payload == Some(true),
        response_topic: mqtt5.response_topic.as_deref(),
        correlation_data: mqtt5.correlation_data.as_deref(),
        user: mqtt5
            .user_properties
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect(),
    }
}
