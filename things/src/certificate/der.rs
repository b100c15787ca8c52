//! As much of DER and PEM as device certificates need: their names and keys are copied bit by bit,
//! which certificate builders do not offer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use x509_parser::asn1_rs::{Any, FromDer, Sequence};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// A value with its tag and length.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![tag];
    let length = content.len();
    if length < 0x80 {
        encoded.push(length.to_le_bytes()[0]);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|byte| **byte == 0).count();
        encoded.push(0x80 | (bytes.len() - skip).to_le_bytes()[0]);
        encoded.extend_from_slice(&bytes[skip..]);
    }
    encoded.extend_from_slice(content);
    encoded
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(SEQUENCE, &parts.concat())
}

/// `[number] EXPLICIT`.
pub(super) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | number, content)
}

/// A BIT STRING of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    value(BIT_STRING, &[&[0], bytes].concat())
}

/// A name of one attribute: `oid` is its object identifier with tag and length.
pub(super) fn name(oid: &[u8], text: &str) -> Vec<u8> {
    let attribute = sequence(&[oid, &value(UTF8_STRING, text.as_bytes())]);
    sequence(&[&value(SET, &attribute)])
}

/// The PKCS#1 key inside a PKCS#8 one: version, algorithm, then the key as an OCTET STRING
/// (RFC 5208).
pub(super) fn pkcs1_of_pkcs8(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let (_, outer) = Sequence::from_der(pkcs8).ok()?;
    let (rest, _version) = Any::from_der(&outer.content).ok()?;
    let (rest, _algorithm) = Any::from_der(rest).ok()?;
    let (_, key) = Any::from_der(rest).ok()?;
    let is_octets = key.header.tag().0 == u32::from(OCTET_STRING);
    is_octets.then(|| key.data.to_vec())
}

/// A certificate as PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

/// PEM with lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = behind;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}
