//! Where a packet begins and ends (MQTT 5.0 section 2.1).

use super::error::DecodeError;
use super::primitives::varint;

/// The protocol version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5.0, protocol level 5.
    V5,
}

/// The type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // The names are the standard's.
pub enum PacketKind {
    Connect = 1,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

const KINDS: [PacketKind; 15] = [
    PacketKind::Connect,
    PacketKind::ConnAck,
    PacketKind::Publish,
    PacketKind::PubAck,
    PacketKind::PubRec,
    PacketKind::PubRel,
    PacketKind::PubComp,
    PacketKind::Subscribe,
    PacketKind::SubAck,
    PacketKind::Unsubscribe,
    PacketKind::UnsubAck,
    PacketKind::PingReq,
    PacketKind::PingResp,
    PacketKind::Disconnect,
    PacketKind::Auth,
];

/// One whole packet that is not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The packet from its first byte to its last.
    pub bytes: &'a [u8],
    /// The packet without its fixed header.
    pub body: &'a [u8],
    /// Its type.
    pub kind: PacketKind,
}

impl Frame<'_> {
    /// The type of the packet.
    pub fn kind(&self) -> PacketKind {
        self.kind
    }

    /// The four flag bits of the fixed header.
    pub(super) fn flags(&self) -> u8 {
        self.bytes[0] & 0x0F
    }

    /// Refuses flags other than those that the standard fixes ([MQTT-2.1.3-1]).
    pub(super) fn require_flags(&self, flags: u8) -> Result<(), DecodeError> {
        if self.flags() == flags {
            return Ok(());
        }
        Err(DecodeError::Malformed("reserved flags in the fixed header"))
    }
}

/// The first packet in `bytes`, or `None` if it is not whole. A packet above `bytes_max` is
/// refused by its header alone.
pub fn frame(bytes: &[u8], bytes_max: usize) -> Result<Option<Frame<'_>>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let Some(&kind) = KINDS.get(usize::from(first >> 4).wrapping_sub(1)) else {
        return Err(DecodeError::Protocol("packet type 0"));
    };
    let Some((len, used)) = varint(rest)? else {
        return Ok(None);
    };
    let whole = 1 + used + len as usize;
    if whole > bytes_max {
        return Err(DecodeError::TooLarge(whole));
    }
    if bytes.len() < whole {
        return Ok(None);
    }
    Ok(Some(Frame {
        bytes: &bytes[..whole],
        body: &bytes[1 + used..whole],
        kind,
    }))
}
