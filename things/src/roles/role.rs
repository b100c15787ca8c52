//! Roles as a whole: create, get, list, delete, trust policy.

use crate::registry::Tags;
use crate::{Page, Things, ThingsError};

/// A role as GetRole shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Role name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `AROA` and 17 characters.
    pub id: String,
    /// `/`, or segments between slashes.
    pub path: String,
    /// The text of the trust policy (AssumeRolePolicyDocument).
    pub trust_policy: String,
    /// Description.
    pub description: Option<String>,
    /// MaxSessionDuration in seconds.
    pub max_session_s: u32,
    /// When it was created.
    pub created_ms: u64,
    /// Its tags.
    pub tags: Tags,
}

/// What CreateRole is given.
#[derive(Clone, Debug, Default)]
pub struct NewRole {
    /// Role name.
    pub name: String,
    /// `/` unless given.
    pub path: Option<String>,
    /// The text of the trust policy (AssumeRolePolicyDocument).
    pub trust_policy: String,
    /// Description.
    pub description: Option<String>,
    /// MaxSessionDuration in seconds, an hour unless given.
    pub max_session_s: Option<u32>,
    /// Its tags.
    pub tags: Tags,
}

#[allow(unused_variables)]
impl Things {
    /// CreateRole.
    ///
    /// # Errors
    /// ResourceAlreadyExists, MalformedPolicy, InvalidRequest.
    pub fn create_role(&self, new: &NewRole, now_ms: u64) -> Result<Role, ThingsError> {
        todo!()
    }

    /// GetRole.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn role(&self, name: &str) -> Result<Role, ThingsError> {
        todo!()
    }

    /// ListRoles, in order of name; `path_prefix` keeps those below a path.
    pub fn list_roles(
        &self,
        path_prefix: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Role> {
        todo!()
    }

    /// UpdateAssumeRolePolicy.
    ///
    /// # Errors
    /// ResourceNotFound, MalformedPolicy.
    pub fn update_assume_role_policy(
        &self,
        name: &str,
        trust_policy: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// DeleteRole.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it has inline or attached policies.
    pub fn delete_role(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
