//! The register of device certificates.

use crate::{Page, Things, ThingsError};
use std::sync::Arc;

/// A certificate's status (CertificateStatus of the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

#[allow(unused_variables)]
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
        todo!()
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
        todo!()
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
        todo!()
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
        todo!()
    }

    /// A registered certificate by id.
    pub fn certificate(&self, id: &str) -> Option<Certificate> {
        todo!()
    }

    /// DescribeCertificate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_certificate(&self, id: &str) -> Result<Certificate, ThingsError> {
        todo!()
    }

    /// ListCertificates, in order of registration.
    pub fn list_certificates(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Certificate> {
        todo!()
    }

    /// ListCertificatesByCA, in order of registration.
    pub fn list_certificates_by_ca(
        &self,
        ca_certificate_id: &str,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Certificate> {
        todo!()
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
        todo!()
    }

    /// DeleteCertificate; `force` also detaches its policies.
    ///
    /// # Errors
    /// ResourceNotFound, CertificateState while it is active, DeleteConflict while things (or,
    /// without `force`, policies) are attached.
    pub fn delete_certificate(&self, id: &str, force: bool) -> Result<(), ThingsError> {
        todo!()
    }
}
