//! Versions of a policy: numbered from 1, at most five, one of them the default that counts.

use crate::{Things, ThingsError};

/// A policy version as GetPolicyVersion shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Policy name.
    pub name: String,
    /// The policy's ARN.
    pub arn: String,
    /// Version id, a number in decimal.
    pub version_id: String,
    /// Its text.
    pub document: String,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
    /// The policy's generation id.
    pub generation_id: String,
}

/// A row of ListPolicyVersions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVersionSummary {
    /// Version id.
    pub version_id: String,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// When it was created.
    pub created_ms: u64,
}

#[allow(unused_variables)]
impl Things {
    /// CreatePolicyVersion.
    ///
    /// # Errors
    /// ResourceNotFound, MalformedPolicy, VersionsLimitExceeded.
    pub fn create_policy_version(
        &self,
        name: &str,
        document: &str,
        set_as_default: bool,
        now_ms: u64,
    ) -> Result<PolicyVersion, ThingsError> {
        todo!()
    }

    /// GetPolicyVersion.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn policy_version(
        &self,
        name: &str,
        version_id: &str,
    ) -> Result<PolicyVersion, ThingsError> {
        todo!()
    }

    /// ListPolicyVersions, the newest first.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_policy_versions(
        &self,
        name: &str,
    ) -> Result<Vec<PolicyVersionSummary>, ThingsError> {
        todo!()
    }

    /// SetDefaultPolicyVersion.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn set_default_policy_version(
        &self,
        name: &str,
        version_id: &str,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// DeletePolicyVersion.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict for the default version.
    pub fn delete_policy_version(&self, name: &str, version_id: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
