//! Whether a signature on a certificate or signing request is good: those of the algorithms that
//! AWS IoT names (AWS IoT developer guide, X.509 client certificates). SHA-1 is taken in signing
//! requests alone, where older tools write it and the signature only proves who has the key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::asn1_rs::BitString;
use x509_parser::prelude::{AlgorithmIdentifier, SubjectPublicKeyInfo};
use x509_parser::verify::verify_signature;

/// An elliptic curve for keys of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// The curve of a key; `None` for another curve and another kind of key.
pub(super) fn curve(key: &SubjectPublicKeyInfo<'_>) -> Option<Curve> {
    let oid = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    match oid.to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => Some(Curve::P256),
        "1.3.132.0.34" => Some(Curve::P384),
        "1.3.132.0.35" => Some(Curve::P521),
        _ => None,
    }
}

/// Whether `key` signed `message`.
pub(super) fn is_good(
    key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &BitString<'_>,
    message: &[u8],
) -> bool {
    let oid = algorithm.algorithm.to_id_string();
    if oid == RSA_PSS {
        return verify_signature(key, algorithm, signature, message).is_ok();
    }
    let Some(algorithm) = algorithm_of(&oid, curve(key)) else {
        return false;
    };
    UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
        .verify(message, &signature.data)
        .is_ok()
}

/// Whether `key` signed a signing request's `message`: as [`is_good`], and RSA with SHA-1.
pub(super) fn is_good_request(
    key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &BitString<'_>,
    message: &[u8],
) -> bool {
    if algorithm.algorithm.to_id_string() != RSA_SHA1 {
        return is_good(key, algorithm, signature, message);
    }
    let sha1 = &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
    UnparsedPublicKey::new(sha1, &key.subject_public_key.data)
        .verify(message, &signature.data)
        .is_ok()
}

fn algorithm_of(oid: &str, curve: Option<Curve>) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (oid, curve) {
        ("1.2.840.113549.1.1.11", None) => &RSA_PKCS1_2048_8192_SHA256,
        ("1.2.840.113549.1.1.12", None) => &RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", None) => &RSA_PKCS1_2048_8192_SHA512,
        (ECDSA_SHA256, Some(Curve::P256)) => &ECDSA_P256_SHA256_ASN1,
        (ECDSA_SHA256, Some(Curve::P384)) => &ECDSA_P384_SHA256_ASN1,
        (ECDSA_SHA256, Some(Curve::P521)) => &ECDSA_P521_SHA256_ASN1,
        (ECDSA_SHA384, Some(Curve::P256)) => &ECDSA_P256_SHA384_ASN1,
        (ECDSA_SHA384, Some(Curve::P384)) => &ECDSA_P384_SHA384_ASN1,
        (ECDSA_SHA384, Some(Curve::P521)) => &ECDSA_P521_SHA384_ASN1,
        (ECDSA_SHA512, Some(Curve::P256)) => &ECDSA_P256_SHA512_ASN1,
        (ECDSA_SHA512, Some(Curve::P384)) => &ECDSA_P384_SHA512_ASN1,
        (ECDSA_SHA512, Some(Curve::P521)) => &ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

const RSA_SHA1: &str = "1.2.840.113549.1.1.5";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";
const ECDSA_SHA512: &str = "1.2.840.10045.4.3.4";
