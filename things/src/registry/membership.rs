//! Which things are in which thing groups.

use super::ThingGroup;
use crate::{Page, Things, ThingsError};

#[allow(unused_variables)]
impl Things {
    /// AddThingToThingGroup. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group), InvalidRequest (too many groups).
    pub fn add_thing_to_thing_group(&self, thing: &str, group: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// RemoveThingFromThingGroup. A thing that is not in the group is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group).
    pub fn remove_thing_from_thing_group(
        &self,
        thing: &str,
        group: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// UpdateThingGroupsForThing: both at once.
    ///
    /// # Errors
    /// As the two above; nothing is changed then.
    pub fn update_thing_groups_for_thing(
        &self,
        thing: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// ListThingsInThingGroup: names in order; `recursive` includes those of the groups below.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_things_in_thing_group(
        &self,
        group: &str,
        recursive: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<String>, ThingsError> {
        todo!()
    }

    /// ListThingGroupsForThing: the groups that the thing was added to, in order of name.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_thing_groups_for_thing(
        &self,
        thing: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ThingGroup>, ThingsError> {
        todo!()
    }
}
