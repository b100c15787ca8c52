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

/// One message offered to rules; made once per message and shared by all rules that match.
#[derive(Clone, Debug)]
pub struct Event {
    /// The topic it was published to, `$aws/rules/NAME/` of Basic Ingest included.
    pub topic: Arc<str>,
    /// The payload.
    pub payload: Bytes,
    /// The publisher's client id; `None` when it did not come over MQTT.
    pub client_id: Option<Arc<str>>,
    /// Certificate id or IAM identity of the publisher.
    pub principal: Arc<str>,
    /// The publisher's address.
    pub source_ip: Option<IpAddr>,
    /// The way in.
    pub protocol: Protocol,
    /// MQTT 5 properties, when there were any.
    pub mqtt5: Option<Box<Mqtt5>>,
    /// Identifies the message in logs and error actions (`traceid()`).
    pub trace_id: Uuid,
    /// When it was received, milliseconds since the epoch (`timestamp()`).
    pub received_ms: u64,
    /// How many republish actions it went through.
    pub hops: u8,
    /// The rule it was addressed to by Basic Ingest.
    pub basic_ingest_rule: Option<Arc<str>>,
}
