//! Roles as a whole: create, get, list, delete, trust policy.

use super::document::{RoleDocument, checked_path, unique_id};
use crate::page::rows_after;
use crate::plane::Change;
use crate::registry::Tags;
use crate::{Page, Things, ThingsError};
use policy::TrustDocument;
use std::collections::{BTreeMap, BTreeSet};

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

impl Things {
    /// CreateRole.
    ///
    /// # Errors
    /// ResourceAlreadyExists, MalformedPolicy, InvalidRequest.
    pub fn create_role(&self, new: &NewRole, now_ms: u64) -> Result<Role, ThingsError> {
        check_trust(&new.trust_policy)?;
        let path = checked_path(new.path.as_deref())?;
        self.change(|state, batch| {
            if state.roles.by_name.contains_key(&new.name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!("Role with name {} already exists.", new.name),
                    id: None,
                    arn: None,
                });
            }
            let document = RoleDocument {
                id: unique_id("AROA"),
                path,
                trust_policy: new.trust_policy.clone(),
                description: new.description.clone(),
                max_session_s: new.max_session_s.unwrap_or(SESSION_S_DEFAULT),
                created_ms: now_ms,
                tags: new.tags.clone(),
                inline: BTreeMap::new(),
                attached: BTreeSet::new(),
            };
            let shown = self.role_shown(&new.name, &document);
            batch.put(&new.name, document);
            batch.tell(Change::Decisions);
            Ok(shown)
        })
    }

    /// GetRole.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn role(&self, name: &str) -> Result<Role, ThingsError> {
        let state = self.state();
        let entry = state.roles.find(name)?;
        Ok(self.role_shown(name, &entry.document))
    }

    /// ListRoles, in order of name; `path_prefix` keeps those below a path.
    pub fn list_roles(
        &self,
        path_prefix: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Role> {
        let state = self.state();
        let prefix = path_prefix.unwrap_or("/");
        let rows = rows_after(&state.roles.by_name, after)
            .filter(|(_, role)| role.document.path.starts_with(prefix))
            .map(|(name, role)| (name.clone(), self.role_shown(name, &role.document)));
        Page::take(rows, limit)
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
        check_trust(trust_policy)?;
        self.edit_role(name, |role| {
            trust_policy.clone_into(&mut role.trust_policy);
            Ok(())
        })
    }

    /// UpdateRole; what is `None` stays.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn update_role(
        &self,
        name: &str,
        description: Option<&str>,
        max_session_s: Option<u32>,
    ) -> Result<(), ThingsError> {
        self.edit_role(name, |role| {
            if let Some(description) = description {
                role.description = Some(description.to_owned());
            }
            role.max_session_s = max_session_s.unwrap_or(role.max_session_s);
            Ok(())
        })
    }

    /// TagRole: adds and replaces.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn tag_role(&self, name: &str, tags: &Tags) -> Result<(), ThingsError> {
        self.edit_role(name, |role| {
            role.tags.extend(tags.clone());
            Ok(())
        })
    }

    /// UntagRole.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn untag_role(&self, name: &str, keys: &[String]) -> Result<(), ThingsError> {
        self.edit_role(name, |role| {
            role.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    /// DeleteRole.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while it has inline or attached policies.
    pub fn delete_role(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let role = &state.roles.find(name)?.document;
            if !role.inline.is_empty() {
                return Err(ThingsError::DeleteConflict(
                    "Cannot delete entity, must delete policies first.".to_owned(),
                ));
            }
            if !role.attached.is_empty() {
                return Err(ThingsError::DeleteConflict(
                    "Cannot delete entity, must detach all policies first.".to_owned(),
                ));
            }
            batch.remove::<RoleDocument>(name);
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    /// Stores a role that was edited.
    pub(super) fn edit_role(
        &self,
        name: &str,
        edit: impl FnOnce(&mut RoleDocument) -> Result<(), ThingsError>,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut role = state.roles.find(name)?.document.clone();
            edit(&mut role)?;
            batch.put(name, role);
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    pub(super) fn role_arn(&self, name: &str, document: &RoleDocument) -> String {
        self.place()
            .iam(format_args!("role{}{name}", document.path))
    }

    fn role_shown(&self, name: &str, document: &RoleDocument) -> Role {
        Role {
            name: name.to_owned(),
            arn: self.role_arn(name, document),
            id: document.id.clone(),
            path: document.path.clone(),
            trust_policy: document.trust_policy.clone(),
            description: document.description.clone(),
            max_session_s: document.max_session_s,
            created_ms: document.created_ms,
            tags: document.tags.clone(),
        }
    }
}

fn check_trust(text: &str) -> Result<(), ThingsError> {
    match TrustDocument::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(ThingsError::MalformedPolicy(error.to_string())),
    }
}

/// IAM API reference, CreateRole: an hour.
const SESSION_S_DEFAULT: u32 = 3600;
