//! Searching things (the index `AWS_Things`), and the things of dynamic groups.

use super::configuration::Indexed;
use super::facts::{Connectivity, Facts, Scalar, any_at};
use super::query::Query;
use crate::page::rows_after;
use crate::registry::ThingDocument;
use crate::state::State;
use crate::{Page, Things, ThingsError};
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// A thing that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundThing {
    /// Thing name.
    pub name: String,
    /// A UUID.
    pub id: String,
    /// Thing type, if it has one.
    pub type_name: Option<String>,
    /// The groups that it is in, dynamic ones too.
    pub groups: Vec<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its shadows as one JSON document, if they are indexed.
    pub shadow: Option<Value>,
    /// Whether it is connected, if that is indexed and it ever was.
    pub connectivity: Option<Connectivity>,
}

impl Things {
    /// SearchIndex of things, in order of name.
    ///
    /// # Errors
    /// InvalidQuery, ResourceNotFound while things are not indexed.
    pub fn search_things(
        &self,
        query: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<FoundThing>, ThingsError> {
        let query = Query::parse(query)?;
        let state = self.state();
        let indexed = Indexed::of(&state);
        if !indexed.things {
            return Err(not_indexed("AWS_Things"));
        }
        let rows = rows_after(state.registry.all_things(), after)
            .map(|(name, thing)| self.thing_facts(&state, &indexed, name, thing))
            .filter(|facts| query.holds(facts))
            .map(|facts| (facts.name.to_owned(), facts.found()));
        Ok(Page::take(rows, limit))
    }

    /// The names of the things of a dynamic group, in order.
    pub(crate) fn things_of_query<'s>(&self, state: &'s State, query: &str) -> Vec<&'s String> {
        let Ok(query) = Query::parse(query) else {
            return Vec::new();
        };
        let indexed = Indexed::registry();
        let rows = state.registry.all_things().iter();
        rows.filter(|(name, thing)| query.holds(&self.thing_facts(state, &indexed, name, thing)))
            .map(|(name, _)| name)
            .collect()
    }

    /// The dynamic groups that a thing is in, in order of name.
    pub(crate) fn dynamic_groups_of(&self, state: &State, name: &str) -> Vec<String> {
        let Some(thing) = state.registry.thing(name) else {
            return Vec::new();
        };
        let indexed = Indexed::registry();
        let facts = self.thing_facts(state, &indexed, name, thing);
        let holds = |query: &str| Query::parse(query).is_ok_and(|query| query.holds(&facts));
        let dynamic = state.registry.dynamic_groups();
        dynamic
            .filter(|(_, query)| holds(query))
            .map(|(group, _)| group.to_owned())
            .collect()
    }

    /// Those of the dynamic groups that `counts` which a thing is in, for a decision. Whether it is
    /// connected does not count: that is known only after the decision.
    pub(crate) fn dynamic_groups_deciding<'s>(
        &self,
        state: &'s State,
        name: &str,
        counts: impl Fn(&str) -> bool,
    ) -> Vec<&'s str> {
        let Some((name, thing)) = state.registry.all_things().get_key_value(name) else {
            return Vec::new();
        };
        let indexed = Indexed {
            connectivity: false,
            ..Indexed::registry()
        };
        let facts = self.thing_facts(state, &indexed, name, thing);
        let holds = |query: &str| Query::parse(query).is_ok_and(|query| query.holds(&facts));
        let dynamic = state.registry.dynamic_groups();
        dynamic
            .filter(|(group, query)| counts(group) && holds(query))
            .map(|(group, _)| group)
            .collect()
    }

    fn thing_facts<'a>(
        &'a self,
        state: &'a State,
        indexed: &'a Indexed,
        name: &'a str,
        thing: &'a ThingDocument,
    ) -> ThingFacts<'a> {
        ThingFacts {
            things: self,
            state,
            indexed,
            name,
            thing,
            shadow: OnceCell::new(),
        }
    }
}

pub(super) fn not_indexed(index: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!(
        "Index {index} does not exist: switch indexing on with UpdateIndexingConfiguration"
    ))
}

/// What can be asked about one thing.
struct ThingFacts<'a> {
    things: &'a Things,
    state: &'a State,
    indexed: &'a Indexed,
    name: &'a str,
    thing: &'a ThingDocument,
    /// Read when it is asked for.
    shadow: OnceCell<Option<Value>>,
}

impl ThingFacts<'_> {
    fn found(&self) -> FoundThing {
        let mut groups: Vec<String> = self.thing.groups.iter().cloned().collect();
        if self.state.registry.dynamic_groups().next().is_some() {
            groups.extend(self.things.dynamic_groups_of(self.state, self.name));
        }
        FoundThing {
            name: self.name.to_owned(),
            id: self.thing.id.to_string(),
            type_name: self.thing.type_name.clone(),
            groups,
            attributes: self.thing.attributes.to_map(),
            shadow: self.shadow().cloned(),
            connectivity: self.connectivity(),
        }
    }

    fn connectivity(&self) -> Option<Connectivity> {
        if !self.indexed.connectivity {
            return None;
        }
        self.things.connectivity(self.name)
    }

    fn shadow(&self) -> Option<&Value> {
        self.shadow.get_or_init(|| self.read_shadow()).as_ref()
    }

    fn read_shadow(&self) -> Option<Value> {
        let mut all = Map::new();
        if self.indexed.shadow
            && let Some(Value::Object(classic)) = self.indexed_shadow(None)
        {
            all = classic;
        }
        let named = self.indexed.named_shadows.iter();
        let named: Map<String, Value> = named
            .filter_map(|name| Some((name.clone(), self.indexed_shadow(Some(name))?)))
            .collect();
        if !named.is_empty() {
            all.insert("name".to_owned(), named.into());
        }
        (!all.is_empty()).then_some(Value::Object(all))
    }

    /// A shadow as the index has it: both sides, metadata, version, and whether they differ.
    fn indexed_shadow(&self, shadow: Option<&str>) -> Option<Value> {
        let mut document = self.things.shadows().document(self.name, shadow, 0)?;
        let mut state = document["state"].take();
        let mut indexed = Map::new();
        for side in ["reported", "desired"] {
            if let Some(members) = state.get_mut(side) {
                indexed.insert(side.to_owned(), members.take());
            }
        }
        indexed.insert("metadata".to_owned(), document["metadata"].take());
        indexed.insert("hasDelta".to_owned(), state.get("delta").is_some().into());
        indexed.insert("version".to_owned(), document["version"].take());
        Some(Value::Object(indexed))
    }

    fn any_of_registry(&self, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        let thing = self.thing;
        let type_name = thing.type_name.iter().map(String::as_str);
        let attributes = thing.attributes.values();
        let groups = thing.groups.iter().map(String::as_str);
        let mut all = type_name.chain(attributes).chain(groups);
        test(Scalar::Text(self.name)) || all.any(|text| test(Scalar::Text(text)))
    }
}

impl Facts for ThingFacts<'_> {
    fn any(&self, field: Option<&str>, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
        let thing = self.thing;
        let Some(field) = field else {
            return self.any_of_registry(test);
        };
        if let Some(name) = field.strip_prefix("attributes.") {
            let value = thing.attributes.get(name);
            return value.is_some_and(|value| test(Scalar::Text(value)));
        }
        if let Some(path) = field.strip_prefix("shadow.") {
            return self
                .shadow()
                .is_some_and(|shadow| any_at(shadow, path, test));
        }
        match field {
            "thingName" => test(Scalar::Text(self.name)),
            "thingId" => test(Scalar::Text(&thing.id.to_string())),
            "thingTypeName" => {
                let name = thing.type_name.as_deref();
                name.is_some_and(|name| test(Scalar::Text(name)))
            }
            "thingGroupNames" => thing.groups.iter().any(|group| test(Scalar::Text(group))),
            "connectivity.connected" => self
                .connectivity()
                .is_some_and(|found| test(Scalar::Bool(found.connected))),
            // Exact: milliseconds since the epoch stay below 2^53.
            "connectivity.timestamp" => self
                .connectivity()
                .is_some_and(|found| test(Scalar::Number(found.since_ms as f64))),
            "connectivity.disconnectReason" => {
                let reason = self
                    .connectivity()
                    .and_then(|found| found.disconnect_reason);
                reason.is_some_and(|reason| test(Scalar::Text(reason)))
            }
            _ => false,
        }
    }
}
