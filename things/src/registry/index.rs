//! The registry in memory, with the ways to look it up backwards.

use super::event::RegistryChange;
use super::{BillingGroupDocument, GroupDocument, Tags, ThingDocument, ThingTypeDocument};
use std::collections::{BTreeMap, BTreeSet};

/// Things, types, groups and tags. What can be changed only through [`Registry::place_thing`] and
/// [`Registry::place_group`] is private: it follows from the documents.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(super) things: BTreeMap<String, ThingDocument>,
    pub(super) types: BTreeMap<String, ThingTypeDocument>,
    pub(super) groups: BTreeMap<String, GroupDocument>,
    pub(super) billing_groups: BTreeMap<String, BillingGroupDocument>,
    pub(super) tags: BTreeMap<String, Tags>,
    by_type: Index,
    by_group: Index,
    by_billing_group: Index,
    by_principal: Index,
    children: Index,
    /// Groups that have a query.
    dynamic: BTreeSet<String>,
    /// Whether changes are noted, for events.
    watched: bool,
    /// Whether those of things and groups are, for jobs.
    memberships_watched: bool,
    changes: Vec<RegistryChange>,
}

impl Registry {
    pub(super) fn place_thing(&mut self, name: &str, thing: Option<ThingDocument>) {
        let old = self.things.remove(name);
        if let Some(old) = &old {
            self.index_thing(name, old, unlink);
        }
        if self.notes_memberships() {
            let change = RegistryChange::Thing(name.to_owned(), old, thing.clone());
            self.changes.push(change);
        }
        if let Some(thing) = thing {
            self.index_thing(name, &thing, link);
            self.things.insert(name.to_owned(), thing);
        }
    }

    fn index_thing(&mut self, name: &str, thing: &ThingDocument, edit: Edit) {
        if let Some(type_name) = &thing.type_name {
            edit(&mut self.by_type, type_name, name);
        }
        for group in &thing.groups {
            edit(&mut self.by_group, group, name);
        }
        if let Some(group) = &thing.billing_group {
            edit(&mut self.by_billing_group, group, name);
        }
        for principal in thing.principals.keys() {
            edit(&mut self.by_principal, principal, name);
        }
    }

    pub(super) fn place_group(&mut self, name: &str, group: Option<GroupDocument>) {
        let parent = |group: &GroupDocument| group.parent.clone();
        let old = self.groups.remove(name);
        if let Some(above) = old.as_ref().and_then(parent) {
            unlink(&mut self.children, &above, name);
        }
        self.dynamic.remove(name);
        if self.notes_memberships() {
            let change = RegistryChange::Group(name.to_owned(), old, group.clone());
            self.changes.push(change);
        }
        if let Some(group) = group {
            if group.query.is_some() {
                self.dynamic.insert(name.to_owned());
            }
            if let Some(above) = parent(&group) {
                link(&mut self.children, &above, name);
            }
            self.groups.insert(name.to_owned(), group);
        }
    }

    pub(super) fn place_type(&mut self, name: &str, document: Option<ThingTypeDocument>) {
        if self.watched {
            let old = self.types.get(name).cloned();
            let change = RegistryChange::Type(name.to_owned(), old, document.clone());
            self.changes.push(change);
        }
        set(&mut self.types, name, document);
    }

    /// Whether changes are to be noted.
    pub(crate) fn watch_changes(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Whether changes of things and groups are to be noted, whoever else wants them.
    pub(crate) fn watch_memberships(&mut self, watched: bool) {
        self.memberships_watched = watched;
    }

    /// Whether changes of things and groups are wanted by somebody else than events.
    pub(crate) fn memberships_are_watched(&self) -> bool {
        self.memberships_watched
    }

    fn notes_memberships(&self) -> bool {
        self.watched || self.memberships_watched
    }

    /// What has changed since it was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<RegistryChange> {
        std::mem::take(&mut self.changes)
    }

    /// All things by name.
    pub(crate) fn all_things(&self) -> &BTreeMap<String, ThingDocument> {
        &self.things
    }

    /// The query of a group, if it is dynamic.
    pub(super) fn query_of(&self, group: &str) -> Option<&str> {
        let query = self.groups.get(group)?.query.as_ref()?;
        Some(&query.query)
    }

    /// Dynamic groups with their queries, in order of name.
    pub(crate) fn dynamic_groups(&self) -> impl Iterator<Item = (&str, &str)> {
        self.dynamic.iter().filter_map(|name| {
            let query = self.groups.get(name)?.query.as_ref()?;
            Some((name.as_str(), query.query.as_str()))
        })
    }

    pub(super) fn has_things_of_type(&self, type_name: &str) -> bool {
        self.by_type.contains_key(type_name)
    }

    /// Things added to a group itself, in order of name.
    pub(super) fn things_in(&self, group: &str) -> impl Iterator<Item = &String> {
        named(&self.by_group, group)
    }

    /// The same with the things themselves.
    pub(super) fn members(&self, group: &str) -> impl Iterator<Item = (&String, &ThingDocument)> {
        self.things_in(group)
            .filter_map(|name| self.things.get_key_value(name))
    }

    pub(super) fn things_billed_to(&self, group: &str) -> impl Iterator<Item = &String> {
        named(&self.by_billing_group, group)
    }

    /// Things that a principal is attached to, in order of name.
    pub(crate) fn things_of(
        &self,
        principal: &str,
    ) -> impl Iterator<Item = (&String, &ThingDocument)> {
        let names = named(&self.by_principal, principal);
        names.filter_map(|name| self.things.get_key_value(name))
    }

    pub(super) fn children(&self, group: &str) -> impl Iterator<Item = &String> {
        named(&self.children, group)
    }

    /// All groups below a group, in no order that matters.
    pub(super) fn descendants(&self, group: &str) -> BTreeSet<&String> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&String> = self.children(group).collect();
        while let Some(name) = open.pop() {
            if found.insert(name) {
                open.extend(self.children(name));
            }
        }
        found
    }

    /// The groups above a group, its parent first.
    pub(crate) fn ancestors(&self, group: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut at = self.groups.get(group);
        while let Some(parent) = at.and_then(|group| group.parent.as_deref()) {
            found.push(parent);
            at = self.groups.get(parent);
        }
        found
    }

    /// The name of the group with an id.
    pub(crate) fn group_of_id(&self, id: &str) -> Option<&str> {
        let mut groups = self.groups.iter();
        let found = groups.find(|(_, group)| group.id == id);
        found.map(|(name, _)| name.as_str())
    }

    /// Whether a resource has tags.
    pub(crate) fn has_tags(&self, resource: &str) -> bool {
        self.tags.contains_key(resource)
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    pub(crate) fn thing(&self, name: &str) -> Option<&ThingDocument> {
        self.things.get(name)
    }
}

type Index = BTreeMap<Box<str>, Names>;
type Edit = fn(&mut Index, &str, &str);

/// Names in order. Most principals have one thing.
#[derive(Debug)]
enum Names {
    One(String),
    Many(BTreeSet<String>),
}

/// The names under a key.
fn named<'i>(index: &'i Index, key: &str) -> impl Iterator<Item = &'i String> {
    let (one, many) = match index.get(key) {
        Some(Names::One(name)) => (Some(name), None),
        Some(Names::Many(names)) => (None, Some(names)),
        None => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten())
}

fn link(index: &mut Index, key: &str, name: &str) {
    match index.get_mut(key) {
        None => drop(index.insert(key.into(), Names::One(name.to_owned()))),
        Some(Names::One(one)) if one == name => {}
        Some(there @ Names::One(_)) => {
            let Names::One(one) = std::mem::replace(there, Names::Many(BTreeSet::new())) else {
                return;
            };
            *there = Names::Many([one, name.to_owned()].into());
        }
        Some(Names::Many(names)) => drop(names.insert(name.to_owned())),
    }
}

fn unlink(index: &mut Index, key: &str, name: &str) {
    let is_empty = match index.get_mut(key) {
        None => false,
        Some(Names::One(one)) => one == name,
        Some(Names::Many(names)) => {
            names.remove(name);
            names.is_empty()
        }
    };
    if is_empty {
        index.remove(key);
    }
}

/// Puts a value under a key, or takes it out.
pub(crate) fn set<V>(map: &mut BTreeMap<String, V>, key: &str, value: Option<V>) {
    match value {
        Some(value) => {
            map.insert(key.to_owned(), value);
        }
        None => {
            map.remove(key);
        }
    }
}
