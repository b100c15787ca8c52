//! A published message as topic rules see it.

use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// How a message came in, as far as rule SQL tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// An MQTT client.
    Mqtt,
    /// The HTTP data plane.
    Http,
    /// A republish action, or the server itself.
    Internal,
}

/// The MQTT 5 properties of a PUBLISH that rule SQL can read (`get_mqtt_property`,
/// `get_user_properties`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mqtt5 {
    /// Payload format indicator: whether the payload is UTF-8 text.
    pub utf8_payload: Option<bool>,
    /// Content type.
    pub content_type: Option<String>,
    /// Response topic.
    pub response_topic: Option<String>,
    /// Correlation data.
    pub correlation_data: Option<Bytes>,
    /// User properties in order.
    pub user_properties: Vec<(String, String)>,
}

/// Where messages come from.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// The client id; `None` when it did not come over MQTT.
    pub client_id: Option<Arc<str>>,
    /// Certificate id or IAM identity.
    pub principal: Arc<str>,
    /// The address.
    pub source_ip: Option<IpAddr>,
    /// The way in.
    pub protocol: Protocol,
    /// How many republish actions the message went through.
    pub hops: u8,
}

impl Publisher {
    /// Whether it is known to be the same; cheap.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same_client = match (&self.client_id, &other.client_id) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_client
            && Arc::ptr_eq(&self.principal, &other.principal)
            && self.source_ip == other.source_ip
            && self.protocol == other.protocol
            && self.hops == other.hops
    }
}

/// A message offered to the rules of its topic.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// Where it comes from.
    pub publisher: Publisher,
    /// The payload.
    pub payload: &'a [u8],
    /// MQTT 5 properties, when there were any.
    pub mqtt5: Option<Box<Mqtt5>>,
    /// When it was received, milliseconds since the epoch (`timestamp()`).
    pub received_ms: u64,
}

/// A message that a rule acts on; shared by all rules that do.
#[derive(Clone, Debug)]
pub struct Event {
    /// The topic it was published to, `$aws/rules/NAME/` of Basic Ingest included.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// Where it comes from.
    pub publisher: Publisher,
    /// MQTT 5 properties, when there were any.
    pub mqtt5: Option<Box<Mqtt5>>,
    /// Identifies the message in logs and error actions (`traceid()`).
    pub trace_id: Uuid,
    /// When it was received, milliseconds since the epoch (`timestamp()`).
    pub received_ms: u64,
    /// The rule it was addressed to by Basic Ingest.
    pub basic_ingest_rule: Option<Arc<str>>,
}
