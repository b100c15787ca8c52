//! What a role says to the rules engine.

use crate::Things;

/// What a role says to a request of a rule or of a role session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleDecision {
    /// It may.
    Allowed,
    /// It may not; why, in words that name role, action and statement.
    Denied(String),
    /// No role of that ARN was created here.
    UnknownRole,
}

#[allow(unused_variables)]
impl Things {
    /// Whether a role lets the rules engine (`iot.amazonaws.com`, which its trust policy must
    /// name) do `action` on `resource`.
    pub fn authorize_role(&self, role_arn: &str, action: &str, resource: &str) -> RoleDecision {
        todo!()
    }
}
