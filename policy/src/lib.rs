//! AWS IoT and IAM policy documents: parsed once, evaluated with variables into a decision.
//!
//! A [`Document`] is what a control plane stores and a connection holds; [`evaluate`] answers one
//! [`Request`] from a set of them, [`evaluate_joint`] from an IoT and an IAM set together, and
//! [`TrustDocument`] says who may assume a role. Nothing here knows the time, the network or a
//! file: whatever a policy can ask about arrives as [`Variables`].

mod document;
mod evaluate;
mod trust;

mod arn;
mod condition;
mod error;
mod json;
mod pattern;
mod statement;
mod variables;

pub use document::{DOCUMENT_CHARS_MAX, Document, document_chars};
pub use error::{PolicyError, Problem};
pub use evaluate::{
    Decision, Effect, JointDecision, Request, StatementRef, evaluate, evaluate_joint,
};
pub use trust::{Caller, TrustDocument, TrustRequest};
pub use variables::{Overlay, Value, VariableMap, Variables, canonical_name};
