//! A PUBLISH made once for a topic: to send a message is to copy it and write over a few bytes.

use super::{Form, QoS, Stamp, Version};

/// The packet of every message that a publisher sends.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    form: Form,
    topic_at: usize,
    packet_id_at: Option<usize>,
    payload_at: usize,
}

impl Template {
    pub(crate) fn new(version: Version, qos: QoS, topic: &str, form: Form, size: usize) -> Self {
        Self::with_payload(version, qos, topic, form, &form.payload(size))
    }

    /// A message without a payload or a stamp, which takes a retained one away.
    pub(crate) fn empty(version: Version, qos: QoS, topic: &str) -> Self {
        Self::with_payload(version, qos, topic, Form::Bytes, &[])
    }

    fn with_payload(version: Version, qos: QoS, topic: &str, form: Form, payload: &[u8]) -> Self {
        let acknowledged = qos == QoS::AtLeastOnce;
        let head = 2 + topic.len() + 2 * usize::from(acknowledged);
        let head = head + usize::from(version == Version::V5);
        let mut bytes = vec![0x30 | (qos as u8) << 1];
        put_varint(&mut bytes, head + payload.len());
        bytes.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        let topic_at = bytes.len();
        bytes.extend_from_slice(topic.as_bytes());
        let packet_id_at = acknowledged.then_some(bytes.len());
        if acknowledged {
            bytes.extend_from_slice(&[0, 0]);
        }
        if version == Version::V5 {
            // No properties.
            bytes.push(0);
        }
        let payload_at = bytes.len();
        bytes.extend_from_slice(payload);
        Template {
            bytes,
            form,
            topic_at,
            packet_id_at,
            payload_at,
        }
    }

    /// Asks the broker to keep the message.
    pub(crate) fn retained(mut self) -> Self {
        self.bytes[0] |= 1;
        self
    }

    /// Writes over part of the topic, from byte `at` of it.
    #[inline]
    pub(crate) fn patch_topic(&mut self, at: usize, text: &[u8]) {
        let from = self.topic_at + at;
        self.bytes[from..from + text.len()].copy_from_slice(text);
    }

    /// Appends a message.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>, packet_id: u16, stamp: Stamp) {
        let from = out.len();
        out.extend_from_slice(&self.bytes);
        let message = &mut out[from..];
        if let Some(at) = self.packet_id_at {
            message[at..at + 2].copy_from_slice(&packet_id.to_be_bytes());
        }
        if self.payload_at < message.len() {
            self.form.put(&mut message[self.payload_at..], stamp);
        }
    }
}

/// Appends a variable byte integer (MQTT 5.0 section 1.5.5).
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, next_packet};
    use super::*;
    use bytes::BytesMut;

    const STAMP: Stamp = Stamp {
        due_ns: 5,
        publisher: 6,
        sequence: 7,
    };

    #[test]
    fn mqttbytes_and_our_reader_agree_on_what_is_written() {
        for version in [Version::V311, Version::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                let mut template = Template::new(version, qos, "a/000", Form::Bytes, 300);
                template.patch_topic(2, b"123");
                let mut out = Vec::new();
                template.put(&mut out, 9, STAMP);
                let (topic, payload) = second_opinion(version, &out);
                assert_eq!((topic.as_str(), payload.len()), ("a/123", 300));
                for cut in 0..out.len() {
                    assert_eq!(next_packet(&out[..cut], version), Ok(None), "{cut}");
                }
                let (packet, used) = next_packet(&out, version).unwrap().unwrap();
                assert_eq!(used, out.len());
                let expected = Packet::Publish {
                    packet_id: (qos == QoS::AtLeastOnce).then_some(9),
                    payload: &payload,
                };
                assert_eq!(packet, expected);
                assert_eq!(Form::Bytes.read(&payload), Some(STAMP));
            }
        }
    }

    fn second_opinion(version: Version, bytes: &[u8]) -> (String, Vec<u8>) {
        let mut stream = BytesMut::from(bytes);
        match version {
            Version::V311 => match mqttbytes::v4::read(&mut stream, 10_000).unwrap() {
                mqttbytes::v4::Packet::Publish(publish) => (publish.topic, publish.payload.into()),
                other => panic!("{other:?}"),
            },
            Version::V5 => match mqttbytes::v5::read(&mut stream, 10_000).unwrap() {
                mqttbytes::v5::Packet::Publish(publish) => (publish.topic, publish.payload.into()),
                other => panic!("{other:?}"),
            },
        }
    }
}
