//! Provisioning: templates that say what a new device gets, the certificates and tokens of devices
//! that ask for it, claims, and certificates of a CA that are provisioned when they connect.

mod template;
mod versions;

mod body;
mod wanted;

mod claim;
mod just_in_time;
mod ownership;
mod plan;

mod error;
mod stored;

pub(crate) use claim::{CLAIM_GRACE_MS, claim_policy};
pub use error::ProvisioningError;
pub use just_in_time::JustInTimeProvisioning;
pub(crate) use just_in_time::check_registration_config;
pub(crate) use ownership::OwnershipDocument;
pub use ownership::{OwnedCertificate, OwnedRequest};
pub use plan::{Provisioned, ProvisioningPlan};
pub(crate) use stored::{ProvisioningState, TemplateDocument};
pub use template::{
    NewProvisioningTemplate, ProvisioningHook, ProvisioningTemplate, ProvisioningTemplateType,
    ProvisioningTemplateUpdate,
};
pub use versions::{ProvisioningTemplateVersion, ProvisioningTemplateVersionSummary};
pub use wanted::Parameters as ProvisioningParameters;
