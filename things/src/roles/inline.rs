//! Inline policies of roles.

use super::document::check_permissions;
use crate::page::rows_after;
use crate::{Page, Things, ThingsError};

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
        check_permissions(document)?;
        self.edit_role(role, |role| {
            role.inline.insert(policy.to_owned(), document.to_owned());
            Ok(())
        })
    }

    /// GetRolePolicy: the text of an inline policy.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn role_policy(&self, role: &str, policy: &str) -> Result<String, ThingsError> {
        let state = self.state();
        let inline = &state.roles.find(role)?.document.inline;
        inline.get(policy).cloned().ok_or_else(|| missing(policy))
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
        let state = self.state();
        let inline = &state.roles.find(role)?.document.inline;
        let rows = rows_after(inline, after).map(|(name, _)| (name.clone(), name.clone()));
        Ok(Page::take(rows, limit))
    }

    /// DeleteRolePolicy.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), ThingsError> {
        self.edit_role(role, |role| match role.inline.remove(policy) {
            Some(_) => Ok(()),
            None => Err(missing(policy)),
        })
    }
}

fn missing(policy: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!(
        "The role policy with name {policy} cannot be found."
    ))
}
