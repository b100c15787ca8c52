//! Things: create, describe, list, update, delete.

use super::{Registry, ThingPrincipalType};
use crate::page::rows_after;
use crate::plane::Change;
use crate::state::State;
use crate::store::{Batch, Document};
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

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

/// A thing as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ThingDocument {
    pub(crate) id: String,
    pub(crate) type_name: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) version: u64,
    pub(crate) billing_group: Option<String>,
    /// The thing groups that it was added to.
    pub(crate) groups: BTreeSet<String>,
    /// Keys of the principals that are attached to it.
    pub(crate) principals: BTreeMap<String, ThingPrincipalType>,
}

impl Document for ThingDocument {
    const TABLE: &'static str = "thing";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        state.registry.place_thing(key, document);
    }
}

impl Things {
    /// CreateThing. Repeated with the same type, attributes and billing group it gives the thing
    /// that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists, ResourceNotFound (type, billing group), InvalidRequest (deprecated
    /// type, too many attributes).
    pub fn create_thing(&self, new: &NewThing) -> Result<Thing, ThingsError> {
        self.change(|state, batch| {
            let registry = &state.registry;
            if let Some(there) = registry.things.get(&new.name) {
                return self.same_thing(new, there);
            }
            if let Some(type_name) = &new.type_name {
                self.usable_type(registry, type_name)?;
            }
            if let Some(group) = &new.billing_group {
                self.find_billing_group(registry, group)?;
            }
            let document = ThingDocument {
                id: Uuid::new_v4().to_string(),
                type_name: new.type_name.clone(),
                attributes: new.attributes.clone(),
                version: 1,
                billing_group: new.billing_group.clone(),
                ..ThingDocument::default()
            };
            check_attributes(&document)?;
            let thing = self.thing_shown(&new.name, &document);
            // No certificate acts as it yet, so no decision changes.
            batch.put(&new.name, document);
            Ok(thing)
        })
    }

    fn same_thing(&self, new: &NewThing, there: &ThingDocument) -> Result<Thing, ThingsError> {
        let shown = self.thing_shown(&new.name, there);
        let same = new.type_name == there.type_name
            && new.attributes == there.attributes
            && new.billing_group == there.billing_group;
        if same {
            return Ok(shown);
        }
        Err(ThingsError::ResourceAlreadyExists {
            message: format!(
                "Thing {} already exists in account with different attributes",
                new.name
            ),
            id: Some(shown.id),
            arn: Some(shown.arn),
        })
    }

    /// DescribeThing.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing(&self, name: &str) -> Result<Thing, ThingsError> {
        let state = self.state();
        self.find_thing(&state.registry, name)
            .map(|thing| self.thing_shown(name, thing))
    }

    /// ListThings, in order of name.
    pub fn list_things(
        &self,
        filter: &ThingFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Page<Thing> {
        let state = self.state();
        let rows = rows_after(&state.registry.things, after)
            .filter(|(_, thing)| filter.includes(thing))
            .map(|(name, thing)| (name.clone(), self.thing_shown(name, thing)));
        Page::take(rows, limit)
    }

    /// UpdateThing.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict, InvalidRequest.
    pub fn update_thing(&self, update: &ThingUpdate) -> Result<(), ThingsError> {
        if update.remove_type && update.type_name.is_some() {
            return Err(ThingsError::InvalidRequest(
                "a thing type cannot be set and removed at once: give thingTypeName or removeThingType"
                    .to_owned(),
            ));
        }
        self.change(|state, batch| {
            let name = &update.name;
            let mut thing = (state.registry.things.get(name).cloned())
                .ok_or_else(|| ThingsError::ResourceNotFound(format!("Thing {name} not found.")))?;
            expect_version("thing", name, thing.version, update.expected_version)?;
            if let Some(type_name) = &update.type_name {
                self.usable_type(&state.registry, type_name)?;
                thing.type_name = Some(type_name.clone());
            }
            if update.remove_type {
                thing.type_name = None;
            }
            if let Some(attributes) = &update.attributes {
                change_attributes(&mut thing.attributes, attributes, update.merge);
            }
            check_attributes(&thing)?;
            thing.version += 1;
            put_thing(batch, name, thing);
            Ok(())
        })
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
        self.change(|state, batch| {
            let Some(thing) = state.registry.things.get(name) else {
                return Ok(());
            };
            expect_version("thing", name, thing.version, expected_version)?;
            if !thing.principals.is_empty() {
                return Err(ThingsError::InvalidRequest(format!(
                    "Cannot delete. Thing {name} is still attached to one or more principals"
                )));
            }
            batch.remove::<ThingDocument>(name);
            Ok(())
        })
    }

    pub(super) fn find_thing<'r>(
        &self,
        registry: &'r Registry,
        name: &str,
    ) -> Result<&'r ThingDocument, ThingsError> {
        registry.things.get(name).ok_or_else(|| {
            let account = self.account_id();
            ThingsError::ResourceNotFound(format!("Thing {account}:{name} not found."))
        })
    }

    fn thing_shown(&self, name: &str, thing: &ThingDocument) -> Thing {
        Thing {
            name: name.to_owned(),
            arn: self.place().iot(format_args!("thing/{name}")),
            id: thing.id.clone(),
            type_name: thing.type_name.clone(),
            attributes: thing.attributes.clone(),
            version: thing.version,
            billing_group: thing.billing_group.clone(),
        }
    }
}

impl ThingFilter {
    fn includes(&self, thing: &ThingDocument) -> bool {
        let type_fits = self.type_name.is_none() || self.type_name == thing.type_name;
        let attribute_fits = match &self.attribute_name {
            Some(name) => thing.attributes.get(name).is_some_and(|value| {
                let wanted = self.attribute_value.as_deref();
                wanted.is_none_or(|wanted| {
                    if self.value_prefix {
                        value.starts_with(wanted)
                    } else {
                        value == wanted
                    }
                })
            }),
            None => true,
        };
        type_fits && attribute_fits
    }
}

/// Stores a thing that was changed; decisions can ask about it if a certificate acts as it.
pub(super) fn put_thing(batch: &mut Batch, name: &str, thing: ThingDocument) {
    if !thing.principals.is_empty() {
        batch.tell(Change::Decisions);
    }
    batch.put(name, thing);
}

pub(super) fn check_attributes(thing: &ThingDocument) -> Result<(), ThingsError> {
    let (count, typed) = (thing.attributes.len(), thing.type_name.is_some());
    let max = if typed {
        TYPED_ATTRIBUTES_MAX
    } else {
        UNTYPED_ATTRIBUTES_MAX
    };
    if count <= max {
        return Ok(());
    }
    let advice = if typed {
        "leave some out"
    } else {
        "leave some out, or give it a thing type"
    };
    let kind = if typed { "with" } else { "without" };
    Err(ThingsError::InvalidRequest(format!(
        "a thing {kind} a thing type has at most {max} attributes, this one has {count}: {advice}"
    )))
}

/// Replaces attributes, or merges new ones into them, where an empty value deletes.
pub(super) fn change_attributes(
    attributes: &mut BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    merge: bool,
) {
    if !merge {
        attributes.clone_from(new);
        return;
    }
    for (name, value) in new {
        if value.is_empty() {
            attributes.remove(name);
        } else {
            attributes.insert(name.clone(), value.clone());
        }
    }
}

/// Compares with the version that a caller saw.
pub(super) fn expect_version(
    kind: &str,
    name: &str,
    version: u64,
    expected: Option<u64>,
) -> Result<(), ThingsError> {
    if expected.is_none_or(|expected| expected == version) {
        return Ok(());
    }
    Err(ThingsError::VersionConflict(format!(
        "The version for {kind} {name} does not match the expected version."
    )))
}

/// AWS General Reference, AWS IoT quotas: attributes of a thing with a thing type.
const TYPED_ATTRIBUTES_MAX: usize = 50;
/// And without one.
const UNTYPED_ATTRIBUTES_MAX: usize = 3;
