//! What a message says of itself, so that its receiver can tell who sent it, as which in order,
//! and when it was due.

use serde::Serialize;

/// When a message was due, who sent it, and its number among those of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) due_ns: u64,
    pub(crate) publisher: u32,
    pub(crate) sequence: u32,
}

/// How the payload carries a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Form {
    /// Sixteen bytes, then letters.
    Bytes,
    /// A JSON object whose `value` is 50, for rules to look at; the stamp is text of a fixed width.
    Json,
}

const JSON_BEFORE: &[u8] = br#"{"value":50,"stamp":""#;
const JSON_BETWEEN: &[u8] = br#"","pad":""#;
const JSON_AFTER: &[u8] = br#""}"#;
const HEX: &[u8; 16] = b"0123456789abcdef";

impl Stamp {
    const BYTES: usize = 16;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.due_ns.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[12..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = u128::from_be_bytes(*bytes);
        Stamp {
            due_ns: (number >> 64) as u64,
            publisher: (number >> 32) as u32,
            sequence: number as u32,
        }
    }
}

impl Form {
    /// The least payload that a stamp fits into.
    pub(crate) fn bytes_min(self) -> usize {
        match self {
            Form::Bytes => Stamp::BYTES,
            Form::Json => {
                JSON_BEFORE.len() + 2 * Stamp::BYTES + JSON_BETWEEN.len() + JSON_AFTER.len()
            }
        }
    }

    /// A payload of so many bytes, its stamp blank.
    pub(crate) fn payload(self, bytes: usize) -> Vec<u8> {
        let mut payload = Vec::with_capacity(bytes);
        let letters = (b'a'..=b'z').cycle();
        match self {
            Form::Bytes => {
                payload.resize(Stamp::BYTES, 0);
                payload.extend(letters.take(bytes.saturating_sub(Stamp::BYTES)));
            }
            Form::Json => {
                payload.extend_from_slice(JSON_BEFORE);
                payload.resize(JSON_BEFORE.len() + 2 * Stamp::BYTES, b'0');
                payload.extend_from_slice(JSON_BETWEEN);
                payload.extend(letters.take(bytes.saturating_sub(self.bytes_min())));
                payload.extend_from_slice(JSON_AFTER);
            }
        }
        payload
    }

    /// Writes the stamp into a payload that `payload` made.
    #[inline]
    pub(crate) fn put(self, payload: &mut [u8], stamp: Stamp) {
        let bytes = stamp.to_bytes();
        match self {
            Form::Bytes => payload[..Stamp::BYTES].copy_from_slice(&bytes),
            Form::Json => {
                let digits = payload[JSON_BEFORE.len()..].chunks_exact_mut(2);
                for (byte, digits) in bytes.iter().zip(digits) {
                    digits[0] = HEX[usize::from(byte >> 4)];
                    digits[1] = HEX[usize::from(byte & 15)];
                }
            }
        }
    }

    /// Reads the stamp of a received payload.
    #[inline]
    pub(crate) fn read(self, payload: &[u8]) -> Option<Stamp> {
        match self {
            Form::Bytes => payload.first_chunk().map(Stamp::from_bytes),
            Form::Json => {
                let text = payload.strip_prefix(JSON_BEFORE)?.get(..2 * Stamp::BYTES)?;
                let mut bytes = [0; Stamp::BYTES];
                for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
                    *byte = digit(digits[0])? << 4 | digit(digits[1])?;
                }
                Some(Stamp::from_bytes(&bytes))
            }
        }
    }
}

#[inline]
fn digit(text: u8) -> Option<u8> {
    match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        due_ns: 0x0123_4567_89ab_cdef,
        publisher: 77,
        sequence: u32::MAX,
    };

    #[test]
    fn a_stamp_comes_back_from_a_payload_of_the_size_asked_for() {
        for form in [Form::Bytes, Form::Json] {
            for bytes in [form.bytes_min(), 300] {
                let mut payload = form.payload(bytes);
                form.put(&mut payload, STAMP);
                assert_eq!(payload.len(), bytes);
                assert_eq!(form.read(&payload), Some(STAMP));
                assert_eq!(form.read(&payload[..15]), None);
            }
        }
    }

    #[test]
    fn the_text_form_is_json() {
        let mut payload = Form::Json.payload(100);
        Form::Json.put(&mut payload, STAMP);
        let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(json["value"], 50);
        assert_eq!(json["stamp"], "0123456789abcdef0000004dffffffff");
    }
}
