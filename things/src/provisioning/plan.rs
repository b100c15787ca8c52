//! Provisioning: what a template asks for is planned, which names the actions that its role must
//! allow, and then done as one change.

use super::body::{CERTIFICATE_ID, Purpose, TemplateBody};
use super::ownership::TokenHash;
use super::wanted::{CertificateSource, Parameters, Wanted, WantedCertificate};
use super::{OwnershipDocument, ProvisioningError};
use crate::certificate::Unregistered;
use crate::iot_policies::WantedPolicy;
use crate::plane::Change;
use crate::registry::Override;
use crate::state::State;
use crate::store::Batch;
use crate::{CertificateStatus, Things, ThingsError};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is going to be provisioned.
#[derive(Debug)]
pub struct ProvisioningPlan {
    wanted: Wanted,
    /// The token that is used up by it.
    token: Option<TokenHash>,
}

/// What was provisioned.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The thing, if the template has one.
    pub thing_name: Option<String>,
    /// The certificate's PEM, if the template has one.
    pub certificate_pem: Option<String>,
    /// ARNs by logical id.
    pub resource_arns: BTreeMap<String, String>,
    /// `DeviceConfiguration`.
    pub device_configuration: Map<String, Value>,
}

impl ProvisioningPlan {
    /// Uses a token up.
    pub(super) fn with_token(mut self, token: TokenHash) -> Self {
        self.token = Some(token);
        self
    }
}

impl Things {
    /// Plans RegisterThing of the control plane.
    ///
    /// # Errors
    /// InvalidTemplate, InvalidParameters.
    pub fn plan_registration(
        &self,
        template_body: &str,
        parameters: &Parameters,
    ) -> Result<ProvisioningPlan, ProvisioningError> {
        let certificate = parameters.get(CERTIFICATE_ID).map(String::as_str);
        Self::plan(
            template_body,
            Purpose::Registration,
            parameters,
            certificate,
        )
    }

    /// Plans for a certificate that is registered.
    pub(super) fn plan(
        template_body: &str,
        purpose: Purpose,
        parameters: &Parameters,
        certificate_id: Option<&str>,
    ) -> Result<ProvisioningPlan, ProvisioningError> {
        let body = TemplateBody::parse(template_body, purpose)
            .map_err(ProvisioningError::InvalidTemplate)?;
        Ok(ProvisioningPlan {
            wanted: body.wanted(parameters, certificate_id)?,
            token: None,
        })
    }

    /// The actions that a plan needs, each with the ARN that it is done on, for the role that
    /// provisions.
    pub fn provisioning_actions(&self, plan: &ProvisioningPlan) -> Vec<(&'static str, String)> {
        let mut actions = Vec::new();
        let arn = |kind: &str, name: &str| self.place().iot(format_args!("{kind}/{name}"));
        let state = self.state();
        if let Some((_, thing)) = &plan.wanted.thing {
            let action = match state.registry.thing(&thing.name) {
                Some(_) => "iot:UpdateThing",
                None => "iot:CreateThing",
            };
            actions.push((action, arn("thing", &thing.name)));
            for group in thing.groups.iter().flatten() {
                actions.push(("iot:AddThingToThingGroup", arn("thinggroup", group)));
            }
        }
        for (_, policy) in &plan.wanted.policies {
            let name = policy.name();
            if matches!(policy, WantedPolicy::Document(_)) {
                actions.push(("iot:CreatePolicy", arn("policy", &name)));
            }
        }
        let Some(certificate) = &plan.wanted.certificate else {
            return actions;
        };
        let (action, certificate) = match &certificate.source {
            CertificateSource::Registered(id) => ("iot:UpdateCertificate", arn("cert", id)),
            CertificateSource::Csr(_) => ("iot:CreateCertificateFromCsr", "*".to_owned()),
            CertificateSource::Pem { .. } => ("iot:RegisterCertificate", "*".to_owned()),
        };
        actions.push((action, certificate.clone()));
        if !plan.wanted.policies.is_empty() {
            actions.push(("iot:AttachPolicy", certificate.clone()));
        }
        if plan.wanted.thing.is_some() {
            actions.push(("iot:AttachThingPrincipal", certificate));
        }
        actions
    }

    /// Does what is planned, whole or not at all.
    ///
    /// # Errors
    /// InvalidCertificateOwnershipToken when it was used meanwhile, ProvisioningFailed,
    /// InternalError.
    pub fn provision(
        &self,
        plan: &ProvisioningPlan,
        now_ms: u64,
    ) -> Result<Provisioned, ProvisioningError> {
        let new = match &plan.wanted.certificate {
            Some(wanted) => self.new_certificate(wanted, now_ms)?,
            None => None,
        };
        let mut used = false;
        let done = self.change(|state, batch| {
            if let Some(token) = &plan.token {
                used = !state.provisioning.owns(token, now_ms);
                if used {
                    return Err(ThingsError::InvalidRequest(String::new()));
                }
                batch.remove::<OwnershipDocument>(token.key());
            }
            self.apply(state, batch, &plan.wanted, new, now_ms)
        });
        match done {
            Err(_) if used => Err(super::ownership::unknown_token()),
            done => Ok(done?),
        }
    }

    /// The certificate of a plan, if it is not registered yet.
    fn new_certificate(
        &self,
        wanted: &WantedCertificate,
        now_ms: u64,
    ) -> Result<Option<Unregistered>, ThingsError> {
        let status = wanted.status;
        match &wanted.source {
            CertificateSource::Registered(_) => Ok(None),
            CertificateSource::Csr(csr) => self.sign_csr(csr, status, now_ms).map(Some),
            CertificateSource::Pem { pem, ca_pem } => {
                let read = self.read_signed(pem, ca_pem.as_deref(), status, now_ms);
                read.map(Some)
            }
        }
    }

    fn apply(
        &self,
        state: &State,
        batch: &mut Batch,
        wanted: &Wanted,
        new: Option<Unregistered>,
        now_ms: u64,
    ) -> Result<Provisioned, ThingsError> {
        let mut done = Provisioned {
            thing_name: None,
            certificate_pem: None,
            resource_arns: BTreeMap::new(),
            device_configuration: wanted.device_configuration.clone(),
        };
        let arn = |kind: &str, name: &str| self.place().iot(format_args!("{kind}/{name}"));
        let mut principal = None;
        if let Some(certificate) = &wanted.certificate {
            let (id, pem) = self.provision_certificate(state, batch, certificate, new, now_ms)?;
            let logical_id = certificate.logical_id.clone();
            done.resource_arns.insert(logical_id, arn("cert", &id));
            done.certificate_pem = Some(pem);
            principal = Some(format!("cert/{id}"));
        }
        if let Some((logical_id, thing)) = &wanted.thing {
            let document = self.provisioned_thing(state, thing, principal.as_deref())?;
            batch.put(&thing.name, document);
            batch.tell(Change::Decisions);
            let thing_arn = arn("thing", &thing.name);
            done.resource_arns.insert(logical_id.clone(), thing_arn);
            done.thing_name = Some(thing.name.clone());
        }
        let policies: Vec<WantedPolicy> = wanted.policies.iter().map(|(_, p)| p.clone()).collect();
        self.provision_policies(state, batch, &policies, principal.as_deref(), now_ms)?;
        for (logical_id, policy) in &wanted.policies {
            let policy_arn = arn("policy", &policy.name());
            done.resource_arns.insert(logical_id.clone(), policy_arn);
        }
        Ok(done)
    }

    /// Registers the certificate, or sets its status; gives its id and PEM.
    fn provision_certificate(
        &self,
        state: &State,
        batch: &mut Batch,
        wanted: &WantedCertificate,
        new: Option<Unregistered>,
        now_ms: u64,
    ) -> Result<(String, String), ThingsError> {
        let by_id = &state.certificates.by_id;
        let id = match (&wanted.source, new) {
            (CertificateSource::Registered(id), _) => id.clone(),
            // One that is registered already is changed as if it were named.
            (_, Some(new)) if by_id.contains_key(&new.id) => new.id,
            (_, Some(new)) => {
                let registered = self.enter(state, batch, new)?;
                return Ok((registered.id.to_string(), registered.pem));
            }
            (_, None) => return Err(ThingsError::Internal("no certificate was made".to_owned())),
        };
        let there = by_id.get(&id);
        let there = there.filter(|document| document.claim_for.is_none());
        let missing =
            || ThingsError::ResourceNotFound(format!("CertificateId {id} does not exist"));
        let mut document = there.ok_or_else(missing)?.clone();
        let pem = document.pem.clone();
        if document.status != wanted.status {
            // One that waits for its activation is what provisioning is for, whatever is said about
            // certificates that are in use: the guide's own template for JITP has DO_NOTHING.
            let waits = document.status == CertificateStatus::PendingActivation;
            match wanted.on_status {
                Override::DoNothing if !waits => return Ok((id, pem)),
                Override::Fail if !waits => {
                    return Err(ThingsError::ResourceRegistrationFailure(format!(
                        "Certificate {id} already exists with the status {}: set OverrideSettings for Status to let provisioning change it or leave it",
                        document.status.name()
                    )));
                }
                Override::DoNothing | Override::Fail | Override::Replace | Override::Merge => {}
            }
            document.set_status(wanted.status, now_ms);
            document.put(batch, &id);
        }
        Ok((id, pem))
    }
}
