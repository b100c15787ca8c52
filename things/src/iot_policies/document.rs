//! Policies as they are stored, and in memory: compiled, and found from what they are attached to.

use crate::ThingsError;
use crate::page::ByAge;
use crate::registry::set;
use crate::state::State;
use crate::store;
use policy::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// A policy with its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyDocument {
    pub(super) versions: BTreeMap<u32, Version>,
    /// The number of the version that counts.
    pub(super) default: u32,
    /// The highest number given out; numbers are never used again.
    last: u32,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) generation_id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) text: String,
    pub(super) created_ms: u64,
}

impl PolicyDocument {
    pub(super) fn new(text: &str, now_ms: u64) -> Self {
        let mut document = Self {
            versions: BTreeMap::new(),
            default: 1,
            last: 0,
            created_ms: now_ms,
            modified_ms: now_ms,
            generation_id: String::new(),
        };
        document.add(text, true, now_ms);
        document
    }

    /// Adds a version and gives its number.
    pub(super) fn add(&mut self, text: &str, set_as_default: bool, now_ms: u64) -> u32 {
        self.last += 1;
        let version = Version {
            text: text.to_owned(),
            created_ms: now_ms,
        };
        self.versions.insert(self.last, version);
        if set_as_default {
            self.default = self.last;
        }
        self.touch(now_ms);
        self.last
    }

    pub(super) fn touch(&mut self, now_ms: u64) {
        self.modified_ms = now_ms;
        self.generation_id = Uuid::new_v4().to_string();
    }

    pub(super) fn default_text(&self) -> &str {
        let version = self.versions.get(&self.default);
        version.map_or("", |version| &version.text)
    }
}

impl store::Document for PolicyDocument {
    const TABLE: &'static str = "policy";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        state.policies.place(key, document);
    }
}

/// All policies. `targets` follows from `attached`, so both are private.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    pub(crate) by_name: BTreeMap<String, Policy>,
    pub(super) by_age: ByAge,
    /// Names of policies by the key of their target.
    attached: BTreeMap<String, BTreeSet<String>>,
    /// The same the other way round.
    targets: BTreeMap<String, BTreeSet<String>>,
}

/// A policy in memory.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) document: PolicyDocument,
    /// The default version; `None` if what is stored cannot be read, and then it allows nothing.
    pub(crate) compiled: Option<Arc<Document>>,
}

impl Policies {
    fn place(&mut self, name: &str, document: Option<PolicyDocument>) {
        if let Some(old) = self.by_name.get(name) {
            self.by_age.remove(old.document.created_ms, name);
        }
        if let Some(document) = &document {
            self.by_age.insert(document.created_ms, name);
        }
        let policy = document.map(|document| Policy {
            compiled: compile(name, document.default_text()),
            document,
        });
        set(&mut self.by_name, name, policy);
    }

    pub(super) fn place_attachment(&mut self, target: &str, names: Option<BTreeSet<String>>) {
        for name in self.attached.remove(target).into_iter().flatten() {
            if let Some(targets) = self.targets.get_mut(&name) {
                targets.remove(target);
            }
        }
        for name in names.iter().flatten() {
            let targets = self.targets.entry(name.clone()).or_default();
            targets.insert(target.to_owned());
        }
        set(&mut self.attached, target, names);
    }

    pub(super) fn find(&self, name: &str) -> Result<&Policy, ThingsError> {
        self.by_name
            .get(name)
            .ok_or_else(|| ThingsError::ResourceNotFound("Policy not found".to_owned()))
    }

    pub(super) fn attached_to(&self, target: &str) -> Option<&BTreeSet<String>> {
        self.attached.get(target)
    }

    /// Names of the policies attached to a thing group.
    pub(super) fn of_group(&self, group: &str) -> impl Iterator<Item = &String> {
        let names = self.attached.get(&format!("thinggroup/{group}"));
        names.into_iter().flatten()
    }

    pub(super) fn targets_of(&self, name: &str) -> impl Iterator<Item = &String> {
        self.targets.get(name).into_iter().flatten()
    }

    /// Whether policies are attached to a target.
    pub(crate) fn has_policies(&self, target: &str) -> bool {
        self.attached.contains_key(target)
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

/// Refuses a text that is no AWS IoT policy.
pub(super) fn check_document(text: &str) -> Result<(), ThingsError> {
    match Document::parse_within_limit(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(ThingsError::MalformedPolicy(error.to_string())),
    }
}
