//! What is looked at in a certificate.

use super::der::certificate_pem;
use super::signature::is_good;
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate that could be read.
pub(super) struct ParsedCertificate {
    der: CertificateDer<'static>,
    /// Lower-case hex SHA-256 of the DER.
    pub(super) id: String,
    pub(super) not_before_ms: u64,
    pub(super) not_after_ms: u64,
    /// DNS names and addresses.
    pub(super) alternative_names: BTreeSet<String>,
    /// The last common name of the subject.
    pub(super) common_name: Option<String>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    spki: Vec<u8>,
}

impl ParsedCertificate {
    /// Reads the first certificate of a PEM text.
    pub(super) fn of_pem(text: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|error| format!("no PEM certificate: {error}"))?;
        Self::of_der(der)
    }

    pub(super) fn of_der(der: CertificateDer<'static>) -> Result<Self, String> {
        let (rest, certificate) =
            X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("there are bytes behind the certificate".to_owned());
        }
        let validity = certificate.validity();
        let names = certificate.subject().iter_common_name();
        let common_name = names.filter_map(|name| name.as_str().ok()).last();
        Ok(Self {
            id: certificate_id(&der),
            not_before_ms: milliseconds(validity.not_before.timestamp()),
            not_after_ms: milliseconds(validity.not_after.timestamp()),
            alternative_names: alternative_names(&certificate),
            common_name: common_name.map(str::to_owned),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            spki: certificate.public_key().raw.to_vec(),
            der,
        })
    }

    /// The certificate itself.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate alone, whatever else the text held that it came in.
    pub(super) fn pem(&self) -> String {
        certificate_pem(&self.der)
    }

    /// Whether another's subject is this one's issuer.
    pub(super) fn names_as_issuer(&self, authority: &Self) -> bool {
        self.issuer == authority.subject
    }

    /// Whether another's key signed this one.
    pub(super) fn is_signed_by(&self, authority: &Self) -> bool {
        let Ok((_, own)) = X509Certificate::from_der(&self.der) else {
            return false;
        };
        let Ok((_, signer)) = X509Certificate::from_der(&authority.der) else {
            return false;
        };
        is_good(
            signer.public_key(),
            &own.signature_algorithm,
            &own.signature_value,
            own.tbs_certificate.as_ref(),
        )
    }

    /// Whether it is for this key.
    pub(super) fn has_key(&self, key: &KeyPair) -> bool {
        self.spki == key.subject_public_key_info()
    }
}

/// The id that AWS IoT gives a certificate.
fn certificate_id(der: &[u8]) -> String {
    let mut id = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

fn alternative_names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return BTreeSet::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| {
            if let GeneralName::DNSName(name) = name {
                return Some((*name).to_owned());
            }
            let GeneralName::IPAddress(bytes) = name else {
                return None;
            };
            let address = match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
            };
            address.map(|address| address.to_string())
        })
        .collect()
}
