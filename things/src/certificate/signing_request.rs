//! Certificate signing requests that devices send.

use super::signature::{curve, is_good_request};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509CertificationRequest};
use x509_parser::public_key::PublicKey;

/// The name and the key of a signing request that was found good.
pub(super) struct SigningRequest {
    /// Subject, DER.
    pub(super) subject: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub(super) spki: Vec<u8>,
}

impl SigningRequest {
    /// Reads a request; `None` if it is not one, its signature is bad, or its key is not RSA of
    /// 2048 bits or more or on a NIST curve (AWS IoT API reference, CreateCertificateFromCsr).
    pub(super) fn of_pem(text: &str) -> Option<Self> {
        // The label that older tools write.
        let text = text.replace("NEW CERTIFICATE REQUEST", "CERTIFICATE REQUEST");
        let der = CertificateSigningRequestDer::from_pem_slice(text.as_bytes()).ok()?;
        let (_, request) = X509CertificationRequest::from_der(&der).ok()?;
        let info = &request.certification_request_info;
        let key = &info.subject_pki;
        let strong = match key.parsed().ok()? {
            PublicKey::RSA(rsa) => rsa.key_size() >= RSA_BITS_MIN,
            PublicKey::EC(_) => curve(key).is_some(),
            PublicKey::DSA(_)
            | PublicKey::GostR3410(_)
            | PublicKey::GostR3410_2012(_)
            | PublicKey::Unknown(_) => false,
        };
        let signed = is_good_request(
            key,
            &request.signature_algorithm,
            &request.signature_value,
            info.raw,
        );
        (strong && signed).then(|| Self {
            subject: info.subject.as_raw().to_vec(),
            spki: key.raw.to_vec(),
        })
    }
}

const RSA_BITS_MIN: usize = 2048;
