//! A message on its way to its receivers: borrowed from the packet it came in, encoded once for
//! each form that receivers need, and owned only when something has to keep it.

use crate::budget::Budget;
use bytes::Bytes;
use mqtt::codec::{self, Publish, PublishBody, PublishForm, PublishHead, PublishRun, Version};
use mqtt::{Message, QoS};
use std::cell::OnceCell;
use std::sync::Arc;

/// One message that is being published.
pub(super) struct Publication<'a> {
    topic: &'a Arc<str>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    payload: &'a [u8],
    properties: &'a [u8],
    expires_at_ms: Option<u64>,
    now_ms: u64,
    /// The packet as it came, if receivers of the same version can have it at QoS 0 as it is.
    verbatim: Option<(Version, &'a [u8])>,
    /// Encodings at QoS 0, by version.
    forms: [OnceCell<Vec<u8>>; 2],
    /// The same above QoS 0: by version and QoS.
    forms_above: [OnceCell<PublishForm>; 4],
    owned: OnceCell<Arc<Message>>,
    /// Counts the owned message.
    budget: Option<&'a Arc<Budget>>,
}

impl<'a> Publication<'a> {
    /// A packet that just came in.
    pub(super) fn of_packet(
        packet: &PublishedPacket<'a>,
        topic: &'a Arc<str>,
        budget: &'a Arc<Budget>,
    ) -> Self {
        Self {
            topic,
            qos: packet.qos,
            retain: packet.retain,
            payload: packet.payload,
            properties: packet.properties,
            expires_at_ms: packet.expires_at_ms,
            now_ms: packet.now_ms,
            verbatim: packet.verbatim,
            forms: Default::default(),
            forms_above: Default::default(),
            owned: OnceCell::new(),
            budget: Some(budget),
        }
    }

    /// Packets that came side by side.
    pub(super) fn of_run(
        run: &PublishRun<'a>,
        topic: &'a Arc<str>,
        now_ms: u64,
        budget: &'a Arc<Budget>,
    ) -> Vec<Self> {
        let packet = |(packet, publish): (&'a [u8], Publish<'a>)| PublishedPacket {
            qos: publish.qos,
            retain: publish.retain,
            payload: publish.payload,
            properties: &[],
            expires_at_ms: None,
            now_ms,
            verbatim: Some((run.version(), packet)),
        };
        let packets = run.iter().map(packet);
        packets
            .map(|packet| Self::of_packet(&packet, topic, budget))
            .collect()
    }

    /// A message that is owned already.
    pub(super) fn of_message(message: &'a Arc<Message>, now_ms: u64) -> Self {
        Self {
            topic: &message.topic,
            qos: message.qos,
            retain: message.retain,
            payload: &message.payload,
            properties: &message.properties,
            expires_at_ms: message.expires_at_ms,
            now_ms,
            verbatim: None,
            forms: Default::default(),
            forms_above: Default::default(),
            owned: OnceCell::from(Arc::clone(message)),
            budget: None,
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(super) fn topic(&self) -> &'a Arc<str> {
        self.topic
    }

    pub(super) fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Properties that travel, in wire form without length.
    pub(super) fn properties(&self) -> &'a [u8] {
        self.properties
    }

    /// The message for those who keep it.
    pub(super) fn message(&self) -> &Arc<Message> {
        self.owned.get_or_init(|| {
            Arc::new(Message {
                topic: Arc::clone(self.topic),
                payload: self.owned_payload(),
                qos: self.qos,
                retain: self.retain,
                properties: Bytes::copy_from_slice(self.properties),
                expires_at_ms: self.expires_at_ms,
            })
        })
    }

    fn owned_payload(&self) -> Bytes {
        match self.budget {
            Some(budget) => budget.keep(self.payload.to_vec(), self.properties.len()),
            None => Bytes::copy_from_slice(self.payload),
        }
    }

    /// The packet at QoS 0 for receivers of a version; its first byte is still to be written.
    pub(super) fn form(&self, version: Version) -> &[u8] {
        if let Some((own, packet)) = self.verbatim
            && own == version
        {
            return packet;
        }
        let at = match version {
            Version::V311 => 0,
            Version::V5 => 1,
        };
        self.forms[at].get_or_init(|| {
            let mut bytes = Vec::new();
            let head = PublishHead {
                qos: QoS::AtMostOnce,
                dup: false,
                retain: false,
                packet_id: None,
            };
            codec::put_publish(&mut bytes, version, head, &self.body(&[]));
            bytes
        })
    }

    /// The packet at a QoS above 0 for receivers of a version.
    pub(super) fn form_above(&self, version: Version, qos: QoS) -> &PublishForm {
        let at = match (version, qos) {
            (Version::V311, QoS::AtMostOnce | QoS::AtLeastOnce) => 0,
            (Version::V311, QoS::ExactlyOnce) => 1,
            (Version::V5, QoS::AtMostOnce | QoS::AtLeastOnce) => 2,
            (Version::V5, QoS::ExactlyOnce) => 3,
        };
        self.forms_above[at].get_or_init(|| PublishForm::new(version, qos, &self.body(&[])))
    }

    /// The packet without its head, for a receiver with these subscription identifiers.
    pub(super) fn body<'b>(&'b self, subscription_ids: &'b [u32]) -> PublishBody<'b> {
        PublishBody {
            topic: self.topic,
            properties: self.properties,
            expiry_s: mqtt::expiry_left_s(self.expires_at_ms, self.now_ms),
            topic_alias: None,
            subscription_ids,
            payload: self.payload,
        }
    }
}

/// What a PUBLISH means after its topic, expiry and properties have been settled.
pub(super) struct PublishedPacket<'a> {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) payload: &'a [u8],
    /// Properties that travel, in wire form without length.
    pub(super) properties: &'a [u8],
    pub(super) expires_at_ms: Option<u64>,
    pub(super) now_ms: u64,
    /// See [`Publication`].
    pub(super) verbatim: Option<(Version, &'a [u8])>,
}
