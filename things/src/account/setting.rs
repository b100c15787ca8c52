//! Settings of which an account has one each, in the form in which they were given.

use crate::registry::set;
use crate::state::State;
use crate::store::Document;
use crate::{Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKey {
    /// The name of the default authorizer.
    DefaultAuthorizer,
    /// eventConfigurations.
    Events,
    /// thingIndexingConfiguration and thingGroupIndexingConfiguration.
    Indexing,
    /// loggingOptionsPayload of the first version.
    Logging,
    /// The logging options of the second version.
    LoggingV2,
}

impl SettingKey {
    /// The key on disk; never changed.
    fn key(self) -> &'static str {
        match self {
            Self::DefaultAuthorizer => "default-authorizer",
            Self::Events => "events",
            Self::Indexing => "indexing",
            Self::Logging => "logging",
            Self::LoggingV2 => "logging-v2",
        }
    }
}

/// A setting that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What was given.
    pub value: Value,
    /// When it was first made.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
}

/// A setting as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SettingDocument {
    value: Value,
    created_ms: u64,
    modified_ms: u64,
}

impl Document for SettingDocument {
    const TABLE: &'static str = "setting";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.account.settings, key, document);
        if key == SettingKey::Events.key() {
            state.registry.watch_changes(are_wanted(state));
        }
    }
}

impl Things {
    /// A setting, if it was ever made.
    pub fn setting(&self, key: SettingKey) -> Option<Setting> {
        let state = self.state();
        let found = state.account.settings.get(key.key())?;
        Some(Setting {
            value: found.value.clone(),
            created_ms: found.created_ms,
            modified_ms: found.modified_ms,
        })
    }

    /// Makes a setting in place of the one before; `change` is told what that was, if any.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn change_setting(
        &self,
        key: SettingKey,
        now_ms: u64,
        change: impl FnOnce(Option<&Value>) -> Result<Value, ThingsError>,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let before = state.account.settings.get(key.key());
            let document = SettingDocument {
                value: change(before.map(|before| &before.value))?,
                created_ms: before.map_or(now_ms, |before| before.created_ms),
                modified_ms: now_ms,
            };
            batch.put(key.key(), document);
            Ok(())
        })
    }

    /// Takes a setting back.
    ///
    /// # Errors
    /// Internal.
    pub fn remove_setting(&self, key: SettingKey) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            if state.account.settings.contains_key(key.key()) {
                batch.remove::<SettingDocument>(key.key());
            }
            Ok(())
        })
    }
}

/// What is set, for look-ups under the state's lock.
pub(crate) fn value_of(state: &State, key: SettingKey) -> Option<&Value> {
    state
        .account
        .settings
        .get(key.key())
        .map(|found| &found.value)
}

/// Whether events of a kind (`THING`) are wanted.
pub(crate) fn wants_event(state: &State, kind: &str) -> bool {
    let events = value_of(state, SettingKey::Events);
    events.is_some_and(|events| events[kind]["Enabled"] == Value::Bool(true))
}

fn are_wanted(state: &State) -> bool {
    let events = value_of(state, SettingKey::Events).and_then(Value::as_object);
    let mut events = events.into_iter().flatten();
    events.any(|(_, switch)| switch["Enabled"] == Value::Bool(true))
}
