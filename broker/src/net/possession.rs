//! Whether a client has the key of its certificate, which it proves by a signature in the handshake.
//!
//! Only the key in the certificate is looked at. What else stands in it is the registry's matter, and
//! the library for certificates of servers would not take X.509 version 1, which `openssl x509 -req`
//! makes as the AWS IoT developer guide tells its users to ("Create a client certificate using your CA
//! certificate").

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use webpki::RawPublicKeyEntity;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Verifies the signature of a TLS 1.2 handshake.
///
/// # Errors
/// A signature that is not of the certificate's key, or by a scheme that was not offered.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = key_of(certificate)?;
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    let mut schemes = algorithms.mapping.iter();
    let offered = schemes.find(|(scheme, _)| *scheme == signed.scheme);
    let (_, possible) = offered.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    // A scheme of TLS 1.2 leaves the curve open.
    let verifies = possible.iter().any(|one| {
        key.verify_signature(*one, message, signed.signature())
            .is_ok()
    });
    if verifies {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(CertificateError::BadSignature.into())
    }
}

/// Verifies the signature of a TLS 1.3 handshake.
///
/// # Errors
/// As [`verify_tls12`].
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, &key_of(certificate)?, signed, algorithms)
}

/// The public key of a certificate.
fn key_of<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, Error> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, parsed) = parsed.map_err(|_| CertificateError::BadEncoding)?;
    Ok(SubjectPublicKeyInfoDer::from(
        parsed.tbs_certificate.subject_pki.raw,
    ))
}
