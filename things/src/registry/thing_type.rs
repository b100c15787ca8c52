//! Thing types: what things of a kind have in common.

use super::Tags;
use crate::{Page, Things, ThingsError};
use serde_json::Value;

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
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
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

#[allow(unused_variables)]
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
        todo!()
    }

    /// DescribeThingType.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing_type(&self, name: &str) -> Result<ThingType, ThingsError> {
        todo!()
    }

    /// ListThingTypes, in order of name; `name` asks for that type alone.
    pub fn list_thing_types(
        &self,
        name: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<ThingType> {
        todo!()
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
        todo!()
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
        todo!()
    }

    /// DeleteThingType. A type that is not there is no error.
    ///
    /// # Errors
    /// InvalidRequest while it is not deprecated or things have it.
    pub fn delete_thing_type(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
