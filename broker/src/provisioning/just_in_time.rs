//! Certificates that connect and are provisioned by the template of their CA.

use super::Provisioner;
use rustls_pki_types::CertificateDer;
use things::{JustInTime, ProvisioningError};

impl Provisioner {
    /// Provisions a certificate that waits for its activation, if its CA has a template. One that
    /// cannot be provisioned goes on waiting, and is tried again when it connects again.
    pub(crate) fn just_in_time(
        &self,
        der: &CertificateDer<'_>,
        registered: &JustInTime,
        now_ms: u64,
    ) {
        let (certificate_id, ca_id) = (&*registered.certificate.id, &*registered.ca_certificate_id);
        match self.provision_just_in_time(der, certificate_id, ca_id, now_ms) {
            Ok(Some(thing)) => {
                tracing::info!(%certificate_id, ?thing, "provisioned just in time");
            }
            Ok(None) => {}
            Err(error) => {
                let code = error.code();
                tracing::warn!(%certificate_id, code, %error, "not provisioned just in time");
            }
        }
    }

    /// The thing that was provisioned, if the template has one; `None`: there is no template.
    fn provision_just_in_time(
        &self,
        der: &CertificateDer<'_>,
        certificate_id: &str,
        ca_id: &str,
        now_ms: u64,
    ) -> Result<Option<Option<String>>, ProvisioningError> {
        let planned = self.things.plan_just_in_time(ca_id, certificate_id, der)?;
        let Some(planned) = planned else {
            return Ok(None);
        };
        if let Some(role_arn) = &planned.role_arn {
            let things = &self.things;
            let (region, account) = (things.region(), things.account_id());
            let ca_arn = format!("arn:aws:iot:{region}:{account}:cacert/{ca_id}");
            self.check_role(&ca_arn, role_arn, &planned.plan)?;
        }
        let done = self.things.provision(&planned.plan, now_ms)?;
        Ok(Some(done.thing_name))
    }
}
