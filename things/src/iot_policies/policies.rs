//! Policies as a whole: create, get, list, delete.

use crate::registry::Tags;
use crate::{Page, Things, ThingsError};

/// Name and ARN of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySummary {
    /// Policy name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A policy as GetPolicy shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IotPolicy {
    /// Policy name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The text of its default version.
    pub document: String,
    /// The id of its default version.
    pub default_version_id: String,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
    /// A UUID that every change renews.
    pub generation_id: String,
}

/// What CreatePolicy is given.
#[derive(Clone, Debug, Default)]
pub struct NewPolicy {
    /// Policy name.
    pub name: String,
    /// The text of version `1`.
    pub document: String,
    /// Its tags.
    pub tags: Tags,
}

#[allow(unused_variables)]
impl Things {
    /// CreatePolicy.
    ///
    /// # Errors
    /// MalformedPolicy, ResourceAlreadyExists.
    pub fn create_policy(&self, new: &NewPolicy, now_ms: u64) -> Result<IotPolicy, ThingsError> {
        todo!()
    }

    /// GetPolicy.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn policy(&self, name: &str) -> Result<IotPolicy, ThingsError> {
        todo!()
    }

    /// ListPolicies, in order of name, or the reverse.
    pub fn list_policies(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<PolicySummary> {
        todo!()
    }

    /// DeletePolicy.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it is attached or has other versions.
    pub fn delete_policy(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
