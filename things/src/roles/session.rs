//! Temporary credentials that AssumeRole gives out. They live in memory and end with the process.

use crate::{Things, ThingsError};
use policy::Document;
use std::sync::Arc;

/// What AssumeRole is given.
#[derive(Clone, Debug, Default)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// RoleSessionName.
    pub session_name: String,
    /// DurationSeconds, an hour unless given.
    pub duration_s: Option<u32>,
    /// The ARN of the user or role that asks, which the trust policy must allow; `None` for the
    /// account's own access keys, which may assume every role of the account.
    pub caller_arn: Option<String>,
}

/// Temporary credentials of a role (sts AssumeRole).
#[derive(Clone, Debug)]
pub struct RoleSession {
    /// `ASIA...`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// The role's ARN.
    pub role_arn: String,
    /// The session's own ARN: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// `AROA...:session-name`.
    pub user_id: String,
    /// When they end.
    pub expires_ms: u64,
    /// The role's policies, attached and inline.
    pub policies: Vec<Arc<Document>>,
}

#[allow(unused_variables)]
impl Things {
    /// sts AssumeRole.
    ///
    /// # Errors
    /// ResourceNotFound (no such role here), AccessDenied (trust policy), InvalidRequest
    /// (duration).
    pub fn assume_role(
        &self,
        request: &AssumeRole,
        now_ms: u64,
    ) -> Result<RoleSession, ThingsError> {
        todo!()
    }

    /// Credentials given out by AssumeRole that have not expired, with the policies that the role
    /// has now.
    pub fn role_session(&self, access_key_id: &str, now_ms: u64) -> Option<RoleSession> {
        todo!()
    }
}
