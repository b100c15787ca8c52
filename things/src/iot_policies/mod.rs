//! AWS IoT policies: their versions, and what they are attached to.

mod attachments;
mod authorization;
mod document;
mod effective;
mod policies;
mod provisioned;
mod versions;

pub(crate) use attachments::AttachmentDocument;
pub use authorization::{AuthDecision, AuthQuestion};
pub(crate) use document::{Policies, PolicyDocument};
pub use effective::EffectivePolicy;
pub use policies::{IotPolicy, NewPolicy, PolicySummary};
pub(crate) use provisioned::WantedPolicy;
pub use versions::{PolicyVersion, PolicyVersionSummary};
