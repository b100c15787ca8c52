//! Thing types: what things of a kind have in common.

use super::tags::{TagsDocument, put_tags};
use super::{Registry, Tags};
use crate::page::rows_after;
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A thing type as DescribeThingType shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ThingType {
    /// Thing type name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// A UUID.
    pub id: String,
    /// Its properties.
    pub properties: ThingTypeProperties,
    /// When it was created.
    pub created_ms: u64,
    /// When it was deprecated; `None` while new things may have it.
    pub deprecated_ms: Option<u64>,
}

/// The thingTypeProperties of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThingTypeProperties {
    /// thingTypeDescription.
    pub description: Option<String>,
    /// searchableAttributes, at most three.
    pub searchable_attributes: Vec<String>,
    /// mqtt5Configuration, as it was given.
    pub mqtt5_configuration: Option<Value>,
}

/// What CreateThingType is given.
#[derive(Clone, Debug, Default)]
pub struct NewThingType {
    /// Thing type name.
    pub name: String,
    /// Its properties.
    pub properties: ThingTypeProperties,
    /// Its tags.
    pub tags: Tags,
}

/// A thing type as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ThingTypeDocument {
    pub(crate) id: String,
    pub(crate) properties: ThingTypeProperties,
    pub(crate) created_ms: u64,
    pub(crate) deprecated_ms: Option<u64>,
}

impl Document for ThingTypeDocument {
    const TABLE: &'static str = "thing-type";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        state.registry.place_type(key, document);
    }
}

impl Things {
    /// CreateThingType. Repeated with the same properties it gives the type that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest.
    pub fn create_thing_type(
        &self,
        new: &NewThingType,
        now_ms: u64,
    ) -> Result<ThingType, ThingsError> {
        self.change(|state, batch| {
            if let Some(there) = state.registry.types.get(&new.name) {
                return self.same_thing_type(new, there);
            }
            check_properties(&new.properties)?;
            let document = ThingTypeDocument {
                id: Uuid::new_v4().to_string(),
                properties: new.properties.clone(),
                created_ms: now_ms,
                deprecated_ms: None,
            };
            let shown = self.thing_type_shown(&new.name, &document);
            batch.put(&new.name, document);
            put_tags(batch, format_args!("thingtype/{}", new.name), &new.tags)?;
            Ok(shown)
        })
    }

    fn same_thing_type(
        &self,
        new: &NewThingType,
        there: &ThingTypeDocument,
    ) -> Result<ThingType, ThingsError> {
        let shown = self.thing_type_shown(&new.name, there);
        if new.properties == there.properties {
            return Ok(shown);
        }
        Err(ThingsError::ResourceAlreadyExists {
            message: format!(
                "Thing Type {} already exists in current account with different properties",
                new.name
            ),
            id: Some(shown.id),
            arn: Some(shown.arn),
        })
    }

    /// DescribeThingType.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing_type(&self, name: &str) -> Result<ThingType, ThingsError> {
        let state = self.state();
        self.find_type(&state.registry, name)
            .map(|document| self.thing_type_shown(name, document))
    }

    /// ListThingTypes, in order of name; `name` asks for that type alone.
    pub fn list_thing_types(
        &self,
        name: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<ThingType> {
        let state = self.state();
        let rows = rows_after(&state.registry.types, after)
            .filter(|(key, _)| name.is_none_or(|name| *key == name))
            .map(|(key, document)| (key.clone(), self.thing_type_shown(key, document)));
        Page::take(rows, limit)
    }

    /// UpdateThingType: replaces the properties.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest.
    pub fn update_thing_type(
        &self,
        name: &str,
        properties: &ThingTypeProperties,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut document = self.find_type(&state.registry, name)?.clone();
            check_properties(properties)?;
            document.properties = properties.clone();
            batch.put(name, document);
            Ok(())
        })
    }

    /// DeprecateThingType, or with `undo` the reverse.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn deprecate_thing_type(
        &self,
        name: &str,
        undo: bool,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut document = self.find_type(&state.registry, name)?.clone();
            document.deprecated_ms = (!undo).then(|| document.deprecated_ms.unwrap_or(now_ms));
            batch.put(name, document);
            Ok(())
        })
    }

    /// DeleteThingType. A type that is not there is no error. AWS wants five minutes between
    /// deprecation and deletion; here it can follow at once.
    ///
    /// # Errors
    /// InvalidRequest while it is not deprecated or things have it.
    pub fn delete_thing_type(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let Some(document) = state.registry.types.get(name) else {
                return Ok(());
            };
            if document.deprecated_ms.is_none() {
                return Err(ThingsError::InvalidRequest(format!(
                    "Can not delete thing type {name} that is not deprecated: deprecate it first"
                )));
            }
            if state.registry.has_things_of_type(name) {
                return Err(ThingsError::InvalidRequest(format!(
                    "Can not delete thing type {name} with things associated with it"
                )));
            }
            batch.remove::<ThingTypeDocument>(name);
            batch.remove::<TagsDocument>(&format!("thingtype/{name}"));
            Ok(())
        })
    }

    fn find_type<'r>(
        &self,
        registry: &'r Registry,
        name: &str,
    ) -> Result<&'r ThingTypeDocument, ThingsError> {
        registry.types.get(name).ok_or_else(|| {
            let account = self.account_id();
            ThingsError::ResourceNotFound(format!("Thing Type {account}:{name} not found."))
        })
    }

    /// A type that a thing can be given.
    pub(super) fn usable_type(&self, registry: &Registry, name: &str) -> Result<(), ThingsError> {
        if self.find_type(registry, name)?.deprecated_ms.is_none() {
            return Ok(());
        }
        // The misspelling is AWS's.
        Err(ThingsError::InvalidRequest(format!(
            "Can not create new thing with depreated thing type:{name}"
        )))
    }

    fn thing_type_shown(&self, name: &str, document: &ThingTypeDocument) -> ThingType {
        ThingType {
            name: name.to_owned(),
            arn: self.place().iot(format_args!("thingtype/{name}")),
            id: document.id.clone(),
            properties: document.properties.clone(),
            created_ms: document.created_ms,
            deprecated_ms: document.deprecated_ms,
        }
    }
}

fn check_properties(properties: &ThingTypeProperties) -> Result<(), ThingsError> {
    let count = properties.searchable_attributes.len();
    if count <= SEARCHABLE_ATTRIBUTES_MAX {
        return Ok(());
    }
    Err(ThingsError::InvalidRequest(format!(
        "a thing type has at most {SEARCHABLE_ATTRIBUTES_MAX} searchable attributes, this one has {count}: leave some out"
    )))
}

/// AWS General Reference, AWS IoT quotas.
const SEARCHABLE_ATTRIBUTES_MAX: usize = 3;
