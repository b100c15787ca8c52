//! Managed IAM policies, AWS's own and the customer's, and their attachment to roles.

use crate::registry::Tags;
use crate::{Page, Things, ThingsError};

/// A managed policy as GetPolicy of IAM shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Policy name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `ANPA` and 17 characters.
    pub id: String,
    /// `/`, or segments between slashes.
    pub path: String,
    /// The text of its only version, `v1`.
    pub document: String,
    /// Description.
    pub description: Option<String>,
    /// When it was created.
    pub created_ms: u64,
    /// How many roles it is attached to.
    pub attachments: usize,
    /// Its tags.
    pub tags: Tags,
}

/// What CreatePolicy of IAM is given.
#[derive(Clone, Debug, Default)]
pub struct NewManagedPolicy {
    /// Policy name.
    pub name: String,
    /// `/` unless given.
    pub path: Option<String>,
    /// Its text.
    pub document: String,
    /// Description.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A row of ListAttachedRolePolicies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// Policy name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

#[allow(unused_variables)]
impl Things {
    /// CreatePolicy of IAM.
    ///
    /// # Errors
    /// ResourceAlreadyExists, MalformedPolicy.
    pub fn create_managed_policy(
        &self,
        new: &NewManagedPolicy,
        now_ms: u64,
    ) -> Result<ManagedPolicy, ThingsError> {
        todo!()
    }

    /// GetPolicy of IAM, for the customer's and AWS's own.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn managed_policy(&self, arn: &str) -> Result<ManagedPolicy, ThingsError> {
        todo!()
    }

    /// ListPolicies of IAM with scope Local: the customer's, in order of ARN.
    pub fn list_managed_policies(&self, after: Option<&str>, limit: usize) -> Page<ManagedPolicy> {
        todo!()
    }

    /// DeletePolicy of IAM.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it is attached.
    pub fn delete_managed_policy(&self, arn: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// AttachRolePolicy. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// DetachRolePolicy.
    ///
    /// # Errors
    /// ResourceNotFound (role, or a policy that is not attached).
    pub fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// ListAttachedRolePolicies, in order of ARN.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_attached_role_policies(
        &self,
        role: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<AttachedPolicy>, ThingsError> {
        todo!()
    }
}
