//! One application message on its way through the broker.

use bytes::Bytes;
use std::sync::Arc;

/// Quality of service of a message or a subscription (MQTT 5.0 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// At most once, 0.
    AtMostOnce = 0,
    /// At least once, 1.
    AtLeastOnce = 1,
    /// Exactly once, 2.
    ExactlyOnce = 2,
}

/// A published message in the form that rules, retained storage and session queues keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic it was published to.
    pub topic: Arc<str>,
    /// The application payload.
    pub payload: Bytes,
    /// The quality of service that the publisher asked for.
    pub qos: QoS,
    /// Whether the publisher set RETAIN.
    pub retain: bool,
    /// MQTT 5 properties that travel to subscribers (payload format, content type, response
    /// topic, correlation data, user properties), in wire form without the leading length.
    pub properties: Bytes,
    /// When the message expires, milliseconds since the epoch; `None` when it does not.
    pub expires_at_ms: Option<u64>,
}
