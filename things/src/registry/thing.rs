//! Things: create, describe, list, update, delete.

use crate::{Page, Things, ThingsError};
use std::collections::BTreeMap;

/// A thing as DescribeThing shows it; its default client id is its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Thing name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// A UUID.
    pub id: String,
    /// Thing type, if it has one.
    pub type_name: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Counts changes from 1.
    pub version: u64,
    /// Billing group, if it is in one.
    pub billing_group: Option<String>,
}

/// What CreateThing is given.
#[derive(Clone, Debug, Default)]
pub struct NewThing {
    /// Thing name.
    pub name: String,
    /// Thing type.
    pub type_name: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Billing group.
    pub billing_group: Option<String>,
}

/// What UpdateThing is given.
#[derive(Clone, Debug, Default)]
pub struct ThingUpdate {
    /// Thing name.
    pub name: String,
    /// New thing type.
    pub type_name: Option<String>,
    /// Takes the thing's type away.
    pub remove_type: bool,
    /// New attributes; `None` leaves them. An empty value deletes when merging.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Adds to the attributes that are there instead of replacing them.
    pub merge: bool,
    /// The version that the caller saw.
    pub expected_version: Option<u64>,
}

/// Which things ListThings gives; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct ThingFilter {
    /// With this attribute ...
    pub attribute_name: Option<String>,
    /// ... of this value.
    pub attribute_value: Option<String>,
    /// The value need only begin with `attribute_value`.
    pub value_prefix: bool,
    /// Of this type.
    pub type_name: Option<String>,
}

#[allow(unused_variables)]
impl Things {
    /// CreateThing. Repeated with the same type, attributes and billing group it gives the thing
    /// that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists, ResourceNotFound (type, billing group), InvalidRequest (deprecated
    /// type, too many attributes).
    pub fn create_thing(&self, new: &NewThing) -> Result<Thing, ThingsError> {
        todo!()
    }

    /// DescribeThing.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing(&self, name: &str) -> Result<Thing, ThingsError> {
        todo!()
    }

    /// ListThings, in order of name.
    pub fn list_things(
        &self,
        filter: &ThingFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Thing> {
        todo!()
    }

    /// UpdateThing.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict, InvalidRequest.
    pub fn update_thing(&self, update: &ThingUpdate) -> Result<(), ThingsError> {
        todo!()
    }

    /// DeleteThing. A thing that is not there is no error.
    ///
    /// # Errors
    /// InvalidRequest while principals are attached, VersionConflict.
    pub fn delete_thing(
        &self,
        name: &str,
        expected_version: Option<u64>,
    ) -> Result<(), ThingsError> {
        todo!()
    }
}
