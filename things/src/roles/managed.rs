//! Managed IAM policies, AWS's own and the customer's, and their attachment to roles.

use super::aws_policies::{AwsPolicy, aws_policy};
use super::document::{ManagedDocument, check_permissions, checked_path, unique_id};
use crate::page::rows_after;
use crate::registry::Tags;
use crate::state::State;
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
        check_permissions(&new.document)?;
        let path = checked_path(new.path.as_deref())?;
        self.change(|state, batch| {
            let name = &new.name;
            if state.roles.managed.contains_key(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!(
                        "A policy called {name} already exists. Duplicate names are not allowed."
                    ),
                    id: None,
                    arn: None,
                });
            }
            let document = ManagedDocument {
                id: unique_id("ANPA"),
                path,
                text: new.document.clone(),
                description: new.description.clone(),
                created_ms: now_ms,
                tags: new.tags.clone(),
            };
            let shown = self.managed_shown(name, &document, 0);
            batch.put(name, document);
            Ok(shown)
        })
    }

    /// GetPolicy of IAM, for the customer's and AWS's own.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn managed_policy(&self, arn: &str) -> Result<ManagedPolicy, ThingsError> {
        let state = self.state();
        let (key, found) = self.find_managed(&state, arn)?;
        let attachments = state.roles.attachments(&key);
        Ok(match found {
            Found::Customer(name, document) => self.managed_shown(name, document, attachments),
            Found::Aws(policy) => aws_shown(policy, attachments),
        })
    }

    /// ListPolicies of IAM with scope Local: the customer's, in order of name.
    pub fn list_managed_policies(&self, after: Option<&str>, limit: usize) -> Page<ManagedPolicy> {
        let state = self.state();
        let rows = rows_after(&state.roles.managed, after).map(|(name, policy)| {
            let document = &policy.document;
            let attachments = state.roles.attachments(&document.key(name));
            let shown = self.managed_shown(name, document, attachments);
            (name.clone(), shown)
        });
        Page::take(rows, limit)
    }

    /// DeletePolicy of IAM.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it is attached.
    pub fn delete_managed_policy(&self, arn: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let (key, found) = self.find_managed(state, arn)?;
            let Found::Customer(name, _) = found else {
                return Err(ThingsError::AccessDenied(format!(
                    "Policy {arn} is AWS's own and cannot be deleted"
                )));
            };
            if state.roles.attachments(&key) > 0 {
                return Err(ThingsError::DeleteConflict(
                    "Cannot delete a policy attached to entities.".to_owned(),
                ));
            }
            batch.remove::<ManagedDocument>(name);
            Ok(())
        })
    }

    /// AttachRolePolicy. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (role, policy).
    pub fn attach_role_policy(&self, role: &str, policy_arn: &str) -> Result<(), ThingsError> {
        let key = {
            let state = self.state();
            state.roles.find(role)?;
            self.find_managed(&state, policy_arn)?.0
        };
        self.edit_role(role, |role| {
            role.attached.insert(key);
            Ok(())
        })
    }

    /// DetachRolePolicy.
    ///
    /// # Errors
    /// ResourceNotFound (role, or a policy that is not attached).
    pub fn detach_role_policy(&self, role: &str, policy_arn: &str) -> Result<(), ThingsError> {
        let key = self.managed_key(policy_arn);
        self.edit_role(role, |role| {
            if key.is_some_and(|key| role.attached.remove(&key)) {
                return Ok(());
            }
            Err(ThingsError::ResourceNotFound(format!(
                "Policy {policy_arn} was not found."
            )))
        })
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
        let state = self.state();
        let attached = &state.roles.find(role)?.document.attached;
        let rows = attached.iter().map(|key| {
            let name = key.rsplit('/').next().unwrap_or_default().to_owned();
            let arn = self.managed_arn(key);
            (key.clone(), AttachedPolicy { name, arn })
        });
        Ok(Page::of(rows, after, limit))
    }

    /// What a managed policy is stored under: `aws/` or `customer/`, its path and name. The
    /// account is left out, as a later start may change it.
    fn managed_key(&self, arn: &str) -> Option<String> {
        if let Some(rest) = arn.strip_prefix(AWS_PREFIX) {
            return Some(format!("aws/{rest}"));
        }
        let customers = self.place().iam("policy/");
        arn.strip_prefix(&customers)
            .map(|rest| format!("customer/{rest}"))
    }

    fn managed_arn(&self, key: &str) -> String {
        match key.split_once('/') {
            Some(("aws", rest)) => format!("{AWS_PREFIX}{rest}"),
            Some((_, rest)) => self.place().iam(format_args!("policy/{rest}")),
            None => key.to_owned(),
        }
    }

    fn find_managed<'s>(
        &self,
        state: &'s State,
        arn: &str,
    ) -> Result<(String, Found<'s>), ThingsError> {
        let found = self.managed_key(arn).and_then(|key| {
            if let Some(policy) = aws_policy(&key) {
                return Some((key, Found::Aws(policy)));
            }
            let (name, policy) = state.roles.managed_by_key(&key)?;
            Some((key, Found::Customer(name, &policy.document)))
        });
        found.ok_or_else(|| {
            ThingsError::ResourceNotFound(format!(
                "Policy {arn} does not exist or is not attachable."
            ))
        })
    }

    fn managed_shown(
        &self,
        name: &str,
        document: &ManagedDocument,
        attachments: usize,
    ) -> ManagedPolicy {
        ManagedPolicy {
            name: name.to_owned(),
            arn: self.managed_arn(&document.key(name)),
            id: document.id.clone(),
            path: document.path.clone(),
            document: document.text.clone(),
            description: document.description.clone(),
            created_ms: document.created_ms,
            attachments,
            tags: document.tags.clone(),
        }
    }
}

enum Found<'s> {
    Customer(&'s str, &'s ManagedDocument),
    Aws(&'static AwsPolicy),
}

fn aws_shown(policy: &AwsPolicy, attachments: usize) -> ManagedPolicy {
    let (folder, name) = policy.path_and_name();
    ManagedPolicy {
        name: name.to_owned(),
        arn: format!("{AWS_PREFIX}{}", policy.resource),
        id: format!("ANPA{:0>17}", name.len()),
        path: format!("/{folder}"),
        document: policy.text.to_owned(),
        description: None,
        created_ms: 0,
        attachments,
        tags: Tags::new(),
    }
}

const AWS_PREFIX: &str = "arn:aws:iam::aws:policy/";
