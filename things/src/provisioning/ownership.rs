//! Certificates that devices ask for over MQTT, and the tokens that prove whose they are
//! ("CreateKeysAndCertificate" and "RegisterThing" in the AWS IoT developer guide, device
//! provisioning MQTT API).

use super::body::Purpose;
use super::plan::ProvisioningPlan;
use super::wanted::Parameters;
use super::{ProvisioningError, ProvisioningTemplate, ProvisioningTemplateType};
use crate::certificate::{CertificateDocument, Unregistered};
use crate::iot_policies::AttachmentDocument;
use crate::plane::Change;
use crate::state::State;
use crate::store::Document;
use crate::{Certificate, CertificateStatus, Things, ThingsError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a token is good.
pub(super) const TOKEN_MS: u64 = 3_600_000;

/// Tokens at a time: with more, nobody gets one until some are over. At AWS a quota on requests
/// does the same.
const TOKENS_MAX: usize = 100_000;

/// A certificate for a device that is not provisioned yet.
#[derive(Clone, Debug)]
pub struct OwnedCertificate {
    /// The certificate, PENDING_ACTIVATION.
    pub certificate: Certificate,
    /// PEM, PKCS#1, if the keys were made here; not kept.
    pub private_key: Option<String>,
    /// certificateOwnershipToken.
    pub token: String,
}

/// Who owns a certificate that is not provisioned yet, as it is stored: under a hash of the token,
/// so that nobody takes it from a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OwnershipDocument {
    pub(super) certificate_id: String,
    pub(super) expires_ms: u64,
}

impl Document for OwnershipDocument {
    const TABLE: &'static str = "certificate-ownership";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        state.provisioning.place_ownership(key, document);
    }
}

/// What a token is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenHash(String);

impl TokenHash {
    fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())))
    }

    pub(super) fn key(&self) -> &str {
        &self.0
    }
}

/// What a pre-provisioning hook is told of a request.
#[derive(Clone, Debug)]
pub struct OwnedRequest {
    /// The certificate that is to be provisioned.
    pub certificate: Certificate,
    /// The template that it asks for.
    pub template: ProvisioningTemplate,
    token: TokenHash,
}

impl Things {
    /// CreateKeysAndCertificate of the MQTT API. May take as long as generating an RSA key.
    ///
    /// # Errors
    /// RequestThrottled, InternalError.
    pub fn create_owned_keys(&self, now_ms: u64) -> Result<OwnedCertificate, ProvisioningError> {
        self.has_room_for_token()?;
        let made = self.sign_keys(CertificateStatus::PendingActivation, None, now_ms)?;
        self.own(made.certificate, Some(made.private_key), now_ms)
    }

    /// CreateCertificateFromCsr of the MQTT API.
    ///
    /// # Errors
    /// InvalidPayload: not a signing request, a bad signature, a key that is too weak;
    /// RequestThrottled, InternalError.
    pub fn create_owned_from_csr(
        &self,
        csr_pem: &str,
        now_ms: u64,
    ) -> Result<OwnedCertificate, ProvisioningError> {
        self.has_room_for_token()?;
        let status = CertificateStatus::PendingActivation;
        let signed = self.sign_csr(csr_pem, status, now_ms);
        let signed = signed.map_err(|why| match why {
            ThingsError::InvalidRequest(why) => ProvisioningError::InvalidPayload(why),
            other => other.into(),
        })?;
        self.own(signed, None, now_ms)
    }

    fn has_room_for_token(&self) -> Result<(), ProvisioningError> {
        if self.state().provisioning.ownerships() < TOKENS_MAX {
            return Ok(());
        }
        Err(ProvisioningError::RequestThrottled(format!(
            "{TOKENS_MAX} certificates wait to be provisioned: try again when some have expired"
        )))
    }

    fn own(
        &self,
        new: Unregistered,
        private_key: Option<String>,
        now_ms: u64,
    ) -> Result<OwnedCertificate, ProvisioningError> {
        let token = new_token();
        let ownership = OwnershipDocument {
            certificate_id: new.id.clone(),
            expires_ms: now_ms + TOKEN_MS,
        };
        let certificate = self.change(|state, batch| {
            batch.put(TokenHash::of(&token).key(), ownership);
            self.enter(state, batch, new)
        })?;
        Ok(OwnedCertificate {
            certificate,
            private_key,
            token,
        })
    }

    /// The first half of RegisterThing of the MQTT API: who asks for what. A token is not bound to
    /// the connection that got it, of which AWS says nothing.
    ///
    /// # Errors
    /// InvalidCertificateOwnershipToken, InvalidTemplate.
    pub fn owned_request(
        &self,
        template: &str,
        token: &str,
        now_ms: u64,
    ) -> Result<OwnedRequest, ProvisioningError> {
        if token.is_empty() {
            return Err(ProvisioningError::InvalidCertificateOwnershipToken(
                "Certificate ownership token cannot be empty.".to_owned(),
            ));
        }
        let invalid = |why: String| ProvisioningError::InvalidTemplate(why);
        let found = self.describe_provisioning_template(template);
        let found = found.map_err(|why| invalid(why.to_string()))?;
        if !found.enabled {
            return Err(invalid(format!("Template {template} is not enabled")));
        }
        if found.kind != ProvisioningTemplateType::FleetProvisioning {
            return Err(invalid(format!(
                "Template {template} is of type {} and must be FLEET_PROVISIONING",
                found.kind.name()
            )));
        }
        let token = TokenHash::of(token);
        let state = self.state();
        let owned = state.provisioning.ownership(&token, now_ms);
        let id = owned.ok_or_else(unknown_token)?.certificate_id.clone();
        drop(state);
        Ok(OwnedRequest {
            certificate: self.certificate(&id).ok_or_else(unknown_token)?,
            token,
            template: found,
        })
    }

    /// Plans what a device asks for, with the parameters that its hook has left it.
    ///
    /// # Errors
    /// InvalidTemplate, InvalidParameters.
    pub fn plan_owned(
        &self,
        request: &OwnedRequest,
        parameters: &Parameters,
    ) -> Result<ProvisioningPlan, ProvisioningError> {
        let id = &*request.certificate.id;
        let plan = Self::plan(&request.template.body, Purpose::Fleet, parameters, Some(id))?;
        Ok(plan.with_token(request.token.clone()))
    }

    /// Takes away what is over: tokens, with the certificates that nobody activated and that are
    /// attached to nothing, and claims. Called often; without anything to do it costs a look.
    ///
    /// # Errors
    /// Internal.
    pub fn expire_provisioning(&self, now_ms: u64) -> Result<(), ThingsError> {
        let is_due = {
            let state = self.state();
            let claims = state.certificates.expired_claims(now_ms).next().is_some();
            claims || state.provisioning.expired(now_ms).next().is_some()
        };
        if !is_due {
            return Ok(());
        }
        self.change(|state, batch| {
            let mut gone: Vec<String> = Vec::new();
            for (key, ownership) in state.provisioning.expired(now_ms) {
                batch.remove::<OwnershipDocument>(key);
                let id = &ownership.certificate_id;
                let document = state.certificates.by_id.get(id);
                let waits = document.is_some_and(|document| {
                    document.status == CertificateStatus::PendingActivation
                });
                let principal = format!("cert/{id}");
                let attached = state.registry.things_of(&principal).next().is_some()
                    || state.policies.has_policies(&principal);
                if waits && !attached {
                    gone.push(id.clone());
                }
            }
            gone.extend(state.certificates.expired_claims(now_ms).cloned());
            for id in gone {
                batch.remove::<CertificateDocument>(&id);
                // A claim may have been given policies of its own.
                let principal = format!("cert/{id}");
                if state.policies.has_policies(&principal) {
                    batch.remove::<AttachmentDocument>(&principal);
                }
                let (id, active) = (id.into(), false);
                batch.tell(Change::Certificate { id, active });
            }
            Ok(())
        })
    }
}

/// Sixty-four bytes that nobody guesses.
fn new_token() -> String {
    let mut bytes = [0; 64];
    StdRng::from_os_rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn unknown_token() -> ProvisioningError {
    ProvisioningError::InvalidCertificateOwnershipToken(
        "Certificate ownership token is not valid: it is not known, was used before, or has expired."
            .to_owned(),
    )
}
