//! Republish actions: what a rule publishes goes through the message core like any message.

use crate::clock::Clock;
use crate::hub::{Hub, Origin, Protocol};
use bytes::Bytes;
use mqtt::codec::MessageProperties;
use mqtt::topic::check_publish;
use mqtt::{Message, Profile, QoS};
use rules::actions::{Republish, RepublishProperties};
use rules::delivery::{Event, Republisher};
use std::sync::{Arc, Weak};

/// Publishes on the hub. The hub holds the rules, so it is held weakly here.
pub(crate) struct HubRepublisher {
    hub: Weak<Hub>,
    clock: Arc<Clock>,
    profile: Profile,
}

impl HubRepublisher {
    /// A way to this hub.
    pub(crate) fn new(hub: &Arc<Hub>, clock: Arc<Clock>, profile: Profile) -> Self {
        Self {
            hub: Arc::downgrade(hub),
            clock,
            profile,
        }
    }
}

impl Republisher for HubRepublisher {
    fn republish(&self, message: Republish, event: &Event) -> Result<(), String> {
        let hub = self.hub.upgrade().ok_or("the server is stopping")?;
        let message = message_of(message, &self.profile, self.clock.now_ms())?;
        let origin = Origin {
            client_id: None,
            principal: Arc::clone(&event.publisher.principal),
            source_ip: None,
            protocol: Protocol::Rule,
            hops: event.publisher.hops.saturating_add(1),
        };
        if hub.is_full_for(&message) {
            return Err("the server has no memory to keep the message in".to_owned());
        }
        hub.publish(message, &origin);
        Ok(())
    }
}

/// The message that the action asks for, if the profile's limits allow it.
pub(super) fn message_of(
    republish: Republish,
    profile: &Profile,
    now_ms: u64,
) -> Result<Message, String> {
    let Republish {
        topic,
        qos,
        payload,
        properties,
    } = republish;
    check_publish(&topic, profile).map_err(|error| error.to_string())?;
    if payload.len() > profile.payload_bytes {
        let most = profile.payload_bytes;
        return Err(format!("the payload has more than {most} bytes"));
    }
    check_properties(&properties, profile)?;
    let expiry_s = properties
        .message_expiry_s
        .map(|seconds| u64::from(profile.message_expiry_s(seconds)));
    Ok(Message {
        topic: topic.into(),
        payload,
        qos: match qos {
            0 => QoS::AtMostOnce,
            _ => QoS::AtLeastOnce,
        },
        retain: false,
        properties: wire(&properties),
        expires_at_ms: expiry_s.map(|seconds| now_ms.saturating_add(seconds * 1000)),
    })
}

fn check_properties(properties: &RepublishProperties, profile: &Profile) -> Result<(), String> {
    let user: usize = properties
        .user_properties
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let content_type = properties.content_type.as_ref().map_or(0, String::len);
    let correlation_data = properties.correlation_data.as_ref().map_or(0, Bytes::len);
    let sizes = [
        ("user properties have", user, profile.user_property_bytes),
        ("content type has", content_type, profile.content_type_bytes),
        (
            "correlation data has",
            correlation_data,
            profile.correlation_data_bytes,
        ),
    ];
    match sizes.into_iter().find(|(_, bytes, most)| bytes > most) {
        Some((what, _, most)) => Err(format!("the {what} more than {most} bytes")),
        None => Ok(()),
    }
}

fn wire(properties: &RepublishProperties) -> Bytes {
    let mut out = Vec::new();
    MessageProperties {
        payload_format: properties.utf8_payload,
        content_type: properties.content_type.as_deref(),
        response_topic: properties.response_topic.as_deref(),
        correlation_data: properties.correlation_data.as_deref(),
        user_properties: &properties.user_properties,
    }
    .put(&mut out);
    out.into()
}
