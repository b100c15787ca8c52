//! CA certificates that users register for certificates of their own, and the registration code.

use super::CertificateStatus;
use crate::registry::Tags;
use crate::{Page, Things, ThingsError};
use serde_json::Value;

/// A CA certificate as DescribeCACertificate shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaCertificate {
    /// Lower-case hex SHA-256 of the DER.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its PEM.
    pub pem: String,
    /// ACTIVE or INACTIVE.
    pub status: CertificateStatus,
    /// autoRegistrationStatus: whether unknown certificates that it signed are registered when
    /// they connect.
    pub auto_registration: bool,
    /// `DEFAULT` or `SNI_ONLY`.
    pub mode: &'static str,
    /// registrationConfig, as it was given.
    pub registration_config: Option<Value>,
    /// When it was registered.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
    /// Counts changes from 1.
    pub customer_version: u32,
    /// A UUID that every change renews.
    pub generation_id: String,
    /// Validity, milliseconds since the epoch.
    pub not_before_ms: u64,
    /// Validity, milliseconds since the epoch.
    pub not_after_ms: u64,
}

/// What RegisterCACertificate is given.
#[derive(Clone, Debug, Default)]
pub struct NewCaCertificate {
    /// The CA certificate's PEM.
    pub pem: String,
    /// A certificate that the CA signed over the registration code, as PEM.
    pub verification_pem: Option<String>,
    /// Registers in SNI_ONLY mode.
    pub sni_only: bool,
    /// Sets it ACTIVE.
    pub set_as_active: bool,
    /// allowAutoRegistration.
    pub auto_registration: bool,
    /// registrationConfig.
    pub registration_config: Option<Value>,
    /// Its tags.
    pub tags: Tags,
}

/// What UpdateCACertificate is given; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct CaUpdate {
    /// New status.
    pub status: Option<CertificateStatus>,
    /// New autoRegistrationStatus.
    pub auto_registration: Option<bool>,
    /// New registrationConfig.
    pub registration_config: Option<Value>,
    /// Takes the registrationConfig away.
    pub remove_registration_config: bool,
}

#[allow(unused_variables)]
impl Things {
    /// GetRegistrationCode: 64 hexadecimal digits, the same until deleted.
    ///
    /// # Errors
    /// Internal.
    pub fn registration_code(&self) -> Result<String, ThingsError> {
        todo!()
    }

    /// DeleteRegistrationCode.
    ///
    /// # Errors
    /// Internal.
    pub fn delete_registration_code(&self) -> Result<(), ThingsError> {
        todo!()
    }

    /// RegisterCACertificate.
    ///
    /// # Errors
    /// InvalidRequest, RegistrationCodeValidation, CertificateValidation, ResourceAlreadyExists.
    pub fn register_ca_certificate(
        &self,
        new: &NewCaCertificate,
        now_ms: u64,
    ) -> Result<CaCertificate, ThingsError> {
        todo!()
    }

    /// DescribeCACertificate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_ca_certificate(&self, id: &str) -> Result<CaCertificate, ThingsError> {
        todo!()
    }

    /// ListCACertificates, in order of registration.
    pub fn list_ca_certificates(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<CaCertificate> {
        todo!()
    }

    /// UpdateCACertificate.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest.
    pub fn update_ca_certificate(
        &self,
        id: &str,
        update: &CaUpdate,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// DeleteCACertificate.
    ///
    /// # Errors
    /// ResourceNotFound, CertificateState while it is active.
    pub fn delete_ca_certificate(&self, id: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
