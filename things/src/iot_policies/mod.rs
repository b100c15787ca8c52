//! AWS IoT policies: their versions, and what they are attached to.

mod attachments;
mod policies;
mod versions;

pub use attachments::EffectivePolicy;
pub use policies::{IotPolicy, NewPolicy, PolicySummary};
pub use versions::{PolicyVersion, PolicyVersionSummary};
