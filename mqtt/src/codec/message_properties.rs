//! The properties of a message that the server makes itself: HTTP publishes, republish actions,
//! events.

use super::primitives::put_binary;
use super::properties::id;

/// Properties that travel with a message, to be written in the form that
/// [`Message::properties`](crate::Message::properties) keeps. Texts and data are cut at 65,535
/// bytes, the most that MQTT can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties<'a> {
    /// Whether the payload is declared to be UTF-8.
    pub payload_format: Option<bool>,
    /// What the payload is.
    pub content_type: Option<&'a str>,
    /// Where a response goes.
    pub response_topic: Option<&'a str>,
    /// What a response is recognised by.
    pub correlation_data: Option<&'a [u8]>,
    /// The sender's own name and value pairs.
    pub user_properties: &'a [(String, String)],
}

impl MessageProperties<'_> {
    /// Appends them in wire form without length.
    pub fn put(&self, out: &mut Vec<u8>) {
        if let Some(utf8) = self.payload_format {
            out.extend_from_slice(&[id::PAYLOAD_FORMAT, u8::from(utf8)]);
        }
        let texts = [
            (id::CONTENT_TYPE, self.content_type.map(str::as_bytes)),
            (id::RESPONSE_TOPIC, self.response_topic.map(str::as_bytes)),
            (id::CORRELATION_DATA, self.correlation_data),
        ];
        for (name, bytes) in texts {
            if let Some(bytes) = bytes {
                out.push(name);
                put_binary(out, bytes);
            }
        }
        for (name, value) in self.user_properties {
            out.push(id::USER_PROPERTY);
            put_binary(out, name.as_bytes());
            put_binary(out, value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::PublishProperties;

    #[test]
    fn what_is_written_is_read_back() {
        let pairs = [("k".to_owned(), "v".to_owned()), ("k".into(), "w".into())];
        let written = MessageProperties {
            payload_format: Some(true),
            content_type: Some("text/plain"),
            response_topic: Some("r/t"),
            correlation_data: Some(b"\x00\xff"),
            user_properties: &pairs,
        };
        let mut wire = Vec::new();
        written.put(&mut wire);
        let read = PublishProperties::of_forwardable(&wire);
        assert_eq!(read.payload_format, Some(true));
        assert_eq!(read.content_type, Some("text/plain"));
        assert_eq!(read.response_topic, Some("r/t"));
        assert_eq!(read.correlation_data, Some(&b"\x00\xff"[..]));
        let found: Vec<_> = read.user_properties.iter().collect();
        assert_eq!(found, [("k", "v"), ("k", "w")]);
        wire.clear();
        MessageProperties::default().put(&mut wire);
        assert!(wire.is_empty());
    }
}
