//! Which things are in which thing groups.

use super::group::wrong_kind;
use super::thing::put_thing;
use super::{Registry, ThingDocument, ThingGroup};
use crate::state::State;
use crate::{Page, Things, ThingsError};
use std::collections::BTreeSet;

impl Things {
    /// AddThingToThingGroup. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group), InvalidRequest (too many groups, or two of one hierarchy).
    pub fn add_thing_to_thing_group(&self, thing: &str, group: &str) -> Result<(), ThingsError> {
        self.update_thing_groups_for_thing(thing, &[group.to_owned()], &[])
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
        self.update_thing_groups_for_thing(thing, &[], &[group.to_owned()])
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
        self.change(|state, batch| {
            let registry = &state.registry;
            for group in add.iter().chain(remove) {
                check_static(self, registry, group)?;
            }
            let there = self.find_thing(registry, thing)?;
            let mut changed = there.clone();
            for group in remove {
                changed.groups.remove(group);
            }
            for group in add {
                join(registry, thing, &mut changed, group)?;
            }
            if changed != *there {
                put_thing(batch, thing, changed);
            }
            Ok(())
        })
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
        let state = self.state();
        let registry = &state.registry;
        self.requested_group(registry, group)?;
        let names = self.things_of_group(&state, group, recursive);
        let rows = names.into_iter().map(|name| (name.clone(), name.clone()));
        Ok(Page::of(rows, after, limit))
    }

    /// The things of a group in order of name; `recursive` includes those of the groups below.
    pub(crate) fn things_of_group<'s>(
        &self,
        state: &'s State,
        group: &str,
        recursive: bool,
    ) -> BTreeSet<&'s String> {
        let registry = &state.registry;
        if let Some(query) = registry.query_of(group) {
            return self.things_of_query(state, query).into_iter().collect();
        }
        let mut names: BTreeSet<&String> = registry.things_in(group).collect();
        if recursive {
            for below in registry.descendants(group) {
                names.extend(registry.things_in(below));
            }
        }
        names
    }

    /// The groups that a thing is in, with those above them and dynamic ones.
    pub(crate) fn groups_around(&self, state: &State, thing: &str) -> BTreeSet<String> {
        let registry = &state.registry;
        let mut groups: BTreeSet<String> =
            self.dynamic_groups_of(state, thing).into_iter().collect();
        for group in registry.thing(thing).iter().flat_map(|thing| &thing.groups) {
            groups.insert(group.clone());
            let above = registry.ancestors(group).into_iter();
            groups.extend(above.map(str::to_owned));
        }
        groups
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
        let state = self.state();
        let registry = &state.registry;
        let Some(document) = registry.things.get(thing) else {
            let message = "thing does not exist".to_owned();
            return Err(ThingsError::ResourceNotFound(message));
        };
        let mut names = document.groups.clone();
        names.extend(self.dynamic_groups_of(&state, thing));
        let rows = names
            .iter()
            .filter_map(|name| Some((name, registry.groups.get(name)?)))
            .map(|(name, group)| (name.clone(), self.group_shown(registry, name, group)));
        Ok(Page::of(rows, after, limit))
    }

    fn requested_group(&self, registry: &Registry, group: &str) -> Result<(), ThingsError> {
        if registry.groups.contains_key(group) {
            return Ok(());
        }
        Err(ThingsError::ResourceNotFound(format!(
            "Cannot find requested thing group for accountId: {} and thing group name: {group}",
            self.account_id()
        )))
    }
}

/// Whether a thing can be added to a group and removed from it: it is there and has no query.
pub(super) fn check_static(
    things: &Things,
    registry: &Registry,
    group: &str,
) -> Result<(), ThingsError> {
    things.requested_group(registry, group)?;
    if registry.query_of(group).is_some() {
        return Err(wrong_kind(group, true));
    }
    Ok(())
}

/// Adds a thing to a group: to ten at most, and to one in each hierarchy (AWS IoT developer
/// guide, static thing groups).
pub(super) fn join(
    registry: &Registry,
    name: &str,
    thing: &mut ThingDocument,
    group: &str,
) -> Result<(), ThingsError> {
    if thing.groups.contains(group) {
        return Ok(());
    }
    if thing.groups.len() >= GROUPS_MAX {
        return Err(ThingsError::InvalidRequest(format!(
            "a thing is in at most {GROUPS_MAX} thing groups: remove {name} from one first"
        )));
    }
    let root = |group| registry.ancestors(group).last().copied().unwrap_or(group);
    if let Some(related) = thing.groups.iter().find(|other| root(other) == root(group)) {
        return Err(ThingsError::InvalidRequest(format!(
            "a thing is in at most one thing group of a hierarchy, and {name} is already in {related}: remove it from there first"
        )));
    }
    thing.groups.insert(group.to_owned());
    Ok(())
}

/// AWS General Reference, AWS IoT quotas.
const GROUPS_MAX: usize = 10;
