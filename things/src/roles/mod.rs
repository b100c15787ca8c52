//! IAM roles: who may assume them, what their inline and attached policies allow, and the
//! temporary credentials that AssumeRole gives out.
//!
//! Refusals are IAM's under the names of AWS IoT: ResourceNotFound is `NoSuchEntity`,
//! ResourceAlreadyExists is `EntityAlreadyExists`, MalformedPolicy is `MalformedPolicyDocument`,
//! InvalidRequest is `ValidationError`.

mod authorize;
mod aws_policies;
mod document;
mod inline;
mod managed;
mod role;
mod session;

pub use authorize::RoleDecision;
pub(crate) use document::{ManagedDocument, RoleDocument, Roles};
pub use managed::{AttachedPolicy, ManagedPolicy, NewManagedPolicy};
pub use role::{NewRole, Role};
pub(crate) use session::Sessions;
pub use session::{AssumeRole, RoleSession};
