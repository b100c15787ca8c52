//! Just-in-time registration: a certificate that nobody registered, of a CA that lets its
//! certificates register themselves by connecting ("Just-in-time registration" in the AWS IoT
//! developer guide).

use super::ca_certificate::CaDocument;
use super::parsed::ParsedCertificate;
use super::registered::{Certificate, CertificateStatus};
use super::unregistered::Unregistered;
use crate::state::State;
use crate::{Things, ThingsError};
use rustls_pki_types::CertificateDer;

/// A certificate that waits for its activation after it connected.
#[derive(Clone, Debug)]
pub struct JustInTime {
    /// The certificate, PENDING_ACTIVATION.
    pub certificate: Certificate,
    /// Its CA.
    pub ca_certificate_id: String,
    /// Whether this connection registered it.
    pub is_new: bool,
}

impl Things {
    /// Registers a certificate that connects, if its CA is active and registers automatically, or
    /// finds it waiting. `None`: there is no such CA, or somebody has registered it otherwise.
    ///
    /// # Errors
    /// Internal.
    pub fn register_just_in_time(
        &self,
        der: &CertificateDer<'static>,
        now_ms: u64,
    ) -> Result<Option<JustInTime>, ThingsError> {
        let Ok(parsed) = ParsedCertificate::of_der(der.clone()) else {
            return Ok(None);
        };
        if let Some(certificate) = self.certificate(&parsed.id) {
            let waits = certificate.status == CertificateStatus::PendingActivation;
            let authority = certificate.ca_certificate_id.clone().filter(|_| waits);
            return Ok(authority.map(|ca_certificate_id| JustInTime {
                certificate,
                ca_certificate_id,
                is_new: false,
            }));
        }
        let Some(ca_certificate_id) = self.registering_authority(&parsed) else {
            return Ok(None);
        };
        let status = CertificateStatus::PendingActivation;
        let mut new = Unregistered::new(&parsed, status, now_ms);
        new.document.ca_certificate_id = Some(ca_certificate_id.clone());
        let certificate = match self.register(new) {
            // Another connection was faster.
            Err(ThingsError::ResourceAlreadyExists { .. }) => return Ok(None),
            outcome => outcome?,
        };
        Ok(Some(JustInTime {
            certificate,
            ca_certificate_id,
            is_new: true,
        }))
    }

    /// Whether a certificate that nobody registered may register itself by connecting.
    pub fn registers_just_in_time(&self, der: &CertificateDer<'_>) -> bool {
        let any = |state: &State| {
            let mut authorities = state.certificates.authorities.values();
            authorities.any(CaDocument::registers_automatically)
        };
        if !any(&self.state()) {
            return false;
        }
        let parsed = ParsedCertificate::of_der(der.clone().into_owned());
        parsed.is_ok_and(|parsed| self.registering_authority(&parsed).is_some())
    }

    /// The active CA with automatic registration that signed a certificate.
    fn registering_authority(&self, certificate: &ParsedCertificate) -> Option<String> {
        let state = self.state();
        let authorities = state.certificates.authorities.iter();
        let mut open = authorities.filter(|(_, authority)| authority.registers_automatically());
        open.find_map(|(id, authority)| {
            let parsed = ParsedCertificate::of_pem(authority.pem()).ok()?;
            let signed = certificate.names_as_issuer(&parsed) && certificate.is_signed_by(&parsed);
            signed.then(|| id.clone())
        })
    }
}
