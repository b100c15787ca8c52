//! Just-in-time provisioning: what the template of a CA says about a certificate that it signed and
//! that connects ("Just-in-time provisioning" in the AWS IoT developer guide).

use super::body::{Purpose, TemplateBody};
use super::{ProvisioningError, ProvisioningPlan, ProvisioningTemplateType};
use crate::certificate::subject_parameters;
use crate::state::State;
use crate::{Things, ThingsError};
use rustls_pki_types::CertificateDer;
use serde_json::Value;

/// What a CA's template has for a certificate.
#[derive(Debug)]
pub struct JustInTimeProvisioning {
    /// The role that provisions.
    pub role_arn: Option<String>,
    /// The rest.
    pub plan: ProvisioningPlan,
}

impl Things {
    /// Plans what the template of a CA has for a certificate, by what its subject says. `None`: the
    /// CA has no template, so that somebody else activates the certificate.
    ///
    /// # Errors
    /// InvalidTemplate; InvalidParameters when the subject lacks something.
    pub fn plan_just_in_time(
        &self,
        ca_certificate_id: &str,
        certificate_id: &str,
        der: &CertificateDer<'_>,
    ) -> Result<Option<JustInTimeProvisioning>, ProvisioningError> {
        let config = self.describe_ca_certificate(ca_certificate_id);
        let config = config.ok().and_then(|found| found.registration_config);
        let Some(config) = config else {
            return Ok(None);
        };
        let text = |name: &str| config[name].as_str().map(str::to_owned);
        let (body, role_arn) = match (text("templateName"), text("templateBody")) {
            (Some(name), _) => {
                let invalid =
                    |why: ThingsError| ProvisioningError::InvalidTemplate(why.to_string());
                let found = self
                    .describe_provisioning_template(&name)
                    .map_err(invalid)?;
                if !found.enabled {
                    let why = format!("Template {name} is not enabled");
                    return Err(ProvisioningError::InvalidTemplate(why));
                }
                (found.body, Some(found.role_arn))
            }
            (None, Some(body)) => (body, text("roleArn")),
            (None, None) => return Ok(None),
        };
        let parameters = subject_parameters(der);
        let plan = Self::plan(
            &body,
            Purpose::JustInTime,
            &parameters,
            Some(certificate_id),
        )?;
        Ok(Some(JustInTimeProvisioning { role_arn, plan }))
    }
}

/// Refuses a registrationConfig that could never provision anything.
pub(crate) fn check_registration_config(state: &State, config: &Value) -> Result<(), ThingsError> {
    let text = |name: &str| config[name].as_str();
    let invalid = |why: &str| Err(ThingsError::InvalidRequest(why.to_owned()));
    match (text("templateName"), text("templateBody")) {
        (Some(_), Some(_)) => invalid(
            "a registration config has a templateName or a templateBody, and this one has both",
        ),
        (Some(name), None) => {
            let kind = state.provisioning.find(name)?.kind;
            match kind {
                ProvisioningTemplateType::JustInTime => Ok(()),
                ProvisioningTemplateType::FleetProvisioning => {
                    Err(ThingsError::InvalidRequest(format!(
                        "Template {name} is of type {} and must be JITP",
                        kind.name()
                    )))
                }
            }
        }
        (None, Some(body)) => {
            TemplateBody::parse(body, Purpose::JustInTime).map_err(ThingsError::InvalidRequest)?;
            if text("roleArn").is_none() {
                return invalid("a registration config with a templateBody needs a roleArn");
            }
            Ok(())
        }
        (None, None) => Ok(()),
    }
}
