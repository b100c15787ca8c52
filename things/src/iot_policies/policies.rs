//! Policies as a whole: create, get, list, delete.

use super::document::{PolicyDocument, check_document};
use crate::plane::Change;
use crate::registry::{Tags, TagsDocument, put_tags};
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

impl Things {
    /// CreatePolicy.
    ///
    /// # Errors
    /// MalformedPolicy, ResourceAlreadyExists.
    pub fn create_policy(&self, new: &NewPolicy, now_ms: u64) -> Result<IotPolicy, ThingsError> {
        check_document(&new.document)?;
        self.change(|state, batch| {
            let name = &new.name;
            if let Some(there) = state.policies.by_name.get(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!(
                        "Policy cannot be created - name already exists (name={name})"
                    ),
                    id: Some(there.document.generation_id.clone()),
                    arn: Some(self.policy_arn(name)),
                });
            }
            let document = PolicyDocument::new(&new.document, now_ms);
            let shown = self.policy_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, format_args!("policy/{name}"), &new.tags)?;
            Ok(shown)
        })
    }

    /// GetPolicy.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn policy(&self, name: &str) -> Result<IotPolicy, ThingsError> {
        let state = self.state();
        let policy = state.policies.by_name.get(name);
        policy
            .map(|policy| self.policy_shown(name, &policy.document))
            .ok_or_else(|| {
                ThingsError::ResourceNotFound("Policy default version not found".to_owned())
            })
    }

    /// ListPolicies, in order of creation, or the reverse.
    pub fn list_policies(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Page<PolicySummary> {
        let state = self.state();
        let by_age = &state.policies.by_age;
        by_age.page(ascending, after, limit, |name| {
            Some(self.policy_summary(name))
        })
    }

    /// DeletePolicy.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it is attached or has other versions.
    pub fn delete_policy(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let document = &state.policies.find(name)?.document;
            if state.policies.targets_of(name).next().is_some() {
                return Err(ThingsError::DeleteConflict(format!(
                    "The policy cannot be deleted as the policy is attached to one or more principals (name={name})"
                )));
            }
            if document.versions.len() > 1 {
                return Err(ThingsError::DeleteConflict(format!(
                    "The policy cannot be deleted as multiple versions of the policy exist (name={name}). Use DeletePolicyVersion action to delete all non-default versions of the policy and retry."
                )));
            }
            batch.remove::<PolicyDocument>(name);
            batch.remove::<TagsDocument>(&format!("policy/{name}"));
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    pub(super) fn policy_arn(&self, name: &str) -> String {
        self.place().iot(format_args!("policy/{name}"))
    }

    pub(super) fn policy_summary(&self, name: &str) -> PolicySummary {
        PolicySummary {
            name: name.to_owned(),
            arn: self.policy_arn(name),
        }
    }

    fn policy_shown(&self, name: &str, document: &PolicyDocument) -> IotPolicy {
        IotPolicy {
            name: name.to_owned(),
            arn: self.policy_arn(name),
            document: document.default_text().to_owned(),
            default_version_id: document.default.to_string(),
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
            generation_id: document.generation_id.clone(),
        }
    }
}
