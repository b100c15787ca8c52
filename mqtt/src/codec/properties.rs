//! MQTT 5 properties (MQTT 5.0 section 2.2.2): one table says which there are, of which type, and
//! in which packets.

use super::error::DecodeError;
use super::primitives::{Reader, put_binary, put_varint};

/// Where properties stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Place {
    Connect = 1 << 0,
    ConnAck = 1 << 1,
    Publish = 1 << 2,
    Will = 1 << 3,
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK have the same two.
    Ack = 1 << 4,
    Subscribe = 1 << 5,
    Unsubscribe = 1 << 6,
    Disconnect = 1 << 7,
    Auth = 1 << 8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One byte that is 0 or 1.
    Flag,
    U16,
    /// Two bytes that are not 0.
    U16NonZero,
    U32,
    U32NonZero,
    Varint,
    Text,
    Binary,
    Pair,
}

/// One property as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

pub(super) mod id {
    //! The identifiers (MQTT 5.0 table 2-4).
    pub(in crate::codec) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(in crate::codec) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(in crate::codec) const CONTENT_TYPE: u8 = 0x03;
    pub(in crate::codec) const RESPONSE_TOPIC: u8 = 0x08;
    pub(in crate::codec) const CORRELATION_DATA: u8 = 0x09;
    pub(in crate::codec) const SUBSCRIPTION_ID: u8 = 0x0B;
    pub(in crate::codec) const SESSION_EXPIRY: u8 = 0x11;
    pub(in crate::codec) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(in crate::codec) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(in crate::codec) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(in crate::codec) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(in crate::codec) const REQUEST_PROBLEM: u8 = 0x17;
    pub(in crate::codec) const WILL_DELAY: u8 = 0x18;
    pub(in crate::codec) const REQUEST_RESPONSE: u8 = 0x19;
    pub(in crate::codec) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(in crate::codec) const SERVER_REFERENCE: u8 = 0x1C;
    pub(in crate::codec) const REASON_STRING: u8 = 0x1F;
    pub(in crate::codec) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(in crate::codec) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(in crate::codec) const TOPIC_ALIAS: u8 = 0x23;
    pub(in crate::codec) const MAXIMUM_QOS: u8 = 0x24;
    pub(in crate::codec) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(in crate::codec) const USER_PROPERTY: u8 = 0x26;
    pub(in crate::codec) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(in crate::codec) const WILDCARD_AVAILABLE: u8 = 0x28;
    pub(in crate::codec) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub(in crate::codec) const SHARED_AVAILABLE: u8 = 0x2A;
}

const CONNECT: u16 = Place::Connect as u16;
const CONNACK: u16 = Place::ConnAck as u16;
const PUBLISH: u16 = Place::Publish as u16;
const WILL: u16 = Place::Will as u16;
const ACK: u16 = Place::Ack as u16;
const SUBSCRIBE: u16 = Place::Subscribe as u16;
const DISCONNECT: u16 = Place::Disconnect as u16;
const AUTH: u16 = Place::Auth as u16;
const EVERYWHERE: u16 = 0x1FF;

/// Identifier, type, and the packets that it may stand in (MQTT 5.0 table 2-4).
const TABLE: [(u8, Kind, u16); 27] = [
    (id::PAYLOAD_FORMAT, Kind::Flag, PUBLISH | WILL),
    (id::MESSAGE_EXPIRY, Kind::U32, PUBLISH | WILL),
    (id::CONTENT_TYPE, Kind::Text, PUBLISH | WILL),
    (id::RESPONSE_TOPIC, Kind::Text, PUBLISH | WILL),
    (id::CORRELATION_DATA, Kind::Binary, PUBLISH | WILL),
    (id::SUBSCRIPTION_ID, Kind::Varint, PUBLISH | SUBSCRIBE),
    (
        id::SESSION_EXPIRY,
        Kind::U32,
        CONNECT | CONNACK | DISCONNECT,
    ),
    (id::ASSIGNED_CLIENT_ID, Kind::Text, CONNACK),
    (id::SERVER_KEEP_ALIVE, Kind::U16, CONNACK),
    (
        id::AUTHENTICATION_METHOD,
        Kind::Text,
        CONNECT | CONNACK | AUTH,
    ),
    (
        id::AUTHENTICATION_DATA,
        Kind::Binary,
        CONNECT | CONNACK | AUTH,
    ),
    (id::REQUEST_PROBLEM, Kind::Flag, CONNECT),
    (id::WILL_DELAY, Kind::U32, WILL),
    (id::REQUEST_RESPONSE, Kind::Flag, CONNECT),
    (id::RESPONSE_INFORMATION, Kind::Text, CONNACK),
    (id::SERVER_REFERENCE, Kind::Text, CONNACK | DISCONNECT),
    (
        id::REASON_STRING,
        Kind::Text,
        CONNACK | ACK | DISCONNECT | AUTH,
    ),
    (id::RECEIVE_MAXIMUM, Kind::U16NonZero, CONNECT | CONNACK),
    (id::TOPIC_ALIAS_MAXIMUM, Kind::U16, CONNECT | CONNACK),
    (id::TOPIC_ALIAS, Kind::U16, PUBLISH),
    (id::MAXIMUM_QOS, Kind::Flag, CONNACK),
    (id::RETAIN_AVAILABLE, Kind::Flag, CONNACK),
    (id::USER_PROPERTY, Kind::Pair, EVERYWHERE),
    (id::MAXIMUM_PACKET_SIZE, Kind::U32NonZero, CONNECT | CONNACK),
    (id::WILDCARD_AVAILABLE, Kind::Flag, CONNACK),
    (id::SUBSCRIPTION_IDS_AVAILABLE, Kind::Flag, CONNACK),
    (id::SHARED_AVAILABLE, Kind::Flag, CONNACK),
];

/// Reads properties and hands each one to `found`; gives the bytes they stand in.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    place: Place,
    found: &mut dyn FnMut(u8, Value<'a>, &'a [u8]),
) -> Result<&'a [u8], DecodeError> {
    let len = reader.varint()?;
    let raw = reader.take(len as usize)?;
    let mut inner = Reader::new(raw);
    let mut seen = 0u64;
    while !inner.is_empty() {
        let before = inner.rest();
        let (name, value) = read_one(&mut inner, place)?;
        let repeatable =
            name == id::USER_PROPERTY || (name == id::SUBSCRIPTION_ID && place == Place::Publish);
        if seen & 1 << name != 0 && !repeatable {
            return Err(DecodeError::Protocol("a property that is there twice"));
        }
        seen |= 1 << name;
        found(name, value, &before[..before.len() - inner.rest().len()]);
    }
    Ok(raw)
}

fn read_one<'a>(reader: &mut Reader<'a>, place: Place) -> Result<(u8, Value<'a>), DecodeError> {
    let name = reader.varint()?;
    let Some(&(name, kind, places)) = TABLE.iter().find(|row| u32::from(row.0) == name) else {
        return Err(DecodeError::Malformed("an unknown property"));
    };
    let value = match kind {
        Kind::Flag => Value::Number(u32::from(reader.u8()?)),
        Kind::U16 | Kind::U16NonZero => Value::Number(u32::from(reader.u16()?)),
        Kind::U32 | Kind::U32NonZero => Value::Number(reader.u32()?),
        Kind::Varint => Value::Number(reader.varint()?),
        Kind::Text => Value::Text(reader.text()?),
        Kind::Binary => Value::Binary(reader.binary()?),
        Kind::Pair => Value::Pair(reader.text()?, reader.text()?),
    };
    if places & place as u16 == 0 {
        let why = "a property of another packet";
        return Err(match place {
            Place::Subscribe | Place::Unsubscribe => DecodeError::Malformed(why),
            _ => DecodeError::Protocol(why),
        });
    }
    let in_range = match (kind, value) {
        (Kind::Flag, Value::Number(number)) => number <= 1,
        (Kind::U16NonZero | Kind::U32NonZero | Kind::Varint, Value::Number(number)) => number > 0,
        _ => true,
    };
    if !in_range {
        return Err(DecodeError::Protocol(
            "a property with a value that is not allowed",
        ));
    }
    Ok((name, value))
}

/// User properties in the order they were sent; also inside other properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserProperties<'a> {
    /// Validated properties in wire form, without length.
    raw: &'a [u8],
}

impl<'a> UserProperties<'a> {
    /// The user properties among properties in wire form, which must have been validated.
    pub fn of(raw: &'a [u8]) -> Self {
        UserProperties { raw }
    }

    /// Name and value of each.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut reader = Reader::new(self.raw);
        std::iter::from_fn(move || {
            while !reader.is_empty() {
                // Publish and Will cover every property that validated bytes can hold here.
                let (_, value) = read_any(&mut reader)?;
                if let Value::Pair(name, value) = value {
                    return Some((name, value));
                }
            }
            None
        })
    }
}

/// Reads one property wherever it may stand.
pub(super) fn read_any<'a>(reader: &mut Reader<'a>) -> Option<(u8, Value<'a>)> {
    let name = *reader.rest().first()?;
    let (_, _, places) = TABLE.iter().find(|row| row.0 == name)?;
    let all = [
        Place::Connect,
        Place::ConnAck,
        Place::Publish,
        Place::Will,
        Place::Ack,
        Place::Subscribe,
        Place::Unsubscribe,
        Place::Disconnect,
        Place::Auth,
    ];
    let place = all.into_iter().find(|place| places & *place as u16 != 0)?;
    read_one(reader, place).ok()
}

/// The properties of every packet but PUBLISH and the will; which of them may be set depends on
/// the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the standard's.
pub struct Properties<'a> {
    pub session_expiry_s: Option<u32>,
    pub assigned_client_id: Option<&'a str>,
    pub server_keep_alive_s: Option<u16>,
    pub authentication_method: Option<&'a str>,
    pub authentication_data: Option<&'a [u8]>,
    pub request_problem: Option<bool>,
    pub request_response: Option<bool>,
    pub response_information: Option<&'a str>,
    pub server_reference: Option<&'a str>,
    pub reason_string: Option<&'a str>,
    pub receive_maximum: Option<u16>,
    pub topic_alias_maximum: Option<u16>,
    /// 0 or 1; absent stands for 2.
    pub maximum_qos: Option<u8>,
    pub retain_available: Option<bool>,
    pub maximum_packet_size: Option<u32>,
    pub wildcard_available: Option<bool>,
    pub subscription_ids_available: Option<bool>,
    pub shared_available: Option<bool>,
    pub subscription_id: Option<u32>,
    pub user_properties: UserProperties<'a>,
}

impl<'a> Properties<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, place: Place) -> Result<Self, DecodeError> {
        let mut properties = Properties::default();
        let raw = read(reader, place, &mut |name, value, _| {
            properties.set(name, value);
        })?;
        properties.user_properties = UserProperties::of(raw);
        Ok(properties)
    }

    fn set(&mut self, name: u8, value: Value<'a>) {
        match value {
            Value::Text(text) => self.set_text(name, text),
            Value::Binary(data) => self.authentication_data = Some(data),
            Value::Number(number) => self.set_number(name, number),
            Value::Pair(..) => {}
        }
    }

    fn set_text(&mut self, name: u8, text: &'a str) {
        let slot = match name {
            id::ASSIGNED_CLIENT_ID => &mut self.assigned_client_id,
            id::AUTHENTICATION_METHOD => &mut self.authentication_method,
            id::RESPONSE_INFORMATION => &mut self.response_information,
            id::SERVER_REFERENCE => &mut self.server_reference,
            _ => &mut self.reason_string,
        };
        *slot = Some(text);
    }

    fn set_number(&mut self, name: u8, number: u32) {
        let flag = Some(number == 1);
        let short = u16::try_from(number).ok();
        match name {
            id::SESSION_EXPIRY => self.session_expiry_s = Some(number),
            id::SERVER_KEEP_ALIVE => self.server_keep_alive_s = short,
            id::REQUEST_PROBLEM => self.request_problem = flag,
            id::REQUEST_RESPONSE => self.request_response = flag,
            id::RECEIVE_MAXIMUM => self.receive_maximum = short,
            id::TOPIC_ALIAS_MAXIMUM => self.topic_alias_maximum = short,
            id::MAXIMUM_QOS => self.maximum_qos = Some(number as u8),
            id::RETAIN_AVAILABLE => self.retain_available = flag,
            id::MAXIMUM_PACKET_SIZE => self.maximum_packet_size = Some(number),
            id::WILDCARD_AVAILABLE => self.wildcard_available = flag,
            id::SUBSCRIPTION_IDS_AVAILABLE => self.subscription_ids_available = flag,
            id::SHARED_AVAILABLE => self.shared_available = flag,
            id::SUBSCRIPTION_ID => self.subscription_id = Some(number),
            _ => {}
        }
    }

    /// Writes the properties with their length. The caller sets only those of the packet.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        self.put_numbers(&mut body);
        let texts = [
            (id::ASSIGNED_CLIENT_ID, self.assigned_client_id),
            (id::AUTHENTICATION_METHOD, self.authentication_method),
            (id::RESPONSE_INFORMATION, self.response_information),
            (id::SERVER_REFERENCE, self.server_reference),
            (id::REASON_STRING, self.reason_string),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body.push(name);
                put_binary(&mut body, text.as_bytes());
            }
        }
        if let Some(data) = self.authentication_data {
            body.push(id::AUTHENTICATION_DATA);
            put_binary(&mut body, data);
        }
        for (name, value) in self.user_properties.iter() {
            put_user_property(&mut body, name, value);
        }
        put_varint(out, body.len());
        out.extend_from_slice(&body);
    }

    fn put_numbers(&self, body: &mut Vec<u8>) {
        let flags = [
            (id::REQUEST_PROBLEM, self.request_problem),
            (id::REQUEST_RESPONSE, self.request_response),
            (id::RETAIN_AVAILABLE, self.retain_available),
            (id::WILDCARD_AVAILABLE, self.wildcard_available),
            (
                id::SUBSCRIPTION_IDS_AVAILABLE,
                self.subscription_ids_available,
            ),
            (id::SHARED_AVAILABLE, self.shared_available),
        ];
        for (name, flag) in flags {
            if let Some(flag) = flag {
                body.extend_from_slice(&[name, u8::from(flag)]);
            }
        }
        if let Some(qos) = self.maximum_qos {
            body.extend_from_slice(&[id::MAXIMUM_QOS, qos]);
        }
        let shorts = [
            (id::SERVER_KEEP_ALIVE, self.server_keep_alive_s),
            (id::RECEIVE_MAXIMUM, self.receive_maximum),
            (id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum),
        ];
        for (name, value) in shorts {
            if let Some(value) = value {
                body.push(name);
                body.extend_from_slice(&value.to_be_bytes());
            }
        }
        let longs = [
            (id::SESSION_EXPIRY, self.session_expiry_s),
            (id::MAXIMUM_PACKET_SIZE, self.maximum_packet_size),
        ];
        for (name, value) in longs {
            if let Some(value) = value {
                body.push(name);
                body.extend_from_slice(&value.to_be_bytes());
            }
        }
        if let Some(number) = self.subscription_id {
            body.push(id::SUBSCRIPTION_ID);
            put_varint(body, number as usize);
        }
    }
}

/// Appends one user property in wire form.
pub(super) fn put_user_property(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(id::USER_PROPERTY);
    put_binary(out, name.as_bytes());
    put_binary(out, value.as_bytes());
}
