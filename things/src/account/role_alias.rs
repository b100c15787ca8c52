//! Role aliases: roles that devices get temporary credentials of, by their certificate.

use crate::page::rows_after;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, RoleSession, Things, ThingsError};
use serde::{Deserialize, Serialize};

/// A role alias as DescribeRoleAlias shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAlias {
    /// Role alias.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The role.
    pub role_arn: String,
    /// How long credentials are good.
    pub duration_s: u32,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
}

/// What CreateRoleAlias is given.
#[derive(Clone, Debug, Default)]
pub struct NewRoleAlias {
    /// Role alias.
    pub name: String,
    /// The role.
    pub role_arn: String,
    /// credentialDurationSeconds, an hour unless given.
    pub duration_s: Option<u32>,
    /// Its tags.
    pub tags: Tags,
}

/// Credentials of a device, and the alias that they come by.
#[derive(Clone, Debug)]
pub struct DeviceCredentials {
    /// The credentials.
    pub session: RoleSession,
    /// Whether the role is known here; the credentials of another may do everything.
    pub role_is_known: bool,
}

/// A role alias as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleAliasDocument {
    role_arn: String,
    duration_s: u32,
    created_ms: u64,
    modified_ms: u64,
}

impl Document for RoleAliasDocument {
    const TABLE: &'static str = "role-alias";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.account.role_aliases, key, document);
    }
}

impl Things {
    /// CreateRoleAlias.
    ///
    /// # Errors
    /// ResourceAlreadyExists.
    pub fn create_role_alias(
        &self,
        new: &NewRoleAlias,
        now_ms: u64,
    ) -> Result<RoleAlias, ThingsError> {
        self.change(|state, batch| {
            let name = &new.name;
            if state.account.role_aliases.contains_key(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!("RoleAlias cannot be created - already exists (name={name})"),
                    id: Some(name.clone()),
                    arn: Some(self.role_alias_arn(name)),
                });
            }
            let document = RoleAliasDocument {
                role_arn: new.role_arn.clone(),
                duration_s: new.duration_s.unwrap_or(DURATION_S_DEFAULT),
                created_ms: now_ms,
                modified_ms: now_ms,
            };
            let shown = self.role_alias_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, format_args!("rolealias/{name}"), &new.tags)?;
            Ok(shown)
        })
    }

    /// DescribeRoleAlias.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn role_alias(&self, name: &str) -> Result<RoleAlias, ThingsError> {
        let state = self.state();
        find(&state, name).map(|document| self.role_alias_shown(name, document))
    }

    /// ListRoleAliases: names in order.
    pub fn list_role_aliases(&self, after: Option<&str>, limit: usize) -> Page<String> {
        let state = self.state();
        let rows = rows_after(&state.account.role_aliases, after);
        Page::take(rows.map(|(name, _)| (name.clone(), name.clone())), limit)
    }

    /// UpdateRoleAlias; what is `None` stays.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn update_role_alias(
        &self,
        name: &str,
        role_arn: Option<&str>,
        duration_s: Option<u32>,
        now_ms: u64,
    ) -> Result<RoleAlias, ThingsError> {
        self.change(|state, batch| {
            let mut document = find(state, name)?.clone();
            if let Some(role_arn) = role_arn {
                role_arn.clone_into(&mut document.role_arn);
            }
            document.duration_s = duration_s.unwrap_or(document.duration_s);
            document.modified_ms = now_ms;
            let shown = self.role_alias_shown(name, &document);
            batch.put(name, document);
            Ok(shown)
        })
    }

    /// DeleteRoleAlias.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn delete_role_alias(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            find(state, name)?;
            batch.remove::<RoleAliasDocument>(name);
            batch.remove::<TagsDocument>(&format!("rolealias/{name}"));
            Ok(())
        })
    }

    pub(crate) fn role_alias_arn(&self, name: &str) -> String {
        self.place().iot(format_args!("rolealias/{name}"))
    }

    fn role_alias_shown(&self, name: &str, document: &RoleAliasDocument) -> RoleAlias {
        RoleAlias {
            name: name.to_owned(),
            arn: self.role_alias_arn(name),
            role_arn: document.role_arn.clone(),
            duration_s: document.duration_s,
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
        }
    }
}

fn find<'s>(state: &'s State, name: &str) -> Result<&'s RoleAliasDocument, ThingsError> {
    state
        .account
        .role_aliases
        .get(name)
        .ok_or_else(|| ThingsError::ResourceNotFound(format!("RoleAlias not found (name={name})")))
}

/// API reference, CreateRoleAlias.
const DURATION_S_DEFAULT: u32 = 3600;
