//! What is indexed.

use crate::account::setting::{SettingKey, value_of};
use crate::state::State;
use serde_json::Value;

/// What UpdateIndexingConfiguration has switched on.
#[derive(Clone, Debug, Default)]
pub(super) struct Indexed {
    pub(super) things: bool,
    pub(super) groups: bool,
    /// The classic shadow.
    pub(super) shadow: bool,
    /// These named shadows.
    pub(super) named_shadows: Vec<String>,
    pub(super) connectivity: bool,
}

impl Indexed {
    pub(super) fn of(state: &State) -> Self {
        let Some(setting) = value_of(state, SettingKey::Indexing) else {
            return Self::default();
        };
        let things = &setting["thingIndexingConfiguration"];
        let groups = &setting["thingGroupIndexingConfiguration"];
        let mode = things["thingIndexingMode"].as_str().unwrap_or("OFF");
        let named = things["filter"]["namedShadowNames"].as_array();
        let named = named.filter(|_| things["namedShadowIndexingMode"] == "ON");
        Self {
            things: mode != "OFF",
            groups: groups["thingGroupIndexingMode"] == "ON",
            shadow: mode == "REGISTRY_AND_SHADOW",
            named_shadows: named
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            connectivity: things["thingConnectivityIndexingMode"] == "STATUS",
        }
    }

    /// Everything, for dynamic groups: they are evaluated whatever is indexed.
    pub(super) fn registry() -> Self {
        Self {
            things: true,
            groups: true,
            shadow: true,
            named_shadows: Vec::new(),
            connectivity: true,
        }
    }
}
