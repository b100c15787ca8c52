//! Inline policies of roles.

use crate::{Page, Things, ThingsError};

#[allow(unused_variables)]
impl Things {
    /// PutRolePolicy: creates or replaces.
    ///
    /// # Errors
    /// ResourceNotFound, MalformedPolicy.
    pub fn put_role_policy(
        &self,
        role: &str,
        policy: &str,
        document: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// GetRolePolicy: the text of an inline policy.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn role_policy(&self, role: &str, policy: &str) -> Result<String, ThingsError> {
        todo!()
    }

    /// ListRolePolicies: names in order.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_role_policies(
        &self,
        role: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<String>, ThingsError> {
        todo!()
    }

    /// DeleteRolePolicy.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
