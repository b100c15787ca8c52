//! PUBLISH (MQTT 5.0 section 3.3), the packet that everything is about.

use super::error::DecodeError;
use super::frame::{Frame, Version};
use super::primitives::{Reader, put_binary, put_varint, varint_len};
use super::properties::{self, Place, UserProperties, Value, id};
use crate::message::{Message, QoS, expiry_left_s};

/// A PUBLISH in the buffer that it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether the sender says that it sent it before.
    pub dup: bool,
    /// Its quality of service.
    pub qos: QoS,
    /// Whether it is to be retained, or was.
    pub retain: bool,
    /// The topic; empty when an alias stands for it.
    pub topic: &'a str,
    /// The packet identifier, above QoS 0.
    pub packet_id: Option<u16>,
    /// MQTT 5 properties; none in 3.1.1.
    pub properties: PublishProperties<'a>,
    /// The application message.
    pub payload: &'a [u8],
}

/// The properties of a PUBLISH or of a will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties<'a> {
    /// All of them in wire form, without length.
    pub raw: &'a [u8],
    /// Whether the payload is declared to be UTF-8.
    pub payload_format: Option<bool>,
    /// Seconds until the message expires.
    pub message_expiry_s: Option<u32>,
    /// Seconds that a will waits.
    pub will_delay_s: Option<u32>,
    /// What the payload is.
    pub content_type: Option<&'a str>,
    /// Where a response goes.
    pub response_topic: Option<&'a str>,
    /// What a response is recognised by.
    pub correlation_data: Option<&'a [u8]>,
    /// A number that stands for the topic; 0 is refused above the codec with 0x94.
    pub topic_alias: Option<u16>,
    /// The first subscription identifier.
    pub subscription_id: Option<u32>,
    /// The sender's own name and value pairs.
    pub user_properties: UserProperties<'a>,
}

impl<'a> PublishProperties<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, place: Place) -> Result<Self, DecodeError> {
        // Most messages have none.
        if reader.rest().first() == Some(&0) {
            reader.u8()?;
            return Ok(PublishProperties::default());
        }
        let mut found = PublishProperties::default();
        let raw = properties::read(reader, place, &mut |name, value, _| found.set(name, value))?;
        found.raw = raw;
        found.user_properties = UserProperties::of(raw);
        if found
            .response_topic
            .is_some_and(|t| t.is_empty() || t.contains(['+', '#']))
        {
            return Err(DecodeError::Protocol(
                "a response topic that is no topic name",
            ));
        }
        Ok(found)
    }

    fn set(&mut self, name: u8, value: Value<'a>) {
        match (name, value) {
            (id::PAYLOAD_FORMAT, Value::Number(number)) => self.payload_format = Some(number == 1),
            (id::MESSAGE_EXPIRY, Value::Number(number)) => self.message_expiry_s = Some(number),
            (id::WILL_DELAY, Value::Number(number)) => self.will_delay_s = Some(number),
            (id::TOPIC_ALIAS, Value::Number(number)) => self.topic_alias = Some(number as u16),
            (id::SUBSCRIPTION_ID, Value::Number(number)) => {
                self.subscription_id.get_or_insert(number);
            }
            (id::CONTENT_TYPE, Value::Text(text)) => self.content_type = Some(text),
            (id::RESPONSE_TOPIC, Value::Text(text)) => self.response_topic = Some(text),
            (_, Value::Binary(data)) => self.correlation_data = Some(data),
            (_, Value::Number(_) | Value::Text(_) | Value::Pair(..)) => {}
        }
    }

    /// Whether all of them travel to receivers as they are: no expiry, alias, delay or
    /// subscription identifier among them.
    pub fn is_forwardable(&self) -> bool {
        self.message_expiry_s.is_none()
            && self.topic_alias.is_none()
            && self.will_delay_s.is_none()
            && self.subscription_id.is_none()
    }

    /// Appends those that travel to receivers, in order and in wire form without length.
    pub fn put_forwardable(&self, out: &mut Vec<u8>) {
        let mut reader = Reader::new(self.raw);
        while !reader.is_empty() {
            let before = reader.rest();
            let Some((name, _)) = properties::read_any(&mut reader) else {
                return;
            };
            let own = [
                id::MESSAGE_EXPIRY,
                id::TOPIC_ALIAS,
                id::WILL_DELAY,
                id::SUBSCRIPTION_ID,
            ];
            if !own.contains(&name) {
                out.extend_from_slice(&before[..before.len() - reader.rest().len()]);
            }
        }
    }

    /// Reads properties in the form that [`Message::properties`] keeps.
    pub fn of_forwardable(raw: &'a [u8]) -> Self {
        let mut found = PublishProperties {
            raw,
            ..PublishProperties::default()
        };
        let mut reader = Reader::new(raw);
        while let Some((name, value)) = properties::read_any(&mut reader) {
            found.set(name, value);
        }
        found.user_properties = UserProperties::of(raw);
        found
    }

    /// Bytes of all names and values of the user properties.
    pub fn user_property_bytes(&self) -> usize {
        self.user_properties
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }
}

/// Decodes a PUBLISH without an allocation.
pub fn decode_publish<'a>(frame: &Frame<'a>, version: Version) -> Result<Publish<'a>, DecodeError> {
    let flags = frame.flags();
    let qos = match flags >> 1 & 3 {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        2 => QoS::ExactlyOnce,
        _ => return Err(DecodeError::QosThree),
    };
    let dup = flags & 8 != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(DecodeError::Malformed("DUP with QoS 0"));
    }
    let mut reader = Reader::new(frame.body);
    let topic = reader.text()?;
    let packet_id = if qos == QoS::AtMostOnce {
        None
    } else {
        Some(reader.packet_id()?)
    };
    let properties = match version {
        Version::V311 => PublishProperties::default(),
        Version::V5 => PublishProperties::read(&mut reader, Place::Publish)?,
    };
    check_topic(topic, properties.topic_alias.is_some())?;
    let payload = reader.rest();
    Ok(Publish {
        dup,
        qos,
        retain: flags & 1 != 0,
        topic,
        packet_id,
        properties,
        payload,
    })
}

/// [MQTT-3.3.2-2]: no wildcards; empty only where an alias stands for the topic.
pub(super) fn check_topic(topic: &str, aliased: bool) -> Result<(), DecodeError> {
    if topic.is_empty() && !aliased {
        return Err(DecodeError::Protocol("an empty topic"));
    }
    if topic.bytes().any(|byte| byte == b'+' || byte == b'#') {
        return Err(DecodeError::TopicName);
    }
    Ok(())
}

/// The fixed header and packet identifier of a PUBLISH to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // As in `Publish`.
pub struct PublishHead {
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    pub packet_id: Option<u16>,
}

/// The rest of a PUBLISH to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishBody<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Properties that travel, in wire form without length; left out for MQTT 3.1.1.
    pub properties: &'a [u8],
    /// Seconds until the message expires.
    pub expiry_s: Option<u32>,
    /// Stands for the topic, which may then be empty.
    pub topic_alias: Option<u16>,
    /// The identifiers that the receiver gave its matching subscriptions.
    pub subscription_ids: &'a [u32],
    /// The application message.
    pub payload: &'a [u8],
}

impl PublishBody<'_> {
    fn properties_len(&self) -> usize {
        let ids = self.subscription_ids.iter();
        let ids: usize = ids.map(|number| 1 + varint_len(*number as usize)).sum();
        let alias = self.topic_alias.map_or(0, |_| 3);
        self.properties.len() + self.expiry_s.map_or(0, |_| 5) + alias + ids
    }

    fn len(&self, version: Version, qos: QoS) -> usize {
        let id = if qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties = match version {
            Version::V311 => 0,
            Version::V5 => varint_len(self.properties_len()) + self.properties_len(),
        };
        2 + self.topic.len() + id + properties + self.payload.len()
    }
}

impl Message {
    /// The message as the body of a PUBLISH sent at `now_ms`, with the seconds of its
    /// expiry that are left.
    pub fn body<'a>(&'a self, now_ms: u64, subscription_ids: &'a [u32]) -> PublishBody<'a> {
        PublishBody {
            topic: &self.topic,
            properties: &self.properties,
            expiry_s: expiry_left_s(self.expires_at_ms, now_ms),
            topic_alias: None,
            subscription_ids,
            payload: &self.payload,
        }
    }
}

/// Bytes that a PUBLISH takes on the wire.
pub fn publish_bytes(version: Version, qos: QoS, body: &PublishBody<'_>) -> usize {
    let len = body.len(version, qos);
    1 + varint_len(len) + len
}

/// Appends a PUBLISH.
pub fn put_publish(out: &mut Vec<u8>, version: Version, head: PublishHead, body: &PublishBody<'_>) {
    let len = body.len(version, head.qos);
    out.reserve(len + 5);
    out.push(0x30 | u8::from(head.dup) << 3 | (head.qos as u8) << 1 | u8::from(head.retain));
    put_varint(out, len);
    put_binary(out, body.topic.as_bytes());
    if head.qos > QoS::AtMostOnce {
        out.extend_from_slice(&head.packet_id.unwrap_or_default().to_be_bytes());
    }
    if version == Version::V5 {
        put_varint(out, body.properties_len());
        if let Some(seconds) = body.expiry_s {
            out.push(id::MESSAGE_EXPIRY);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        if let Some(alias) = body.topic_alias {
            out.push(id::TOPIC_ALIAS);
            out.extend_from_slice(&alias.to_be_bytes());
        }
        for number in body.subscription_ids {
            out.push(id::SUBSCRIPTION_ID);
            put_varint(out, *number as usize);
        }
        out.extend_from_slice(body.properties);
    }
    out.extend_from_slice(body.payload);
}
