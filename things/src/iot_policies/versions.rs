//! Versions of a policy: numbered from 1, at most five, one of them the default that counts.

use super::document::{PolicyDocument, check_document};
use crate::plane::Change;
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
        self.change(|state, batch| {
            let mut policy = state.policies.find(name)?.document.clone();
            check_document(document)?;
            if policy.versions.len() >= VERSIONS_MAX {
                return Err(ThingsError::VersionsLimitExceeded(format!(
                    "The policy {name} already has the maximum number of versions ({VERSIONS_MAX})"
                )));
            }
            let number = policy.add(document, set_as_default, now_ms);
            let shown = self.version_shown(name, number, &policy)?;
            batch.put(name, policy);
            if set_as_default {
                batch.tell(Change::Decisions);
            }
            Ok(shown)
        })
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
        let state = self.state();
        let document = &state.policies.find(name)?.document;
        let number = find_version(name, version_id, document)?;
        self.version_shown(name, number, document)
    }

    /// ListPolicyVersions, the newest first.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_policy_versions(
        &self,
        name: &str,
    ) -> Result<Vec<PolicyVersionSummary>, ThingsError> {
        let state = self.state();
        let document = &state.policies.find(name)?.document;
        let newest_first = document.versions.iter().rev();
        Ok(newest_first
            .map(|(number, version)| PolicyVersionSummary {
                version_id: number.to_string(),
                is_default: *number == document.default,
                created_ms: version.created_ms,
            })
            .collect())
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
        self.change(|state, batch| {
            let mut policy = state.policies.find(name)?.document.clone();
            policy.default = find_version(name, version_id, &policy)?;
            policy.touch(now_ms);
            batch.put(name, policy);
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    /// DeletePolicyVersion.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict for the default version.
    pub fn delete_policy_version(&self, name: &str, version_id: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut policy = state.policies.find(name)?.document.clone();
            let number = find_version(name, version_id, &policy)?;
            if number == policy.default {
                return Err(ThingsError::DeleteConflict(format!(
                    "Cannot delete a default policy version (name={name}, versionId={version_id})"
                )));
            }
            policy.versions.remove(&number);
            batch.put(name, policy);
            Ok(())
        })
    }

    fn version_shown(
        &self,
        name: &str,
        number: u32,
        policy: &PolicyDocument,
    ) -> Result<PolicyVersion, ThingsError> {
        let version_id = number.to_string();
        let version = policy
            .versions
            .get(&number)
            .ok_or_else(|| no_version(name, &version_id))?;
        Ok(PolicyVersion {
            name: name.to_owned(),
            arn: self.policy_arn(name),
            version_id,
            document: version.text.clone(),
            is_default: number == policy.default,
            created_ms: version.created_ms,
            modified_ms: policy.modified_ms,
            generation_id: policy.generation_id.clone(),
        })
    }
}

fn find_version(name: &str, id: &str, policy: &PolicyDocument) -> Result<u32, ThingsError> {
    let number = id.parse().ok();
    number
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| no_version(name, id))
}

fn no_version(name: &str, id: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!(
        "Policy version does not exist (name={name}, versionId={id})"
    ))
}

/// AWS General Reference, AWS IoT quotas.
const VERSIONS_MAX: usize = 5;
