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

/// The seconds of a message's expiry that are left at `now_ms`: what the publisher gave, less the
/// whole seconds that the message has waited (MQTT 5.0 [3.3.2-6]).
pub fn expiry_left_s(expires_at_ms: Option<u64>, now_ms: u64) -> Option<u32> {
    let left_s = expires_at_ms?.saturating_sub(now_ms).div_ceil(1000);
    Some(u32::try_from(left_s).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_lowered_by_whole_seconds_waited() {
        let check = |left_ms, expected| {
            assert_eq!(
                expiry_left_s(Some(10_000 + left_ms), 10_000),
                Some(expected),
                "{left_ms} ms"
            );
        };
        check(2000, 2);
        check(1999, 2);
        check(1001, 2);
        check(1000, 1);
        check(1, 1);
        check(0, 0);
        check(u64::from(u32::MAX) * 2000, u32::MAX);
        assert_eq!(expiry_left_s(Some(1), 10_000), Some(0));
        assert_eq!(expiry_left_s(None, 0), None);
    }
}
