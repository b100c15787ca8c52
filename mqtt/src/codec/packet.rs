//! Any packet.

use super::ack::{Ack, SubAck, decode_ack, decode_suback};
use super::connect::{ConnAck, Connect, decode_connack, decode_connect};
use super::disconnect::{Auth, Disconnect, decode_auth, decode_disconnect};
use super::error::DecodeError;
use super::frame::{Frame, PacketKind, Version};
use super::publish::{Publish, decode_publish};
use super::subscribe::{Subscribe, Unsubscribe, decode_subscribe, decode_unsubscribe};

/// A decoded packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the standard's.
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(SubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

/// Decodes a packet of a connection that speaks `version`; a CONNECT tells its own.
pub fn decode<'a>(frame: &Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
    Ok(match frame.kind {
        PacketKind::Connect => Packet::Connect(decode_connect(frame)?),
        PacketKind::ConnAck => Packet::ConnAck(decode_connack(frame, version)?),
        PacketKind::Publish => Packet::Publish(decode_publish(frame, version)?),
        PacketKind::PubAck => Packet::PubAck(decode_ack(frame, version)?),
        PacketKind::PubRec => Packet::PubRec(decode_ack(frame, version)?),
        PacketKind::PubRel => Packet::PubRel(decode_ack(frame, version)?),
        PacketKind::PubComp => Packet::PubComp(decode_ack(frame, version)?),
        PacketKind::Subscribe => Packet::Subscribe(decode_subscribe(frame, version)?),
        PacketKind::SubAck => Packet::SubAck(decode_suback(frame, version)?),
        PacketKind::Unsubscribe => Packet::Unsubscribe(decode_unsubscribe(frame, version)?),
        PacketKind::UnsubAck => Packet::UnsubAck(decode_suback(frame, version)?),
        PacketKind::PingReq => empty(frame).map(|()| Packet::PingReq)?,
        PacketKind::PingResp => empty(frame).map(|()| Packet::PingResp)?,
        PacketKind::Disconnect => Packet::Disconnect(decode_disconnect(frame, version)?),
        PacketKind::Auth => Packet::Auth(decode_auth(frame, version)?),
    })
}

fn empty(frame: &Frame<'_>) -> Result<(), DecodeError> {
    frame.require_flags(0)?;
    if frame.body.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::Malformed("bytes in a ping"))
    }
}
