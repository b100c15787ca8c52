//! Acknowledgements: PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK (MQTT 5.0 sections 3.4 to
//! 3.7, 3.9 and 3.11).

use super::error::DecodeError;
use super::frame::{Frame, PacketKind, Version};
use super::primitives::{Reader, put_packet};
use super::properties::{Place, Properties};
use super::reason::ReasonCode;

/// A PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack<'a> {
    /// The PUBLISH that it answers.
    pub packet_id: u16,
    /// Success in MQTT 3.1.1, which has no codes here.
    pub reason: ReasonCode,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
}

const PUBACK_REASONS: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const PUBREL_REASONS: &[u8] = &[0x00, 0x92];
const SUBACK_REASONS: &[u8] = &[
    0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2,
];
const UNSUBACK_REASONS: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];

pub(super) fn decode_ack<'a>(frame: &Frame<'a>, version: Version) -> Result<Ack<'a>, DecodeError> {
    let rel = frame.kind == PacketKind::PubRel;
    frame.require_flags(if rel { 2 } else { 0 })?;
    let mut reader = Reader::new(frame.body);
    let packet_id = reader.packet_id()?;
    let mut ack = Ack {
        packet_id,
        reason: ReasonCode::Success,
        properties: Properties::default(),
    };
    // MQTT 5.0 [3.4.2.1]: reason and properties may be left out.
    if version == Version::V5 && !reader.is_empty() {
        let short = rel || frame.kind == PacketKind::PubComp;
        let known = if short {
            PUBREL_REASONS
        } else {
            PUBACK_REASONS
        };
        ack.reason = reason(&mut reader, known)?;
        if !reader.is_empty() {
            ack.properties = Properties::read(&mut reader, Place::Ack)?;
        }
    }
    reader.end()?;
    Ok(ack)
}

/// The packet ids of the plain PUBACKs at the front of `bytes`, four bytes each: those without
/// reason and properties, as nearly all are.
pub fn leading_pubacks(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let (packets, _) = bytes.as_chunks::<4>();
    packets.iter().map_while(|packet| match *packet {
        [0x40, 2, high, low] if (high, low) != (0, 0) => Some(u16::from_be_bytes([high, low])),
        _ => None,
    })
}

pub(super) fn reason(reader: &mut Reader<'_>, known: &[u8]) -> Result<ReasonCode, DecodeError> {
    let byte = reader.u8()?;
    ReasonCode::from_u8(byte)
        .filter(|_| known.contains(&byte))
        .ok_or(DecodeError::Protocol(
            "a reason code that the packet does not have",
        ))
}

/// Appends a PUBACK.
pub fn put_puback(out: &mut Vec<u8>, version: Version, packet_id: u16, reason: ReasonCode) {
    put_ack(out, 0x40, version, packet_id, reason);
}

/// Appends a PUBREC.
pub fn put_pubrec(out: &mut Vec<u8>, version: Version, packet_id: u16, reason: ReasonCode) {
    put_ack(out, 0x50, version, packet_id, reason);
}

/// Appends a PUBREL.
pub fn put_pubrel(out: &mut Vec<u8>, version: Version, packet_id: u16) {
    put_ack(out, 0x62, version, packet_id, ReasonCode::Success);
}

/// Appends the PUBREL that answers a PUBREC with an unknown packet identifier.
pub fn put_pubrel_unknown(out: &mut Vec<u8>, version: Version, packet_id: u16) {
    put_ack(
        out,
        0x62,
        version,
        packet_id,
        ReasonCode::PacketIdentifierNotFound,
    );
}

/// Appends a PUBCOMP.
pub fn put_pubcomp(out: &mut Vec<u8>, version: Version, packet_id: u16, reason: ReasonCode) {
    put_ack(out, 0x70, version, packet_id, reason);
}

fn put_ack(out: &mut Vec<u8>, first: u8, version: Version, packet_id: u16, reason: ReasonCode) {
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V311 || reason == ReasonCode::Success {
        out.extend_from_slice(&[first, 2, high, low]);
    } else {
        out.extend_from_slice(&[first, 3, high, low, reason as u8]);
    }
}

/// A SUBACK or UNSUBACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// The SUBSCRIBE or UNSUBSCRIBE that it answers.
    pub packet_id: u16,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
    codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    /// One code per filter, in order; none in an UNSUBACK of MQTT 3.1.1.
    pub fn reasons(&self) -> impl Iterator<Item = ReasonCode> + use<'a> {
        self.codes
            .iter()
            .filter_map(|&byte| ReasonCode::from_u8(byte))
    }
}

pub(super) fn decode_suback<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<SubAck<'a>, DecodeError> {
    frame.require_flags(0)?;
    let unsub = frame.kind == PacketKind::UnsubAck;
    let mut reader = Reader::new(frame.body);
    let packet_id = reader.packet_id()?;
    if version == Version::V311 && unsub {
        reader.end()?;
        return Ok(SubAck {
            packet_id,
            properties: Properties::default(),
            codes: &[],
        });
    }
    let properties = match version {
        Version::V311 => Properties::default(),
        Version::V5 => Properties::read(&mut reader, Place::Ack)?,
    };
    let known = match (version, unsub) {
        (Version::V5, true) => UNSUBACK_REASONS,
        (Version::V5, false) => SUBACK_REASONS,
        (Version::V311, _) => &[0, 1, 2, 0x80],
    };
    let codes = reader.rest();
    if codes.is_empty() {
        return Err(DecodeError::Protocol("an acknowledgement of nothing"));
    }
    while !reader.is_empty() {
        reason(&mut reader, known)?;
    }
    Ok(SubAck {
        packet_id,
        properties,
        codes,
    })
}

/// Appends a SUBACK; MQTT 3.1.1 knows but one failure, 0x80.
pub fn put_suback(out: &mut Vec<u8>, version: Version, packet_id: u16, codes: &[ReasonCode]) {
    put_packet(out, 0x90, |body| {
        body.extend_from_slice(&packet_id.to_be_bytes());
        if version == Version::V5 {
            body.push(0);
        }
        body.extend(codes.iter().map(|code| match version {
            Version::V311 if code.is_error() => 0x80,
            Version::V311 | Version::V5 => *code as u8,
        }));
    });
}

/// Appends an UNSUBACK.
pub fn put_unsuback(out: &mut Vec<u8>, version: Version, packet_id: u16, codes: &[ReasonCode]) {
    put_packet(out, 0xB0, |body| {
        body.extend_from_slice(&packet_id.to_be_bytes());
        if version == Version::V5 {
            body.push(0);
            body.extend(codes.iter().map(|code| *code as u8));
        }
    });
}
