//! Templates and ownerships as they are stored, and in memory.

use super::ownership::{OwnershipDocument, TokenHash};
use super::template::{ProvisioningHook, ProvisioningTemplateType};
use crate::ThingsError;
use crate::registry::set;
use crate::state::State;
use crate::store::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A template with its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TemplateDocument {
    pub(super) versions: BTreeMap<u32, Version>,
    pub(super) default: u32,
    /// The highest number given out; numbers are never used again.
    pub(super) last: u32,
    pub(super) kind: ProvisioningTemplateType,
    pub(super) description: Option<String>,
    pub(super) enabled: bool,
    pub(super) role_arn: String,
    pub(super) hook: Option<ProvisioningHook>,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) body: String,
    pub(super) created_ms: u64,
}

impl TemplateDocument {
    /// Adds a version and gives its number.
    pub(super) fn add(&mut self, body: &str, set_as_default: bool, now_ms: u64) -> u32 {
        self.last += 1;
        let version = Version {
            body: body.to_owned(),
            created_ms: now_ms,
        };
        self.versions.insert(self.last, version);
        if set_as_default {
            self.default = self.last;
        }
        self.modified_ms = now_ms;
        self.last
    }

    pub(super) fn default_body(&self) -> &str {
        let version = self.versions.get(&self.default);
        version.map_or("", |version| &version.body)
    }
}

impl Document for TemplateDocument {
    const TABLE: &'static str = "provisioning-template";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.provisioning.templates, key, document);
    }
}

/// All of it. `by_expiry` follows from `ownerships`, so both are private.
#[derive(Debug, Default)]
pub(crate) struct ProvisioningState {
    pub(super) templates: BTreeMap<String, TemplateDocument>,
    ownerships: BTreeMap<String, OwnershipDocument>,
    by_expiry: BTreeSet<(u64, String)>,
}

impl ProvisioningState {
    pub(super) fn place_ownership(&mut self, key: &str, document: Option<OwnershipDocument>) {
        if let Some(old) = self.ownerships.get(key) {
            self.by_expiry.remove(&(old.expires_ms, key.to_owned()));
        }
        if let Some(document) = &document {
            let entry = (document.expires_ms, key.to_owned());
            self.by_expiry.insert(entry);
        }
        set(&mut self.ownerships, key, document);
    }

    pub(super) fn ownerships(&self) -> usize {
        self.ownerships.len()
    }

    pub(super) fn ownership(&self, token: &TokenHash, now_ms: u64) -> Option<&OwnershipDocument> {
        let found = self.ownerships.get(token.key());
        found.filter(|ownership| ownership.expires_ms > now_ms)
    }

    pub(super) fn owns(&self, token: &TokenHash, now_ms: u64) -> bool {
        self.ownership(token, now_ms).is_some()
    }

    /// Ownerships that are over, by key.
    pub(super) fn expired(
        &self,
        now_ms: u64,
    ) -> impl Iterator<Item = (&String, &OwnershipDocument)> {
        let due = self.by_expiry.iter();
        let due = due.take_while(move |(expires_ms, _)| *expires_ms <= now_ms);
        due.filter_map(|(_, key)| self.ownerships.get_key_value(key))
    }

    pub(super) fn find(&self, name: &str) -> Result<&TemplateDocument, ThingsError> {
        self.templates.get(name).ok_or_else(|| {
            ThingsError::ResourceNotFound(format!("Unable to find template named {name}"))
        })
    }

    pub(crate) fn has_template(&self, name: &str) -> bool {
        self.templates.contains_key(name)
    }
}
