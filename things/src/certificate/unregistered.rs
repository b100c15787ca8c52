//! Certificates that are made or read, before they are registered.

use super::authority::signing_failed;
use super::device::{Subject, device_name};
use super::parsed::ParsedCertificate;
use super::signing_request::SigningRequest;
use super::stored::CertificateDocument;
use super::{Certificate, CertificateStatus};
use crate::state::State;
use crate::store::Batch;
use crate::{Things, ThingsError};

/// A certificate as it will be stored.
pub(crate) struct Unregistered {
    pub(crate) id: String,
    pub(crate) document: CertificateDocument,
}

/// The same with the keys that were made for it.
pub(crate) struct UnregisteredKeys {
    pub(crate) certificate: Unregistered,
    /// PEM, SPKI.
    pub(crate) public_key: String,
    /// PEM, PKCS#1; not kept.
    pub(crate) private_key: String,
}

impl Unregistered {
    pub(super) fn new(parsed: &ParsedCertificate, status: CertificateStatus, now_ms: u64) -> Self {
        Self {
            id: parsed.id.clone(),
            document: CertificateDocument::new(parsed, status, now_ms),
        }
    }
}

impl Things {
    /// Makes keys and a certificate, good until the usual end or an earlier one. May take as long
    /// as generating an RSA key.
    ///
    /// # Errors
    /// Internal.
    pub(crate) fn sign_keys(
        &self,
        status: CertificateStatus,
        not_after_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<UnregisteredKeys, ThingsError> {
        let key = self.authorities.keys.take().map_err(signing_failed)?;
        let subject = Subject {
            name: &device_name(),
            spki: &key.spki,
        };
        let parsed = self.sign(&subject, not_after_ms, now_ms)?;
        Ok(UnregisteredKeys {
            certificate: Unregistered::new(&parsed, status, now_ms),
            public_key: key.public_pem,
            private_key: key.private_pem,
        })
    }

    /// Signs a request.
    ///
    /// # Errors
    /// InvalidRequest: not a signing request, a bad signature, a key that is too weak.
    pub(crate) fn sign_csr(
        &self,
        csr_pem: &str,
        status: CertificateStatus,
        now_ms: u64,
    ) -> Result<Unregistered, ThingsError> {
        let Some(request) = SigningRequest::of_pem(csr_pem) else {
            let message = "CSR violates constraints".to_owned();
            return Err(ThingsError::InvalidRequest(message));
        };
        let subject = Subject {
            name: &request.subject,
            spki: &request.spki,
        };
        let parsed = self.sign(&subject, None, now_ms)?;
        Ok(Unregistered::new(&parsed, status, now_ms))
    }

    fn sign(
        &self,
        subject: &Subject<'_>,
        not_after_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<ParsedCertificate, ThingsError> {
        let authority = self.authorities.device().map_err(signing_failed)?;
        let der = authority.issue(subject, not_after_ms, now_ms);
        ParsedCertificate::of_der(der.map_err(signing_failed)?.into()).map_err(signing_failed)
    }

    /// Reads a certificate that a registered CA signed: the one given, or the one found.
    ///
    /// # Errors
    /// CertificateValidation, CertificateState.
    pub(crate) fn read_signed(
        &self,
        certificate_pem: &str,
        ca_certificate_pem: Option<&str>,
        status: CertificateStatus,
        now_ms: u64,
    ) -> Result<Unregistered, ThingsError> {
        let parsed = read(certificate_pem)?;
        let authority = self.authority_of(&parsed, ca_certificate_pem)?;
        let mut read = Unregistered::new(&parsed, status, now_ms);
        read.document.ca_certificate_id = Some(authority);
        Ok(read)
    }

    /// Reads a certificate whoever signed it.
    ///
    /// # Errors
    /// CertificateValidation.
    pub(crate) fn read_any(
        certificate_pem: &str,
        status: CertificateStatus,
        now_ms: u64,
    ) -> Result<Unregistered, ThingsError> {
        let mut read = Unregistered::new(&read(certificate_pem)?, status, now_ms);
        read.document.sni_only = true;
        Ok(read)
    }

    pub(crate) fn register(&self, new: Unregistered) -> Result<Certificate, ThingsError> {
        self.change(|state, batch| self.enter(state, batch, new))
    }

    /// Registers a certificate as a part of a change.
    ///
    /// # Errors
    /// ResourceAlreadyExists.
    pub(crate) fn enter(
        &self,
        state: &State,
        batch: &mut Batch,
        new: Unregistered,
    ) -> Result<Certificate, ThingsError> {
        let Unregistered { id, document } = new;
        if state.certificates.by_id.contains_key(&id) {
            return Err(ThingsError::ResourceAlreadyExists {
                message: "The certificate is already provisioned or registered".to_owned(),
                arn: Some(self.certificate_arn(&id)),
                id: Some(id),
            });
        }
        let shown = self.certificate_shown(&id, &document);
        document.put(batch, &id);
        Ok(shown)
    }
}

fn read(pem: &str) -> Result<ParsedCertificate, ThingsError> {
    ParsedCertificate::of_pem(pem).map_err(|reason| {
        ThingsError::CertificateValidation(format!("The certificate cannot be read: {reason}"))
    })
}
