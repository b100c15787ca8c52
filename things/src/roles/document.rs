//! Roles and managed policies as they are stored, and in memory with their documents compiled.

use super::aws_policies::aws_policy;
use crate::ThingsError;
use crate::registry::{Tags, set};
use crate::state::State;
use crate::store;
use policy::{Document, TrustDocument};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoleDocument {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) trust_policy: String,
    pub(super) description: Option<String>,
    pub(super) max_session_s: u32,
    pub(super) created_ms: u64,
    pub(super) tags: Tags,
    /// Texts by name.
    pub(super) inline: BTreeMap<String, String>,
    /// Keys of managed policies.
    pub(super) attached: BTreeSet<String>,
}

/// A managed policy of the customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedDocument {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) text: String,
    pub(super) description: Option<String>,
    pub(super) created_ms: u64,
    pub(super) tags: Tags,
}

impl ManagedDocument {
    /// What roles name it by.
    pub(super) fn key(&self, name: &str) -> String {
        format!("customer{}{name}", self.path)
    }
}

impl store::Document for RoleDocument {
    const TABLE: &'static str = "role";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let role = document.map(|document| Role::new(key, document));
        set(&mut state.roles.by_name, key, role);
    }
}

impl store::Document for ManagedDocument {
    const TABLE: &'static str = "managed-policy";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let policy = document.map(|document| Managed {
            compiled: compile(key, &document.text),
            document,
        });
        set(&mut state.roles.managed, key, policy);
    }
}

/// All roles and managed policies.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    pub(super) by_name: BTreeMap<String, Role>,
    /// The customer's managed policies by name.
    pub(super) managed: BTreeMap<String, Managed>,
}

/// A role in memory. What is stored was checked, but should it not be readable after all, it
/// allows nothing.
#[derive(Debug)]
pub(crate) struct Role {
    pub(super) document: RoleDocument,
    pub(super) trust: Option<TrustDocument>,
    inline: BTreeMap<String, Arc<Document>>,
}

/// A managed policy in memory.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(super) document: ManagedDocument,
    compiled: Option<Arc<Document>>,
}

impl Role {
    fn new(name: &str, document: RoleDocument) -> Self {
        let trust = TrustDocument::parse(&document.trust_policy);
        if let Err(error) = &trust {
            tracing::warn!(role = name, %error, "the stored trust policy cannot be read and allows nothing");
        }
        let inline = document.inline.iter();
        Self {
            inline: inline
                .filter_map(|(name, text)| Some((name.clone(), compile(name, text)?)))
                .collect(),
            trust: trust.ok(),
            document,
        }
    }
}

impl Roles {
    pub(super) fn find(&self, name: &str) -> Result<&Role, ThingsError> {
        self.by_name.get(name).ok_or_else(|| {
            ThingsError::ResourceNotFound(format!("The role with name {name} cannot be found."))
        })
    }

    /// How many roles a managed policy is attached to.
    pub(super) fn attachments(&self, key: &str) -> usize {
        let roles = self.by_name.values();
        roles
            .filter(|role| role.document.attached.contains(key))
            .count()
    }

    pub(super) fn managed_by_key(&self, key: &str) -> Option<(&str, &Managed)> {
        let name = key.rsplit('/').next()?;
        let (name, policy) = self.managed.get_key_value(name)?;
        (policy.document.key(name) == key).then_some((name.as_str(), policy))
    }

    /// What a role may do: its inline policies, then its attached ones, each with its name.
    pub(super) fn permissions<'s>(
        &'s self,
        role: &'s Role,
    ) -> impl Iterator<Item = (&'s str, Arc<Document>)> {
        let inline = role.inline.iter();
        let attached = role.document.attached.iter().filter_map(|key| {
            let name = key.rsplit('/').next()?;
            let document = match aws_policy(key) {
                Some(policy) => policy.compiled(),
                None => self.managed_by_key(key)?.1.compiled.clone(),
            };
            Some((name, document?))
        });
        inline
            .map(|(name, document)| (name.as_str(), Arc::clone(document)))
            .chain(attached)
    }
}

fn compile(name: &str, text: &str) -> Option<Arc<Document>> {
    match Document::parse(text) {
        Ok(document) => Some(Arc::new(document)),
        Err(error) => {
            tracing::warn!(policy = name, %error, "the stored policy cannot be read and allows nothing");
            None
        }
    }
}

/// Refuses a text that is no IAM policy.
pub(super) fn check_permissions(text: &str) -> Result<(), ThingsError> {
    match Document::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(ThingsError::MalformedPolicy(error.to_string())),
    }
}

/// A path of IAM: `/`, or segments that begin and end with a slash.
pub(super) fn checked_path(path: Option<&str>) -> Result<String, ThingsError> {
    let path = path.unwrap_or("/");
    if path.starts_with('/') && path.ends_with('/') {
        return Ok(path.to_owned());
    }
    Err(ThingsError::InvalidRequest(format!(
        "The specified value for path is invalid: `{path}` must begin and end with a slash"
    )))
}

/// A unique id of IAM: a prefix that tells the kind, and random letters and digits.
pub(super) fn unique_id(prefix: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut rng = StdRng::from_os_rng();
    let random = (0..ID_CHARS).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
    format!("{prefix}{}", random.collect::<String>())
}

/// IAM user guide, unique identifiers: 20 or 21 characters in all; access keys have 20.
const ID_CHARS: usize = 16;
