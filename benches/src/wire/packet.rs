//! Packets from a broker, cut out of the bytes read. PUBLISH and PUBACK are taken apart in place;
//! the others are left to [`super::decode_answer`].

use super::{Malformed, Version};

/// A packet in the buffer that it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// A message; `packet_id` at QoS 1 only.
    Publish {
        packet_id: Option<u16>,
        payload: &'a [u8],
    },
    /// A message of ours has arrived, or was refused with a reason of 0x80 and more.
    PubAck { packet_id: u16, reason: u8 },
    /// Any other packet, whole.
    Other(&'a [u8]),
}

/// The first packet of `bytes` and its length, or none if it is not whole.
#[inline]
pub(crate) fn next_packet(
    bytes: &[u8],
    version: Version,
) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let Some((length, used)) = varint(rest)? else {
        return Ok(None);
    };
    let Some(body) = rest.get(used..used + length) else {
        return Ok(None);
    };
    let whole = 1 + used + length;
    let packet = match first >> 4 {
        3 => publish(first, body, version)?,
        4 => puback(body)?,
        _ => Packet::Other(&bytes[..whole]),
    };
    Ok(Some((packet, whole)))
}

/// Appends the acknowledgement of a message.
#[inline]
pub(crate) fn put_puback(out: &mut Vec<u8>, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

#[inline]
fn publish(first: u8, body: &[u8], version: Version) -> Result<Packet<'_>, Malformed> {
    const SHORT: Malformed = Malformed::Short("PUBLISH");
    let topic = number(body, 0).ok_or(SHORT)?;
    let mut at = 2 + usize::from(topic);
    let packet_id = match first >> 1 & 3 {
        0 => None,
        1 => {
            at += 2;
            Some(number(body, at - 2).ok_or(SHORT)?)
        }
        _ => return Err(Malformed::QosTwo),
    };
    if version == Version::V5 {
        let (length, used) = varint(body.get(at..).ok_or(SHORT)?)?.ok_or(SHORT)?;
        at += used + length;
    }
    let payload = body.get(at..).ok_or(SHORT)?;
    Ok(Packet::Publish { packet_id, payload })
}

#[inline]
fn puback(body: &[u8]) -> Result<Packet<'_>, Malformed> {
    Ok(Packet::PubAck {
        packet_id: number(body, 0).ok_or(Malformed::Short("PUBACK"))?,
        // Left out when it is 0 (MQTT 5.0 section 3.4.2.1).
        reason: body.get(2).copied().unwrap_or(0),
    })
}

#[inline]
fn number(body: &[u8], at: usize) -> Option<u16> {
    body.get(at..at + 2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// A variable byte integer and the bytes that it takes; none if it is not whole.
#[inline]
fn varint(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    // Nearly all packets are that short.
    match *bytes {
        [one, ..] if one < 0x80 => return Ok(Some((usize::from(one), 1))),
        [one, two, ..] if two < 0x80 => {
            return Ok(Some((usize::from(one & 0x7f) | usize::from(two) << 7, 2)));
        }
        _ => {}
    }
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok(Some((number, at + 1)));
        }
    }
    if bytes.len() < 4 {
        return Ok(None);
    }
    Err(Malformed::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        version: Version,
        bytes: &[u8],
        expected: &Result<Option<(Packet<'_>, usize)>, Malformed>,
    ) {
        assert_eq!(&next_packet(bytes, version), expected, "{bytes:02x?}");
    }

    #[test]
    fn packets_are_cut_and_taken_apart() {
        let publish = |packet_id, payload| Packet::Publish { packet_id, payload };
        let puback = |packet_id, reason| Packet::PubAck { packet_id, reason };
        check(
            Version::V311,
            &[0x30, 5, 0, 1, b'a', 1, 2, 9],
            &Ok(Some((publish(None, &[1, 2]), 7))),
        );
        check(
            Version::V311,
            &[0x32, 5, 0, 1, b'a', 0, 7],
            &Ok(Some((publish(Some(7), &[]), 7))),
        );
        check(
            Version::V5,
            &[0x30, 7, 0, 1, b'a', 2, 1, 1, 8],
            &Ok(Some((publish(None, &[8]), 9))),
        );
        check(
            Version::V5,
            &[0x40, 2, 1, 2],
            &Ok(Some((puback(258, 0), 4))),
        );
        check(
            Version::V5,
            &[0x40, 3, 0, 2, 0x97],
            &Ok(Some((puback(2, 0x97), 5))),
        );
        check(
            Version::V5,
            &[0xd0, 0, 1],
            &Ok(Some((Packet::Other(&[0xd0, 0]), 2))),
        );
    }

    #[test]
    fn broken_packets_are_refused() {
        check(
            Version::V311,
            &[0x30, 0xff, 0xff, 0xff, 0xff, 1],
            &Err(Malformed::Length),
        );
        check(
            Version::V311,
            &[0x30, 3, 0, 9, b'a'],
            &Err(Malformed::Short("PUBLISH")),
        );
        check(
            Version::V311,
            &[0x30, 1, 0],
            &Err(Malformed::Short("PUBLISH")),
        );
        check(
            Version::V5,
            &[0x30, 3, 0, 1, b'a'],
            &Err(Malformed::Short("PUBLISH")),
        );
        check(
            Version::V5,
            &[0x30, 4, 0, 1, b'a', 3],
            &Err(Malformed::Short("PUBLISH")),
        );
        check(
            Version::V311,
            &[0x40, 1, 0],
            &Err(Malformed::Short("PUBACK")),
        );
        check(
            Version::V311,
            &[0x34, 5, 0, 1, b'a', 0, 7],
            &Err(Malformed::QosTwo),
        );
    }
}
