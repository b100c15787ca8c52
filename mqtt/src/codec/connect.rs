//! CONNECT and CONNACK (MQTT 5.0 sections 3.1 and 3.2).

use super::error::DecodeError;
use super::frame::{Frame, Version};
use super::primitives::{Reader, put_binary, put_packet};
use super::properties::{Place, Properties};
use super::publish::{PublishProperties, check_topic};
use super::reason::ReasonCode;
use crate::message::QoS;

/// A client's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The protocol that it speaks.
    pub version: Version,
    /// The client id; empty asks for one.
    pub client_id: &'a str,
    /// Clean Session (3.1.1) or Clean Start (5.0).
    pub clean_start: bool,
    /// Seconds within which the client will send something; 0 for no limit.
    pub keep_alive_s: u16,
    /// The user name.
    pub username: Option<&'a str>,
    /// The password.
    pub password: Option<&'a [u8]>,
    /// What to publish if the client is lost.
    pub will: Option<Will<'a>>,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
}

/// A message that the server publishes for a client that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // As in `Publish`.
pub struct Will<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub qos: QoS,
    pub retain: bool,
    pub properties: PublishProperties<'a>,
}

/// The properties of a CONNECT.
pub type ConnectProperties<'a> = Properties<'a>;

/// The properties of a CONNACK.
pub type ConnAckProperties<'a> = Properties<'a>;

mod flag {
    //! Connect flags (MQTT 5.0 section 3.1.2.3).
    pub(super) const CLEAN_START: u8 = 1 << 1;
    pub(super) const WILL: u8 = 1 << 2;
    pub(super) const WILL_QOS: u8 = 3 << 3;
    pub(super) const WILL_RETAIN: u8 = 1 << 5;
    pub(super) const PASSWORD: u8 = 1 << 6;
    pub(super) const USERNAME: u8 = 1 << 7;
}

/// Decodes a CONNECT; another packet is a protocol error ([MQTT-3.1.0-1]).
pub fn decode_connect<'a>(frame: &Frame<'a>) -> Result<Connect<'a>, DecodeError> {
    if frame.kind != super::PacketKind::Connect {
        return Err(DecodeError::Protocol("the first packet is no CONNECT"));
    }
    frame.require_flags(0)?;
    let mut reader = Reader::new(frame.body);
    let version = version(&mut reader)?;
    // MQTT 3.1.1 has no code for what is malformed, and closes.
    decode_rest(reader, version).map_err(|error| match version {
        Version::V311 => error,
        Version::V5 => error.of_connect(),
    })
}

fn decode_rest(mut reader: Reader<'_>, version: Version) -> Result<Connect<'_>, DecodeError> {
    let flags = reader.u8()?;
    check_flags(flags, version)?;
    let keep_alive_s = reader.u16()?;
    let properties = match version {
        Version::V311 => Properties::default(),
        Version::V5 => Properties::read(&mut reader, Place::Connect)?,
    };
    // MQTT 5.0 [3.1.2.11.10].
    if properties.authentication_data.is_some() && properties.authentication_method.is_none() {
        return Err(DecodeError::Protocol(
            "authentication data without a method",
        ));
    }
    let client_id = client_id(&mut reader, version)?;
    let clean_start = flags & flag::CLEAN_START != 0;
    let will = if flags & flag::WILL == 0 {
        None
    } else {
        Some(will(&mut reader, flags, version)?)
    };
    let username = if flags & flag::USERNAME == 0 {
        None
    } else {
        Some(reader.text()?)
    };
    let password = if flags & flag::PASSWORD == 0 {
        None
    } else {
        Some(reader.binary()?)
    };
    reader.end()?;
    if version == Version::V311 && client_id.is_empty() && !clean_start {
        return Err(DecodeError::ClientIdMissing);
    }
    Ok(Connect {
        version,
        client_id,
        clean_start,
        keep_alive_s,
        username,
        password,
        will,
        properties,
    })
}

fn client_id<'a>(reader: &mut Reader<'a>, version: Version) -> Result<&'a str, DecodeError> {
    let unread = *reader;
    reader.text().map_err(|error| {
        // The bytes are there and no text: the client id is at fault and not the packet.
        let is_whole = { unread }.binary().is_ok();
        match version {
            Version::V5 if is_whole => {
                let code = ReasonCode::ClientIdentifierNotValid;
                DecodeError::Connect(code, "the client id is no text")
            }
            Version::V5 | Version::V311 => error,
        }
    })
}

fn version(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    let name = reader.binary()?;
    if name != b"MQTT" && name != b"MQIsdp" {
        return Err(DecodeError::Protocol("the protocol name is not MQTT"));
    }
    match (name, reader.u8()?) {
        (b"MQTT", 4) => Ok(Version::V311),
        (b"MQTT", 5) => Ok(Version::V5),
        (_, level) => Err(DecodeError::UnsupportedProtocol(level)),
    }
}

fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    let bad = |what| Err(DecodeError::Malformed(what));
    if flags & 1 != 0 {
        return bad("the reserved connect flag");
    }
    if flags & flag::WILL == 0 && flags & (flag::WILL_QOS | flag::WILL_RETAIN) != 0 {
        return bad("will flags without a will");
    }
    if flags & flag::WILL_QOS == flag::WILL_QOS {
        return bad("a will with QoS 3");
    }
    // [MQTT-3.1.2-22]: MQTT 3.1.1 has no password without a user name.
    let lone_password = flags & flag::PASSWORD != 0 && flags & flag::USERNAME == 0;
    if version == Version::V311 && lone_password {
        return bad("a password without a user name");
    }
    Ok(())
}

fn will<'a>(reader: &mut Reader<'a>, flags: u8, version: Version) -> Result<Will<'a>, DecodeError> {
    let properties = match version {
        Version::V311 => PublishProperties::default(),
        Version::V5 => PublishProperties::read(reader, Place::Will)?,
    };
    let topic = reader.text()?;
    check_topic(topic, false).map_err(|error| match error {
        DecodeError::TopicName => DecodeError::WillTopic(version),
        other => other,
    })?;
    let payload = reader.binary()?;
    let qos = match flags >> 3 & 3 {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    };
    Ok(Will {
        topic,
        payload,
        qos,
        retain: flags & flag::WILL_RETAIN != 0,
        properties,
    })
}

/// Appends a CONNECT.
pub fn put_connect(out: &mut Vec<u8>, connect: &Connect<'_>) {
    put_packet(out, 0x10, |body| {
        put_binary(body, b"MQTT");
        let v5 = connect.version == Version::V5;
        body.push(if v5 { 5 } else { 4 });
        body.push(flags(connect));
        body.extend_from_slice(&connect.keep_alive_s.to_be_bytes());
        if v5 {
            connect.properties.put(body);
        }
        put_binary(body, connect.client_id.as_bytes());
        if let Some(will) = &connect.will {
            if v5 {
                super::primitives::put_varint(body, will.properties.raw.len());
                body.extend_from_slice(will.properties.raw);
            }
            put_binary(body, will.topic.as_bytes());
            put_binary(body, will.payload);
        }
        if let Some(username) = connect.username {
            put_binary(body, username.as_bytes());
        }
        if let Some(password) = connect.password {
            put_binary(body, password);
        }
    });
}

fn flags(connect: &Connect<'_>) -> u8 {
    let mut flags = 0;
    if connect.clean_start {
        flags |= flag::CLEAN_START;
    }
    if let Some(will) = &connect.will {
        flags |= flag::WILL | (will.qos as u8) << 3;
        flags |= if will.retain { flag::WILL_RETAIN } else { 0 };
    }
    flags |= connect.username.map_or(0, |_| flag::USERNAME);
    flags | connect.password.map_or(0, |_| flag::PASSWORD)
}

/// The answer to a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server had a session for the client.
    pub session_present: bool,
    /// Success, or why not. MQTT 3.1.1 has fewer codes.
    pub reason: ReasonCode,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
}

const CONNACK_REASONS: [u8; 22] = [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];

pub(super) fn decode_connack<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<ConnAck<'a>, DecodeError> {
    frame.require_flags(0)?;
    let mut reader = Reader::new(frame.body);
    let flags = reader.u8()?;
    if flags > 1 {
        return Err(DecodeError::Malformed("reserved flags of CONNACK"));
    }
    let code = reader.u8()?;
    let bad = DecodeError::Malformed("a reason code that CONNACK does not have");
    let (reason, properties) = match version {
        Version::V311 => (
            ReasonCode::from_v311_return_code(code).ok_or(bad)?,
            Properties::default(),
        ),
        Version::V5 => {
            let known = CONNACK_REASONS.contains(&code);
            let reason = ReasonCode::from_u8(code).filter(|_| known).ok_or(bad)?;
            (reason, Properties::read(&mut reader, Place::ConnAck)?)
        }
    };
    reader.end()?;
    // [MQTT-3.2.2-6]: a refusal has no session.
    if flags == 1 && reason.is_error() {
        return Err(DecodeError::Protocol("a refusal with a session"));
    }
    Ok(ConnAck {
        session_present: flags == 1,
        reason,
        properties,
    })
}

/// Appends a CONNACK.
pub fn put_connack(out: &mut Vec<u8>, version: Version, ack: &ConnAck<'_>) {
    put_packet(out, 0x20, |body| {
        body.push(u8::from(ack.session_present));
        match version {
            Version::V311 => body.push(ack.reason.to_v311_return_code()),
            Version::V5 => {
                body.push(ack.reason as u8);
                ack.properties.put(body);
            }
        }
    });
}
