//! CA certificates that users register for certificates of their own, and the registration code.

use super::CertificateStatus;
use super::parsed::ParsedCertificate;
use super::registered::mode;
use crate::provisioning::check_registration_config;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

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

/// A CA certificate as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CaDocument {
    pem: String,
    status: CertificateStatus,
    auto_registration: bool,
    sni_only: bool,
    registration_config: Option<Value>,
    created_ms: u64,
    modified_ms: u64,
    customer_version: u32,
    generation_id: String,
    not_before_ms: u64,
    not_after_ms: u64,
}

impl CaDocument {
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// The provisioning template that its registrationConfig names.
    pub(super) fn template_name(&self) -> Option<&str> {
        self.registration_config.as_ref()?["templateName"].as_str()
    }

    /// Whether certificates that it signed register themselves by connecting.
    pub(super) fn registers_automatically(&self) -> bool {
        self.auto_registration && self.status == CertificateStatus::Active
    }
}

impl Document for CaDocument {
    const TABLE: &'static str = "ca-certificate";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let certificates = &mut state.certificates;
        let by_age = &mut certificates.authorities_by_age;
        if let Some(old) = certificates.authorities.get(key) {
            by_age.remove(old.created_ms, key);
        }
        if let Some(document) = &document {
            by_age.insert(document.created_ms, key);
        }
        set(&mut certificates.authorities, key, document);
    }
}

/// The registration code as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CodeDocument(String);

impl Document for CodeDocument {
    const TABLE: &'static str = "registration-code";

    fn place(state: &mut State, _key: &str, document: Option<Self>) {
        state.certificates.registration_code = document.map(|code| code.0);
    }
}

impl Things {
    /// GetRegistrationCode: 64 hexadecimal digits, the same until deleted.
    ///
    /// # Errors
    /// Internal.
    pub fn registration_code(&self) -> Result<String, ThingsError> {
        self.change(|state, batch| {
            if let Some(code) = &state.certificates.registration_code {
                return Ok(code.clone());
            }
            let code = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            batch.put(CODE_KEY, CodeDocument(code.clone()));
            Ok(code)
        })
    }

    /// DeleteRegistrationCode.
    ///
    /// # Errors
    /// Internal.
    pub fn delete_registration_code(&self) -> Result<(), ThingsError> {
        self.change(|_, batch| {
            batch.remove::<CodeDocument>(CODE_KEY);
            Ok(())
        })
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
        let parsed = ParsedCertificate::of_pem(&new.pem).map_err(|reason| {
            ThingsError::CertificateValidation(format!(
                "The CA certificate cannot be read: {reason}"
            ))
        })?;
        let status = if new.set_as_active {
            CertificateStatus::Active
        } else {
            CertificateStatus::Inactive
        };
        let document = CaDocument {
            pem: parsed.pem(),
            status,
            auto_registration: new.auto_registration,
            sni_only: new.sni_only,
            registration_config: new.registration_config.clone(),
            created_ms: now_ms,
            modified_ms: now_ms,
            customer_version: 1,
            generation_id: Uuid::new_v4().to_string(),
            not_before_ms: parsed.not_before_ms,
            not_after_ms: parsed.not_after_ms,
        };
        self.change(|state, batch| {
            if let Some(config) = &new.registration_config {
                check_registration_config(state, config)?;
            }
            let certificates = &state.certificates;
            check_possession(new, &parsed, certificates.registration_code.as_deref())?;
            if certificates.authorities.contains_key(&parsed.id) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: "CA Certificate already exists.".to_owned(),
                    id: Some(parsed.id.clone()),
                    arn: Some(self.ca_arn(&parsed.id)),
                });
            }
            let shown = self.ca_shown(&parsed.id, &document);
            batch.put(&parsed.id, document);
            put_tags(batch, format_args!("cacert/{}", parsed.id), &new.tags)?;
            Ok(shown)
        })
    }

    /// DescribeCACertificate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_ca_certificate(&self, id: &str) -> Result<CaCertificate, ThingsError> {
        let state = self.state();
        let document = state.certificates.authorities.get(id);
        document
            .map(|document| self.ca_shown(id, document))
            .ok_or_else(unknown)
    }

    /// ListCACertificates, in order of registration, or the reverse.
    pub fn list_ca_certificates(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<CaCertificate> {
        let state = self.state();
        let certificates = &state.certificates;
        let by_age = &certificates.authorities_by_age;
        by_age.page(ascending, after, limit, |id| {
            let document = certificates.authorities.get(id)?;
            Some(self.ca_shown(id, document))
        })
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
        let active_or_not = |status: &CertificateStatus| {
            matches!(
                status,
                CertificateStatus::Active | CertificateStatus::Inactive
            )
        };
        if !update.status.iter().all(active_or_not) {
            return Err(ThingsError::InvalidRequest(
                "a CA certificate is ACTIVE or INACTIVE".to_owned(),
            ));
        }
        self.change(|state, batch| {
            let there = state.certificates.authorities.get(id);
            let mut document = there.ok_or_else(unknown)?.clone();
            document.status = update.status.unwrap_or(document.status);
            document.auto_registration = update
                .auto_registration
                .unwrap_or(document.auto_registration);
            if let Some(config) = &update.registration_config {
                check_registration_config(state, config)?;
            }
            if update.registration_config.is_some() || update.remove_registration_config {
                document
                    .registration_config
                    .clone_from(&update.registration_config);
            }
            document.modified_ms = now_ms;
            document.customer_version += 1;
            document.generation_id = Uuid::new_v4().to_string();
            batch.put(id, document);
            Ok(())
        })
    }

    /// DeleteCACertificate.
    ///
    /// # Errors
    /// ResourceNotFound, CertificateState while it is active.
    pub fn delete_ca_certificate(&self, id: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let there = state.certificates.authorities.get(id);
            if there.ok_or_else(unknown)?.status == CertificateStatus::Active {
                return Err(ThingsError::CertificateState(format!(
                    "CA Certificate must be deactivated (not ACTIVE) before deletion. Id: {id}"
                )));
            }
            batch.remove::<CaDocument>(id);
            batch.remove::<TagsDocument>(&format!("cacert/{id}"));
            Ok(())
        })
    }

    /// The id of the registered CA that signed a certificate: the one given, or the one found.
    pub(super) fn authority_of(
        &self,
        certificate: &ParsedCertificate,
        given_pem: Option<&str>,
    ) -> Result<String, ThingsError> {
        let state = self.state();
        let authorities = &state.certificates.authorities;
        let id = match given_pem {
            Some(pem) => ParsedCertificate::of_pem(pem).ok().map(|given| given.id),
            None => authorities.iter().find_map(|(id, document)| {
                let authority = ParsedCertificate::of_pem(&document.pem).ok()?;
                check_signed(certificate, &authority).ok()?;
                Some(id.clone())
            }),
        };
        let found = id.and_then(|id| authorities.get_key_value(&id));
        let Some((id, document)) = found else {
            return Err(ThingsError::CertificateState(
                "No CA certificate exists for the given certificate".to_owned(),
            ));
        };
        if document.status != CertificateStatus::Active {
            return Err(ThingsError::CertificateState(
                "The CA certificate is not active".to_owned(),
            ));
        }
        let authority =
            ParsedCertificate::of_pem(&document.pem).map_err(ThingsError::CertificateValidation)?;
        check_signed(certificate, &authority)?;
        Ok(id.clone())
    }

    fn ca_arn(&self, id: &str) -> String {
        self.place().iot(format_args!("cacert/{id}"))
    }

    fn ca_shown(&self, id: &str, document: &CaDocument) -> CaCertificate {
        CaCertificate {
            id: id.to_owned(),
            arn: self.ca_arn(id),
            pem: document.pem.clone(),
            status: document.status,
            auto_registration: document.auto_registration,
            mode: mode(document.sni_only),
            registration_config: document.registration_config.clone(),
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
            customer_version: document.customer_version,
            generation_id: document.generation_id.clone(),
            not_before_ms: document.not_before_ms,
            not_after_ms: document.not_after_ms,
        }
    }
}

/// That the caller has the CA's key is shown by a certificate over the registration code; in
/// SNI_ONLY mode it need not be shown.
fn check_possession(
    new: &NewCaCertificate,
    authority: &ParsedCertificate,
    code: Option<&str>,
) -> Result<(), ThingsError> {
    let invalid = |text: &str| Err(ThingsError::InvalidRequest(text.to_owned()));
    let pem = match (&new.verification_pem, new.sni_only) {
        (Some(pem), false) => pem,
        (None, true) => return Ok(()),
        (Some(_), true) => {
            return invalid(
                "Cannot provide verification certificate for registering CA Certificates in SNI_ONLY mode",
            );
        }
        (None, false) => {
            return invalid(
                "Need to provide verification certificate for registering CA Certificates in DEFAULT mode",
            );
        }
    };
    let Ok(verification) = ParsedCertificate::of_pem(pem) else {
        return invalid("Contents of the Verification Certificate are not correct");
    };
    if code.is_none() || verification.common_name.as_deref() != code {
        return Err(ThingsError::RegistrationCodeValidation(
            "Registration code provided in the CN field of verification certificate is invalid."
                .to_owned(),
        ));
    }
    check_signed(&verification, authority)
}

fn check_signed(
    certificate: &ParsedCertificate,
    authority: &ParsedCertificate,
) -> Result<(), ThingsError> {
    let text = if !certificate.names_as_issuer(authority) {
        "The issuer of the certificate did not match the subject of the provided CA certificate."
    } else if !certificate.is_signed_by(authority) {
        "The signature of the certificate failed verification against the provided CA certificate."
    } else {
        return Ok(());
    };
    Err(ThingsError::CertificateValidation(text.to_owned()))
}

fn unknown() -> ThingsError {
    ThingsError::ResourceNotFound("Requested CA Certificate does not exist.".to_owned())
}

const CODE_KEY: &str = "current";
