//! A PUBLISH above QoS 0 that goes to many receivers.

use super::frame::Version;
use super::publish::{PublishBody, PublishHead, publish_bytes, put_publish};
use crate::message::QoS;

/// A PUBLISH that is encoded once; packet id and RETAIN are filled in for each receiver.
#[derive(Debug)]
pub struct PublishForm {
    version: Version,
    qos: QoS,
    bytes: Vec<u8>,
    id_at: usize,
}

impl PublishForm {
    /// Encodes it for receivers of a version at a QoS above 0.
    pub fn new(version: Version, qos: QoS, body: &PublishBody<'_>) -> Self {
        let head = PublishHead {
            qos,
            dup: false,
            retain: false,
            packet_id: Some(0),
        };
        let mut bytes = Vec::with_capacity(publish_bytes(version, qos, body));
        put_publish(&mut bytes, version, head, body);
        // The fixed header is a byte and a length whose last byte has no continuation bit.
        let length = bytes[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
        Self {
            version,
            qos,
            id_at: 1 + length + 2 + body.topic.len(),
            bytes,
        }
    }

    /// Whether it is what such a receiver gets.
    pub fn fits(&self, version: Version, qos: QoS) -> bool {
        self.version == version && self.qos == qos
    }

    /// Its length, the same for every receiver.
    pub fn packet_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the packet for one receiver.
    pub fn put(&self, out: &mut Vec<u8>, retain: bool, packet_id: u16) {
        let first = out.len();
        out.extend_from_slice(&self.bytes);
        out[first] |= u8::from(retain);
        let id_at = first + self.id_at;
        out[id_at..id_at + 2].copy_from_slice(&packet_id.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_the_packet_that_would_be_encoded_for_the_receiver() {
        for payload_bytes in [0, 100, 127, 128, 20_000] {
            for version in [Version::V311, Version::V5] {
                for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                    let payload = vec![7; payload_bytes];
                    let body = PublishBody {
                        topic: "a/b",
                        expiry_s: Some(9),
                        payload: &payload,
                        ..PublishBody::default()
                    };
                    let form = PublishForm::new(version, qos, &body);
                    let (mut found, mut expected) = (vec![1], vec![1]);
                    form.put(&mut found, true, 0x1234);
                    let head = PublishHead {
                        qos,
                        dup: false,
                        retain: true,
                        packet_id: Some(0x1234),
                    };
                    put_publish(&mut expected, version, head, &body);
                    assert_eq!(found, expected);
                    assert_eq!(form.packet_bytes(), expected.len() - 1);
                }
            }
        }
    }
}
