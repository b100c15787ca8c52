//! Provisioning claims: certificates that are good for a few minutes and for nothing but asking to
//! be provisioned ("Provisioning by trusted user" in the AWS IoT developer guide).

use crate::arn::Place;
use crate::{CertificateStatus, KeysAndCertificate, Things, ThingsError};
use policy::Document;
use serde_json::json;

/// How long after its creation a claim can be used to connect.
const CLAIM_MS: u64 = 300_000;

/// How long a connection may go on that a claim began just in time: the guide gives a device five
/// minutes from connecting. After that the claim goes, and its connections with it.
pub(crate) const CLAIM_GRACE_MS: u64 = 300_000;

impl Things {
    /// CreateProvisioningClaim: `not_after_ms` of the certificate is when it expires. May take as
    /// long as generating an RSA key.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidRequest for a template that is not of fleet provisioning.
    pub fn create_provisioning_claim(
        &self,
        template: &str,
        now_ms: u64,
    ) -> Result<KeysAndCertificate, ThingsError> {
        let found = self.describe_provisioning_template(template)?;
        if found.kind != super::ProvisioningTemplateType::FleetProvisioning {
            return Err(ThingsError::InvalidRequest(format!(
                "Template {template} is of type {}: claims are for FLEET_PROVISIONING",
                found.kind.name()
            )));
        }
        // Certificates have whole seconds.
        let expires_ms = (now_ms + CLAIM_MS) / 1000 * 1000;
        let mut made = self.sign_keys(CertificateStatus::Active, Some(expires_ms), now_ms)?;
        made.certificate.document.claim_for = Some(template.to_owned());
        Ok(KeysAndCertificate {
            certificate: self.register(made.certificate)?,
            public_key: made.public_key,
            private_key: made.private_key,
        })
    }
}

/// What a claim for a template may do. AWS does not show it; this is the guide's own policy for
/// claims.
pub(crate) fn claim_policy(place: &Place, template: &str) -> Option<Document> {
    let topics = [
        "$aws/certificates/create/*".to_owned(),
        "$aws/certificates/create-from-csr/*".to_owned(),
        format!("$aws/provisioning-templates/{template}/provision/*"),
    ];
    let arns = |kind: &str| {
        let arn = |topic: &String| place.iot(format_args!("{kind}/{topic}"));
        topics.iter().map(arn).collect::<Vec<_>>()
    };
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": place.iot("client/*")},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": arns("topic")},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": arns("topicfilter")},
    ]});
    Document::parse(&document.to_string()).ok()
}
