//! DISCONNECT, AUTH and the pings (MQTT 5.0 sections 3.12 to 3.15).

use super::ack::reason;
use super::error::DecodeError;
use super::frame::{Frame, Version};
use super::primitives::{Reader, put_packet};
use super::properties::{Place, Properties};
use super::reason::ReasonCode;

/// The last packet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; Success is a normal disconnection.
    pub reason: ReasonCode,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
}

/// A step of enhanced authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue, or re-authenticate.
    pub reason: ReasonCode,
    /// MQTT 5 properties; the method is always there.
    pub properties: Properties<'a>,
}

const DISCONNECT_REASONS: [u8; 29] = [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95,
    0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];

pub(super) fn decode_disconnect<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<Disconnect<'a>, DecodeError> {
    frame.require_flags(0)?;
    let mut reader = Reader::new(frame.body);
    let mut disconnect = Disconnect {
        reason: ReasonCode::Success,
        properties: Properties::default(),
    };
    if version == Version::V5 && !reader.is_empty() {
        disconnect.reason = reason(&mut reader, &DISCONNECT_REASONS)?;
        if !reader.is_empty() {
            disconnect.properties = Properties::read(&mut reader, Place::Disconnect)?;
        }
    }
    reader.end()?;
    Ok(disconnect)
}

pub(super) fn decode_auth<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<Auth<'a>, DecodeError> {
    if version == Version::V311 {
        return Err(DecodeError::Malformed("MQTT 3.1.1 has no AUTH"));
    }
    frame.require_flags(0)?;
    let mut reader = Reader::new(frame.body);
    let mut auth = Auth {
        reason: ReasonCode::Success,
        properties: Properties::default(),
    };
    if !reader.is_empty() {
        auth.reason = reason(&mut reader, &[0x00, 0x18, 0x19])?;
        if !reader.is_empty() {
            auth.properties = Properties::read(&mut reader, Place::Auth)?;
        }
    }
    reader.end()?;
    // [MQTT-3.15.2.2.2]: leaving it out is a protocol error.
    if auth.properties.authentication_method.is_none() {
        return Err(DecodeError::Protocol(
            "AUTH without an authentication method",
        ));
    }
    Ok(auth)
}

/// Appends a DISCONNECT of MQTT 5, with a reason string if there is something to say.
pub fn put_disconnect(out: &mut Vec<u8>, reason: ReasonCode, text: Option<&str>) {
    put_packet(out, 0xE0, |body| {
        body.push(reason as u8);
        if text.is_some() {
            Properties {
                reason_string: text,
                ..Properties::default()
            }
            .put(body);
        }
    });
}

/// Appends an AUTH.
pub fn put_auth(out: &mut Vec<u8>, auth: &Auth<'_>) {
    put_packet(out, 0xF0, |body| {
        body.push(auth.reason as u8);
        auth.properties.put(body);
    });
}

/// Appends a PINGREQ.
pub fn put_pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xC0, 0]);
}

/// Appends a PINGRESP.
pub fn put_pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xD0, 0]);
}
