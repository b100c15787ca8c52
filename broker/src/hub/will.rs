//! The message that is published for a client that is lost (MQTT 5.0 [3.1.2.5]).

use crate::budget::Budget;
use mqtt::codec::Will;
use mqtt::{Message, Profile};
use std::sync::Arc;

/// A will as a connection keeps it.
#[derive(Clone, Debug)]
pub(super) struct StoredWill {
    pub(super) message: Message,
    pub(super) delay_s: u32,
    pub(super) expiry_s: Option<u32>,
}

impl StoredWill {
    pub(super) fn new(will: &Will<'_>, profile: &Profile, budget: &Arc<Budget>) -> Self {
        let mut properties = Vec::new();
        will.properties.put_forwardable(&mut properties);
        Self {
            message: Message {
                topic: will.topic.into(),
                payload: budget.keep(will.payload.to_vec(), properties.len()),
                qos: will.qos,
                retain: will.retain,
                properties: properties.into(),
                expires_at_ms: None,
            },
            delay_s: will.properties.will_delay_s.unwrap_or(0),
            expiry_s: will
                .properties
                .message_expiry_s
                .map(|expiry_s| profile.message_expiry_s(expiry_s)),
        }
    }

    /// The message when it is published; its expiry runs from there (MQTT 5.0 [3.1.3.2.4]).
    pub(super) fn into_message(self, now_ms: u64) -> Message {
        let expires_at_ms = self.expiry_s.map(|s| now_ms + u64::from(s) * 1000);
        Message {
            expires_at_ms,
            ..self.message
        }
    }
}
