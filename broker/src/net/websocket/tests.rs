//! The decoder's tables: examples of RFC 6455 5.7, and the hostile frames L01 to L03.

use super::frame::{Decoder, End, Head, Opcode};
use proptest::prelude::*;

/// What a stream of frames comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    payload: Vec<u8>,
    pings: Vec<Vec<u8>>,
    /// Status code, 0 for a Close without one; true for a violation.
    end: Option<(u16, bool)>,
}

/// Decodes a stream that arrives in pieces of a size.
fn read(stream: &[u8], piece_bytes: usize) -> Read {
    let mut decoder = Decoder::new();
    let mut read = Read::default();
    for piece in stream.chunks(piece_bytes) {
        let mut buffer = piece.to_vec();
        let pings = &mut read.pings;
        let decoded = decoder.decode(&mut buffer, |payload| pings.push(payload.to_vec()));
        read.payload.extend(&buffer[..decoded.payload_bytes]);
        read.end = decoded.end.map(|end| match end {
            End::Closed(code) => (code.unwrap_or(0), false),
            End::Violation(violation) => (violation.code, true),
        });
        if read.end.is_some() {
            break;
        }
    }
    read
}

fn check(stream: &[u8], payload: &[u8], pings: &[&[u8]], end: Option<(u16, bool)>) {
    let expected = Read {
        payload: payload.to_vec(),
        pings: pings.iter().map(|ping| ping.to_vec()).collect(),
        end,
    };
    for piece_bytes in [1, 2, 3, 5, 7, usize::MAX] {
        assert_eq!(read(stream, piece_bytes), expected, "{stream:02X?}");
    }
}

/// A frame with the mask of the RFC's examples.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    crate::net::tests::masked(first, payload)
}

fn frames(list: &[(u8, &[u8])]) -> Vec<u8> {
    let frames = list.iter().map(|(first, payload)| masked(*first, payload));
    frames.collect::<Vec<_>>().concat()
}

#[test]
fn frames_that_the_rfc_allows_are_read() {
    // 5.7: a single-frame masked message, as binary.
    let hello = b"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    check(hello, b"Hello", &[], None);
    let ping = b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    check(ping, b"", &[b"Hello"], None);
    check(&masked(0x8A, b"Hello"), b"", &[], None);
    check(
        &frames(&[(0x02, b"Hel"), (0x80, b"lo")]),
        b"Hello",
        &[],
        None,
    );
    let between = frames(&[
        (0x02, b"Hel"),
        (0x89, b"?"),
        (0x00, b""),
        (0x80, b"lo"),
        (0x82, b"!"),
    ]);
    check(&between, b"Hello!", &[b"?"], None);
    check(
        &frames(&[(0x82, b""), (0x89, b""), (0x82, b"x")]),
        b"x",
        &[b""],
        None,
    );
    for length in [125, 126, 127, 65_535, 65_536, 70_000] {
        let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
        check(
            &frames(&[(0x82, &payload), (0x82, b"!")]),
            &[&payload[..], b"!"].concat(),
            &[],
            None,
        );
    }
}

#[test]
fn a_close_ends_the_stream() {
    let after = |payload: &[u8]| frames(&[(0x82, b"a"), (0x88, payload), (0x82, b"b")]);
    check(&after(b""), b"a", &[], Some((0, false)));
    for (code, violation) in [
        (1000_u16, None),
        (1001, None),
        (1014, None),
        (3000, None),
        (4999, None),
        (0, Some(1002)),
        (999, Some(1002)),
        (1004, Some(1002)),
        (1005, Some(1002)),
        (1006, Some(1002)),
        (1015, Some(1002)),
        (2999, Some(1002)),
        (5000, Some(1002)),
    ] {
        let end = (violation.unwrap_or(code), violation.is_some());
        check(&after(&code.to_be_bytes()), b"a", &[], Some(end));
    }
    check(&after(b"\x03\xE8bye"), b"a", &[], Some((1000, false)));
    check(&after(b"\x03\xE8\xFF"), b"a", &[], Some((1007, true)));
    check(&after(b"\x03"), b"a", &[], Some((1002, true)));
}

#[test]
fn frames_that_are_none_end_the_stream() {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let head = |bytes: &[u8]| [&masked(0x82, b"a"), bytes, &mask].concat();
    for (stream, code) in [
        // Unmasked, the RFC's own example of a server's frame.
        (head(b"\x82\x05Hello"), 1002),
        (head(b"\x81\x85"), 1003),
        (head(b"\x83\x80"), 1002),
        (head(b"\x87\x80"), 1002),
        (head(b"\x8B\x80"), 1002),
        (head(b"\x8F\x80"), 1002),
        // Reserved bits.
        (head(b"\xC2\x81"), 1002),
        (head(b"\xA2\x81"), 1002),
        (head(b"\x92\x81"), 1002),
        // Control frames in fragments, or too long.
        (head(b"\x09\x80"), 1002),
        (head(b"\x08\x80"), 1002),
        (head(b"\x89\xFE\x00\x7E"), 1002),
        (head(b"\x88\xFF\x00\x00\x00\x00\x00\x01\x00\x00"), 1002),
        // A continuation of nothing, and a message inside a message.
        (head(b"\x80\x81"), 1002),
        ([head(b"\x02\x80"), head(b"")].concat(), 1002),
        // Lengths: 2^63, all ones, more than any packet, not in the shortest form.
        (head(b"\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x00"), 1002),
        (head(b"\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 1002),
        (head(b"\x82\xFF\x00\x00\x00\x00\x10\x00\x00\x05"), 1009),
        (head(b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 1009),
        (head(b"\x82\xFE\x00\x7D"), 1002),
        (head(b"\x82\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF"), 1002),
    ] {
        check(&stream, b"a", &[], Some((code, true)));
    }
    // The greatest length that is allowed is waited for, not allocated.
    check(
        &head(b"\x82\xFF\x00\x00\x00\x00\x10\x00\x00\x04"),
        b"a",
        &[],
        None,
    );
}

#[test]
fn heads_of_the_server_say_lengths_in_the_shortest_form() {
    for (length, expected) in [
        (0, &b"\x82\x00"[..]),
        (125, b"\x82\x7D"),
        (126, b"\x82\x7E\x00\x7E"),
        (256, b"\x82\x7E\x01\x00"),
        (65_535, b"\x82\x7E\xFF\xFF"),
        (65_536, b"\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        assert_eq!(Head::new(Opcode::Binary, length).as_bytes(), expected);
    }
    assert_eq!(Head::new(Opcode::Pong, 5).as_bytes(), b"\x8A\x05");
    assert_eq!(Head::new(Opcode::Close, 2).as_bytes(), b"\x88\x02");
}

proptest! {
    #[test]
    fn where_a_stream_is_cut_makes_no_difference(
        messages in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 1..8),
        cuts in prop::collection::vec(1_usize..400, 1..40),
    ) {
        let mut stream = Vec::new();
        let mut expected: Vec<u8> = Vec::new();
        for (payload, split) in &messages {
            if *split {
                let (first, second) = payload.split_at(payload.len() / 2);
                stream.extend(frames(&[(0x02, first), (0x89, b"ping"), (0x80, second)]));
            } else {
                stream.extend(masked(0x82, payload));
            }
            expected.extend_from_slice(payload);
        }
        let mut decoder = Decoder::new();
        let mut found: Vec<u8> = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            let mut piece = piece.to_vec();
            let decoded = decoder.decode(&mut piece, |ping| assert_eq!(ping, b"ping"));
            prop_assert_eq!(decoded.end, None);
            found.extend(&piece[..decoded.payload_bytes]);
            rest = after;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = read(&bytes, usize::MAX);
        prop_assert_eq!(read(&bytes, 3), whole);
    }
}
