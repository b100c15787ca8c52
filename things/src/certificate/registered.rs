//! The register of device certificates.

use super::stored::CertificateDocument;
use crate::iot_policies::AttachmentDocument;
use crate::plane::Change;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A certificate's status (CertificateStatus of the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // The names are AWS's.
pub enum CertificateStatus {
    Active,
    Inactive,
    Revoked,
    PendingTransfer,
    RegisterInactive,
    PendingActivation,
}

impl CertificateStatus {
    const ALL: [Self; 6] = [
        Self::Active,
        Self::Inactive,
        Self::Revoked,
        Self::PendingTransfer,
        Self::RegisterInactive,
        Self::PendingActivation,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::PendingTransfer => "PENDING_TRANSFER",
            Self::RegisterInactive => "REGISTER_INACTIVE",
            Self::PendingActivation => "PENDING_ACTIVATION",
        }
    }

    /// The status of a name on the wire.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A registered certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Lower-case hex SHA-256 of the DER, 64 characters.
    pub id: Arc<str>,
    /// Its ARN.
    pub arn: String,
    /// Its PEM.
    pub pem: String,
    /// Whether it may connect.
    pub status: CertificateStatus,
    /// When it was registered.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
    /// Counts changes from 1.
    pub customer_version: u32,
    /// A UUID that every change renews.
    pub generation_id: String,
    /// The id of the CA that signed it, if that is registered.
    pub ca_certificate_id: Option<String>,
    /// `DEFAULT` or `SNI_ONLY`.
    pub mode: &'static str,
    /// Validity, milliseconds since the epoch.
    pub not_before_ms: u64,
    /// Validity, milliseconds since the epoch.
    pub not_after_ms: u64,
}

/// What CreateKeysAndCertificate gives.
#[derive(Clone, Debug)]
pub struct KeysAndCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// PEM, SPKI.
    pub public_key: String,
    /// PEM, PKCS#1; not kept.
    pub private_key: String,
}

impl Things {
    /// CreateKeysAndCertificate. May take as long as generating an RSA key: call it where blocking
    /// is allowed.
    ///
    /// # Errors
    /// Internal.
    pub fn create_keys_and_certificate(
        &self,
        set_as_active: bool,
        now_ms: u64,
    ) -> Result<KeysAndCertificate, ThingsError> {
        let made = self.sign_keys(active_or_not(set_as_active), None, now_ms)?;
        Ok(KeysAndCertificate {
            certificate: self.register(made.certificate)?,
            public_key: made.public_key,
            private_key: made.private_key,
        })
    }

    /// CreateCertificateFromCsr. The same request twice gives two certificates.
    ///
    /// # Errors
    /// InvalidRequest: not a signing request, a bad signature, a key that is too weak.
    pub fn create_certificate_from_csr(
        &self,
        csr_pem: &str,
        set_as_active: bool,
        now_ms: u64,
    ) -> Result<Certificate, ThingsError> {
        self.register(self.sign_csr(csr_pem, active_or_not(set_as_active), now_ms)?)
    }

    /// RegisterCertificateWithoutCA; `status` is INACTIVE unless given.
    ///
    /// # Errors
    /// CertificateValidation, CertificateState, ResourceAlreadyExists.
    pub fn register_certificate_without_ca(
        &self,
        certificate_pem: &str,
        status: Option<CertificateStatus>,
        now_ms: u64,
    ) -> Result<Certificate, ThingsError> {
        let status = registrable(status)?;
        self.register(Self::read_any(certificate_pem, status, now_ms)?)
    }

    /// RegisterCertificate: one signed by a registered CA; `status` is INACTIVE unless given.
    ///
    /// # Errors
    /// CertificateValidation, CertificateState, ResourceAlreadyExists.
    pub fn register_certificate(
        &self,
        certificate_pem: &str,
        ca_certificate_pem: Option<&str>,
        status: Option<CertificateStatus>,
        now_ms: u64,
    ) -> Result<Certificate, ThingsError> {
        let status = registrable(status)?;
        self.register(self.read_signed(certificate_pem, ca_certificate_pem, status, now_ms)?)
    }

    /// A registered certificate by id.
    pub fn certificate(&self, id: &str) -> Option<Certificate> {
        let state = self.state();
        let document = state.certificates.by_id.get(id)?;
        Some(self.certificate_shown(id, document))
    }

    /// DescribeCertificate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_certificate(&self, id: &str) -> Result<Certificate, ThingsError> {
        self.certificate(id).ok_or_else(|| unknown(id))
    }

    /// ListCertificates, in order of registration, or the reverse.
    pub fn list_certificates(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Certificate> {
        let state = self.state();
        let certificates = &state.certificates;
        certificates.by_age.page(ascending, after, limit, |id| {
            let document = certificates.by_id.get(id)?;
            Some(self.certificate_shown(id, document))
        })
    }

    /// ListCertificatesByCA, in order of registration, or the reverse.
    pub fn list_certificates_by_ca(
        &self,
        ca_certificate_id: &str,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Certificate> {
        let state = self.state();
        let certificates = &state.certificates;
        certificates.by_age.page(ascending, after, limit, |id| {
            let document = certificates.by_id.get(id)?;
            let authority = document.ca_certificate_id.as_deref();
            (authority == Some(ca_certificate_id)).then(|| self.certificate_shown(id, document))
        })
    }

    /// UpdateCertificate.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidRequest for a status that only AWS sets.
    pub fn update_certificate(
        &self,
        id: &str,
        status: CertificateStatus,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        if !settable(status) {
            return Err(ThingsError::InvalidRequest(format!(
                "Status cannot be set to {}: use ACTIVE, INACTIVE or REVOKED",
                status.name()
            )));
        }
        self.change(|state, batch| {
            let there = state.certificates.by_id.get(id);
            let mut document = there.ok_or_else(|| unknown(id))?.clone();
            document.set_status(status, now_ms);
            document.put(batch, id);
            Ok(())
        })
    }

    /// DeleteCertificate; `force` also detaches its policies.
    ///
    /// # Errors
    /// ResourceNotFound, CertificateState while it is active, DeleteConflict while things (or,
    /// without `force`, policies) are attached.
    pub fn delete_certificate(&self, id: &str, force: bool) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let there = state.certificates.by_id.get(id);
            let document = there.ok_or_else(|| unknown(id))?;
            let (key, arn) = (format!("cert/{id}"), self.certificate_arn(id));
            if document.status == CertificateStatus::Active {
                return Err(ThingsError::CertificateState(format!(
                    "Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"
                )));
            }
            if state.registry.things_of(&key).next().is_some() {
                return Err(ThingsError::DeleteConflict(format!(
                    "Things must be detached before deletion (arn: {arn})"
                )));
            }
            if state.policies.has_policies(&key) && !force {
                return Err(ThingsError::DeleteConflict(format!(
                    "Certificate policies must be detached before deletion (arn: {arn})"
                )));
            }
            batch.remove::<AttachmentDocument>(&key);
            batch.remove::<CertificateDocument>(id);
            batch.tell(Change::Certificate {
                id: id.into(),
                active: false,
            });
            Ok(())
        })
    }

    pub(crate) fn certificate_arn(&self, id: &str) -> String {
        self.place().iot(format_args!("cert/{id}"))
    }

    pub(crate) fn certificate_shown(
        &self,
        id: &str,
        document: &CertificateDocument,
    ) -> Certificate {
        Certificate {
            id: id.into(),
            arn: self.certificate_arn(id),
            pem: document.pem.clone(),
            status: document.status,
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
            customer_version: document.customer_version,
            generation_id: document.generation_id.clone(),
            ca_certificate_id: document.ca_certificate_id.clone(),
            mode: mode(document.sni_only),
            not_before_ms: document.not_before_ms,
            not_after_ms: document.not_after_ms,
        }
    }
}

/// CertificateMode of the API.
pub(super) fn mode(sni_only: bool) -> &'static str {
    if sni_only { "SNI_ONLY" } else { "DEFAULT" }
}

fn unknown(id: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!("CertificateId {id} does not exist"))
}

fn active_or_not(active: bool) -> CertificateStatus {
    if active {
        CertificateStatus::Active
    } else {
        CertificateStatus::Inactive
    }
}

fn settable(status: CertificateStatus) -> bool {
    match status {
        CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked => {
            true
        }
        CertificateStatus::PendingTransfer
        | CertificateStatus::RegisterInactive
        | CertificateStatus::PendingActivation => false,
    }
}

fn registrable(status: Option<CertificateStatus>) -> Result<CertificateStatus, ThingsError> {
    let status = status.unwrap_or(CertificateStatus::Inactive);
    if settable(status) {
        return Ok(status);
    }
    Err(ThingsError::CertificateState(format!(
        "Not allowed to register certificate with {} status",
        status.name()
    )))
}
