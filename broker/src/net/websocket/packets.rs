//! Where MQTT packets begin and end in what is written.
//!
//! MQTT lets a frame hold any part of the stream, but AWSIoTPythonSDK (version 1) reads one packet
//! for each frame and leaves a second one in it until the socket has more.

/// The state of a stream of MQTT packets between two writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packets {
    /// Bytes of the current packet that have not come yet.
    left: usize,
    /// A write ended inside of a fixed header: where packets begin is not known any more.
    lost: bool,
}

impl Packets {
    /// Cuts what is written next behind each packet.
    pub(super) fn pieces<'a>(&'a mut self, mut bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let (piece, rest) = bytes.split_at(self.next(bytes));
            bytes = rest;
            Some(piece)
        })
    }

    /// The length of the next piece, at least 1.
    fn next(&mut self, bytes: &[u8]) -> usize {
        if self.left == 0 && !self.lost {
            match packet_length(bytes) {
                Some(length) => self.left = length,
                None => self.lost = true,
            }
        }
        if self.lost {
            return bytes.len();
        }
        let here = self.left.min(bytes.len());
        self.left -= here;
        here
    }
}

/// The length of a packet, fixed header included (MQTT 5.0 1.5.5); `None` if it cannot be seen.
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut remaining = 0;
    for (at, byte) in bytes.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(2 + at + remaining);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(writes: &[&[u8]], expected: &[&[u8]]) {
        let mut packets = Packets::default();
        let mut found: Vec<Vec<u8>> = Vec::new();
        for write in writes {
            found.extend(packets.pieces(write).map(<[u8]>::to_vec));
        }
        assert_eq!(found, expected, "{writes:?}");
    }

    #[test]
    fn packets_are_cut_where_they_end() {
        let (ack, ping) = (&b"\x40\x02\x00\x01"[..], &b"\xD0\x00"[..]);
        let long = [&b"\x30\x80\x01"[..], &[7; 128]].concat();
        check(&[ack], &[ack]);
        check(
            &[&[ack, ping, &long, ping].concat()],
            &[ack, ping, &long, ping],
        );
        // A write that ends inside of a packet, and one that goes on there.
        let (start, end) = long.split_at(10);
        check(
            &[&[ping, start].concat(), &[end, ack].concat()],
            &[ping, start, end, ack],
        );
        // Inside of a header, and a header that is none: nothing is lost but the cuts.
        check(
            &[&[ping, &[0x30]].concat(), b"\x01x\xD0\x00"],
            &[ping, b"\x30", b"\x01x\xD0\x00"],
        );
        check(
            &[b"\x30\xFF\xFF\xFF\xFF\x01", ping],
            &[b"\x30\xFF\xFF\xFF\xFF\x01", ping],
        );
        check(&[b""], &[]);
    }
}
