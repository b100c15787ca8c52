//! Everything that the control plane knows, in memory.

use crate::account::Account;
use crate::certificate::Certificates;
use crate::destinations::Destinations;
use crate::iot_policies::Policies;
use crate::jobs::JobTemplateDocument;
use crate::provisioning::ProvisioningState;
use crate::registry::Registry;
use crate::roles::Roles;
use crate::rules::Rules;
use std::collections::BTreeMap;

/// What each service keeps. One lock guards it all, because most requests touch two services
/// (an attachment, a deletion); it is held for look-ups in memory alone.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) account: Account,
    pub(crate) registry: Registry,
    pub(crate) certificates: Certificates,
    pub(crate) policies: Policies,
    pub(crate) provisioning: ProvisioningState,
    pub(crate) rules: Rules,
    pub(crate) destinations: Destinations,
    pub(crate) roles: Roles,
    pub(crate) job_templates: BTreeMap<String, JobTemplateDocument>,
}
