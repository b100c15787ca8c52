//! Device certificates as AWS makes them, and the authority that signs them.

use super::der::{
    BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, UTC_TIME, bit_string, explicit, name, pem,
    sequence, value,
};
use super::files;
use super::keys::generate_rsa;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use time::OffsetDateTime;
use time::macros::format_description;

/// Signs device certificates. Nothing verifies what it signed: a device certificate counts when it
/// is registered.
pub(super) struct DeviceAuthority {
    key: KeyPair,
}

/// What a certificate is for.
pub(super) struct Subject<'a> {
    /// Name, DER.
    pub(super) name: &'a [u8],
    /// SubjectPublicKeyInfo, DER.
    pub(super) spki: &'a [u8],
}

impl DeviceAuthority {
    /// The authority that is kept in a folder, or a new one.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, String> {
        let Some(folder) = folder else {
            return generate_rsa().map(|key| Self { key });
        };
        let key_file = folder.join("device.key");
        let failed = |error| format!("{}: {error}", key_file.display());
        if let Some(text) = files::read(&key_file).map_err(failed)? {
            let key = KeyPair::from_pem(&text);
            return key
                .map(|key| Self { key })
                .map_err(|error| format!("{}: {error}", key_file.display()));
        }
        let authority = Self {
            key: generate_rsa()?,
        };
        // The key last: it is what is looked for.
        fs::create_dir_all(folder).map_err(failed)?;
        let certificate = pem("CERTIFICATE", &authority.own_certificate()?);
        files::write_public(&folder.join("device.pem"), &certificate).map_err(failed)?;
        let key = pem("PRIVATE KEY", authority.key.serialized_der());
        files::write_private(&key_file, &key).map_err(failed)?;
        Ok(authority)
    }

    fn own_certificate(&self) -> Result<Vec<u8>, String> {
        let spki = self.key.subject_public_key_info();
        let subject = Subject {
            name: &issuer_name(),
            spki: &spki,
        };
        let extensions = [
            extension(&SUBJECT_KEY_ID, false, &octets(&key_id(&spki))),
            extension(&BASIC_CONSTRAINTS, true, &sequence(&[&TRUE])),
            extension(&KEY_USAGE, true, &key_usage(SIGN_CERTIFICATES)),
        ];
        self.sign(&subject, (CA_NOT_BEFORE, NOT_AFTER), &extensions)
    }

    /// A device certificate, DER, until the usual end or an earlier one. A leading minute or two
    /// allows for clocks that are late.
    pub(super) fn issue(
        &self,
        subject: &Subject<'_>,
        not_after_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<Vec<u8>, String> {
        let issuer = key_id(&self.key.subject_public_key_info());
        let extensions = [
            extension(
                &AUTHORITY_KEY_ID,
                false,
                &sequence(&[&value(0x80, &issuer)]),
            ),
            extension(&SUBJECT_KEY_ID, false, &octets(&key_id(subject.spki))),
            extension(&BASIC_CONSTRAINTS, true, &sequence(&[])),
            extension(&KEY_USAGE, true, &key_usage(DIGITAL_SIGNATURE)),
        ];
        let not_before = (now_ms / 1000).saturating_sub(LEAD_S);
        let not_before = i64::try_from(not_before).unwrap_or(i64::MAX);
        let not_after = not_after_ms.and_then(|ms| i64::try_from(ms / 1000).ok());
        let validity = (not_before, not_after.unwrap_or(NOT_AFTER));
        self.sign(subject, validity, &extensions)
    }

    fn sign(
        &self,
        subject: &Subject<'_>,
        (not_before_s, not_after_s): (i64, i64),
        extensions: &[Vec<u8>],
    ) -> Result<Vec<u8>, String> {
        let version_3 = explicit(0, &value(INTEGER, &[2]));
        let validity = sequence(&[&moment(not_before_s)?, &moment(not_after_s)?]);
        let extensions = extensions.concat();
        let body = sequence(&[
            &version_3,
            &value(INTEGER, &serial()),
            &SHA256_WITH_RSA,
            &issuer_name(),
            &validity,
            subject.name,
            subject.spki,
            &explicit(3, &sequence(&[&extensions])),
        ]);
        let signature = self.key.sign(&body).map_err(|error| error.to_string())?;
        Ok(sequence(&[
            &body,
            &SHA256_WITH_RSA,
            &bit_string(&signature),
        ]))
    }
}

/// The subject of a certificate whose keys AWS made.
pub(super) fn device_name() -> Vec<u8> {
    name(&COMMON_NAME, "AWS IoT Certificate")
}

/// One relative name that holds it all, as in certificates that AWS issued.
fn issuer_name() -> Vec<u8> {
    name(
        &ORGANIZATIONAL_UNIT,
        "Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US",
    )
}

/// Twenty bytes, positive.
fn serial() -> [u8; 20] {
    let mut serial = [0; 20];
    StdRng::from_os_rng().fill_bytes(&mut serial);
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// RFC 7093, method 1, over the whole key info.
fn key_id(spki: &[u8]) -> Vec<u8> {
    Sha256::digest(spki)[..20].to_vec()
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    value(OCTET_STRING, bytes)
}

fn extension(oid: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &TRUE } else { &[] };
    sequence(&[oid, critical, &octets(content)])
}

/// A BIT STRING of the first bits, the rest unused.
fn key_usage((unused, bits): (u8, u8)) -> Vec<u8> {
    value(BIT_STRING, &[unused, bits])
}

/// UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5).
fn moment(seconds: i64) -> Result<Vec<u8>, String> {
    let at = OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string())?;
    let short = format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    let long = format_description!("[year][month][day][hour][minute][second]Z");
    let (tag, text) = if at.year() < 2050 {
        (UTC_TIME, at.format(short))
    } else {
        (GENERALIZED_TIME, at.format(long))
    };
    text.map(|text| value(tag, text.as_bytes()))
        .map_err(|error| error.to_string())
}

/// 2049-12-31T23:59:59Z, the end of every certificate that AWS issues.
const NOT_AFTER: i64 = 2_524_607_999;
/// 2024-01-01T00:00:00Z, before any clock that this runs on.
const CA_NOT_BEFORE: i64 = 1_704_067_200;
const LEAD_S: u64 = 120;

/// Unused bits and bits of a key usage.
const DIGITAL_SIGNATURE: (u8, u8) = (7, 0x80);
const SIGN_CERTIFICATES: (u8, u8) = (1, 0x86);

// Encoded values.
const TRUE: [u8; 3] = [0x01, 0x01, 0xff];
const SHA256_WITH_RSA: [u8; 15] = [
    0x30, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0,
];
const COMMON_NAME: [u8; 5] = [0x06, 3, 0x55, 0x04, 0x03];
const ORGANIZATIONAL_UNIT: [u8; 5] = [0x06, 3, 0x55, 0x04, 0x0b];
const SUBJECT_KEY_ID: [u8; 5] = [0x06, 3, 0x55, 0x1d, 0x0e];
const KEY_USAGE: [u8; 5] = [0x06, 3, 0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 3, 0x55, 0x1d, 0x13];
const AUTHORITY_KEY_ID: [u8; 5] = [0x06, 3, 0x55, 0x1d, 0x23];
