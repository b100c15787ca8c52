//! Messages that a client is owed, and what it is written.

use bytes::Bytes;
use mqtt::codec::{Packet, Version, decode, frame};
use mqtt::session::{Outbound, Outgoing, OutgoingLimits, SubscriptionIds};
use mqtt::{Message, QoS};
use std::sync::Arc;

pub(crate) const LIMITS: OutgoingLimits = OutgoingLimits {
    inflight: 2,
    queued: 3,
    queued_bytes: 1000,
    stored_per_s: 0,
    packet_bytes: 200,
    dup: false,
    topic_aliases: 0,
};

/// A message, kept outside under the number of its first letter.
pub(crate) fn outbound(text: &str, share: Option<u8>) -> Outbound<u8> {
    let message = Message {
        topic: "t".into(),
        payload: Bytes::copy_from_slice(text.as_bytes()),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Bytes::new(),
        expires_at_ms: None,
    };
    Outbound {
        message: Arc::new(message),
        qos: QoS::AtLeastOnce,
        retain: false,
        subscription_ids: SubscriptionIds::None,
        share,
        stored: Some(u64::from(text.as_bytes()[0])),
    }
}

/// Packet id, DUP and payload of every PUBLISH that was written.
pub(crate) fn published(out: &mut Vec<u8>) -> Vec<(u16, bool, String)> {
    let mut found = Vec::new();
    let bytes = std::mem::take(out);
    let mut rest = &bytes[..];
    while let Some(frame) = frame(rest, 1 << 20).expect("packets are well formed") {
        rest = &rest[frame.bytes.len()..];
        if let Packet::Publish(publish) =
            decode(&frame, Version::V311).expect("packets are well formed")
        {
            let text = String::from_utf8(publish.payload.to_vec()).expect("payloads are text");
            found.push((
                publish.packet_id.expect("it is above QoS 0"),
                publish.dup,
                text,
            ));
        }
    }
    found
}

pub(crate) fn connected() -> (Outgoing<u8>, Vec<u8>) {
    let mut out = Vec::new();
    let mut outgoing = Outgoing::new(Version::V311, LIMITS);
    outgoing.connect(LIMITS, 0, &mut out);
    (outgoing, out)
}

pub(crate) fn texts(published: &[(u16, bool, String)]) -> Vec<&str> {
    published.iter().map(|(_, _, text)| &**text).collect()
}
