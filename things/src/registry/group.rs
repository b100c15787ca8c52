//! Thing groups: static ones with their hierarchy, and dynamic ones, which have a query.

use super::tags::{TagsDocument, put_tags};
use super::thing::{change_attributes, expect_version, put_thing};
use super::{Registry, Tags};
use crate::iot_policies::AttachmentDocument;
use crate::plane::Change;
use crate::search::Query;
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A thing group as DescribeThingGroup shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingGroup {
    /// Thing group name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// A UUID.
    pub id: String,
    /// thingGroupDescription.
    pub description: Option<String>,
    /// attributePayload.
    pub attributes: BTreeMap<String, String>,
    /// Counts changes from 1.
    pub version: u64,
    /// When it was created.
    pub created_ms: u64,
    /// Names and ARNs of the groups above it, the root first and its parent last.
    pub ancestors: Vec<(String, String)>,
    /// What a dynamic group's things are found by.
    pub query: Option<DynamicQuery>,
}

/// The query of a dynamic group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DynamicQuery {
    /// queryString.
    pub query: String,
    /// indexName.
    pub index: String,
    /// queryVersion.
    pub version: String,
}

/// What CreateThingGroup is given.
#[derive(Clone, Debug, Default)]
pub struct NewThingGroup {
    /// Thing group name.
    pub name: String,
    /// The group above it.
    pub parent: Option<String>,
    /// thingGroupDescription.
    pub description: Option<String>,
    /// attributePayload.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
    /// The query of a dynamic group.
    pub query: Option<DynamicQuery>,
}

/// What UpdateThingGroup is given; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct GroupUpdate {
    /// Group name.
    pub name: String,
    /// New description.
    pub description: Option<String>,
    /// New attributes. An empty value deletes when merging.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Adds to the attributes that are there instead of replacing them.
    pub merge: bool,
    /// The version that the caller saw.
    pub expected_version: Option<u64>,
    /// The new query of a dynamic group.
    pub query: Option<DynamicQuery>,
    /// Whether a dynamic group is meant.
    pub dynamic: bool,
}

/// Which groups ListThingGroups gives; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Those below this group.
    pub parent: Option<String>,
    /// Those whose name begins so.
    pub name_prefix: Option<String>,
    /// With `parent`: also those further below.
    pub recursive: bool,
}

/// A thing group as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GroupDocument {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) description: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) version: u64,
    created_ms: u64,
    #[serde(default)]
    pub(super) query: Option<DynamicQuery>,
}

impl Document for GroupDocument {
    const TABLE: &'static str = "thing-group";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        state.registry.place_group(key, document);
    }
}

impl Things {
    /// CreateThingGroup. Repeated with the same properties, parent and tags it gives the group
    /// that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (parent, depth, number of children), InvalidQuery.
    pub fn create_thing_group(
        &self,
        new: &NewThingGroup,
        now_ms: u64,
    ) -> Result<ThingGroup, ThingsError> {
        if let Some(query) = &new.query {
            Query::parse(&query.query)?;
        }
        self.change(|state, batch| {
            let registry = &state.registry;
            if let Some(there) = registry.groups.get(&new.name) {
                return self.same_group(new, registry, there);
            }
            if let Some(parent) = &new.parent {
                check_parent(registry, parent)?;
            }
            check_group_attributes(&new.attributes)?;
            let document = GroupDocument {
                id: Uuid::new_v4().to_string(),
                parent: new.parent.clone(),
                description: new.description.clone(),
                attributes: new.attributes.clone(),
                version: 1,
                created_ms: now_ms,
                query: new.query.clone(),
            };
            let shown = self.group_shown(registry, &new.name, &document);
            batch.put(&new.name, document);
            put_tags(batch, format_args!("thinggroup/{}", new.name), &new.tags)?;
            Ok(shown)
        })
    }

    fn same_group(
        &self,
        new: &NewThingGroup,
        registry: &Registry,
        there: &GroupDocument,
    ) -> Result<ThingGroup, ThingsError> {
        let shown = self.group_shown(registry, &new.name, there);
        let tags = registry.tags.get(&format!("thinggroup/{}", new.name));
        let message = if new.description != there.description
            || new.attributes != there.attributes
            || new.parent != there.parent
            || new.query != there.query
        {
            format!(
                "Thing Group {} already exists in current account with different properties",
                new.name
            )
        } else if new.tags != tags.cloned().unwrap_or_default() {
            format!(
                "Resource {} already exists in current account with different properties",
                shown.arn
            )
        } else {
            return Ok(shown);
        };
        Err(ThingsError::ResourceAlreadyExists {
            message,
            id: None,
            arn: None,
        })
    }

    /// DescribeThingGroup.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing_group(&self, name: &str) -> Result<ThingGroup, ThingsError> {
        let state = self.state();
        self.find_group(&state.registry, name)
            .map(|document| self.group_shown(&state.registry, name, document))
    }

    /// ListThingGroups, in order of name.
    ///
    /// # Errors
    /// ResourceNotFound (parent).
    pub fn list_thing_groups(
        &self,
        filter: &GroupFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ThingGroup>, ThingsError> {
        let state = self.state();
        let registry = &state.registry;
        let names: BTreeSet<&String> = match &filter.parent {
            None if filter.recursive => registry.groups.keys().collect(),
            None => {
                let roots = registry.groups.iter();
                let roots = roots.filter(|(_, group)| group.parent.is_none());
                roots.map(|(name, _)| name).collect()
            }
            Some(parent) => {
                self.find_group(registry, parent)?;
                if filter.recursive {
                    registry.descendants(parent)
                } else {
                    registry.children(parent).collect()
                }
            }
        };
        let prefix = filter.name_prefix.as_deref().unwrap_or_default();
        let rows = names
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .filter_map(|name| Some((name, registry.groups.get(name)?)))
            .map(|(name, group)| (name.clone(), self.group_shown(registry, name, group)));
        Ok(Page::of(rows, after, limit))
    }

    /// UpdateThingGroup; gives the new version.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict, InvalidRequest.
    pub fn update_thing_group(&self, update: &GroupUpdate) -> Result<u64, ThingsError> {
        if let Some(query) = &update.query {
            Query::parse(&query.query)?;
        }
        self.change(|state, batch| {
            let name = &update.name;
            let mut group = (state.registry.groups.get(name).cloned()).ok_or_else(|| {
                ThingsError::ResourceNotFound(format!("Group {name} does not exist"))
            })?;
            if update.dynamic != group.query.is_some() {
                return Err(wrong_kind(name, group.query.is_some()));
            }
            expect_version("thing group", name, group.version, update.expected_version)?;
            if update.query.is_some() {
                group.query.clone_from(&update.query);
                // It may have policies, and other members now.
                batch.tell(Change::Decisions);
            }
            if update.description.is_some() {
                group.description.clone_from(&update.description);
            }
            if let Some(attributes) = &update.attributes {
                change_attributes(&mut group.attributes, attributes, update.merge);
            }
            check_group_attributes(&group.attributes)?;
            group.version += 1;
            let version = group.version;
            batch.put(name, group);
            Ok(version)
        })
    }

    /// DeleteThingGroup. A group that is not there is no error; its things and policies are left
    /// without it.
    ///
    /// # Errors
    /// InvalidRequest while it has children, VersionConflict.
    pub fn delete_thing_group(
        &self,
        name: &str,
        expected_version: Option<u64>,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let registry = &state.registry;
            let Some(group) = registry.groups.get(name) else {
                return Ok(());
            };
            expect_version("thing group", name, group.version, expected_version)?;
            if registry.children(name).next().is_some() {
                // The space in front is AWS's.
                return Err(ThingsError::InvalidRequest(format!(
                    " Cannot delete thing group : {name} when there are still child groups attached to it"
                )));
            }
            for (member, thing) in registry.members(name) {
                let mut thing = thing.clone();
                thing.groups.remove(name);
                put_thing(batch, member, thing);
            }
            batch.remove::<GroupDocument>(name);
            let key = format!("thinggroup/{name}");
            batch.remove::<TagsDocument>(&key);
            batch.remove::<AttachmentDocument>(&key);
            Ok(())
        })
    }

    /// All groups as they are shown, in order of name.
    pub(crate) fn all_groups<'r>(
        &'r self,
        registry: &'r Registry,
    ) -> impl Iterator<Item = ThingGroup> + 'r {
        let groups = registry.groups.iter();
        groups.map(|(name, group)| self.group_shown(registry, name, group))
    }

    fn find_group<'r>(
        &self,
        registry: &'r Registry,
        name: &str,
    ) -> Result<&'r GroupDocument, ThingsError> {
        registry.groups.get(name).ok_or_else(|| {
            let account = self.account_id();
            ThingsError::ResourceNotFound(format!("ThingGroup {account}:{name} not found."))
        })
    }

    pub(super) fn group_shown(
        &self,
        registry: &Registry,
        name: &str,
        document: &GroupDocument,
    ) -> ThingGroup {
        let arn = |name: &str| self.place().iot(format_args!("thinggroup/{name}"));
        let mut above = Vec::new();
        if let Some(parent) = &document.parent {
            above.push(parent.as_str());
            above.extend(registry.ancestors(parent));
        }
        let ancestors = above.into_iter().rev();
        ThingGroup {
            name: name.to_owned(),
            arn: arn(name),
            id: document.id.clone(),
            description: document.description.clone(),
            attributes: document.attributes.clone(),
            version: document.version,
            created_ms: document.created_ms,
            ancestors: ancestors.map(|name| (name.to_owned(), arn(name))).collect(),
            query: document.query.clone(),
        }
    }
}

/// A call for one kind of groups names one of the other kind.
pub(super) fn wrong_kind(name: &str, is_dynamic: bool) -> ThingsError {
    ThingsError::InvalidRequest(if is_dynamic {
        format!(
            "{name} is a dynamic thing group: its query says which things are in it, and it is changed with UpdateDynamicThingGroup"
        )
    } else {
        format!("{name} is not a dynamic thing group: change it with UpdateThingGroup")
    })
}

fn check_parent(registry: &Registry, parent: &str) -> Result<(), ThingsError> {
    if !registry.groups.contains_key(parent) {
        return Err(ThingsError::InvalidRequest(format!(
            "Cannot create group using non-existing group as parent : {parent}"
        )));
    }
    if registry
        .groups
        .get(parent)
        .is_some_and(|group| group.query.is_some())
    {
        return Err(ThingsError::InvalidRequest(format!(
            "{parent} is a dynamic thing group and cannot have groups below it: choose a static one"
        )));
    }
    let depth = registry.ancestors(parent).len() + 2;
    if depth > DEPTH_MAX {
        return Err(ThingsError::InvalidRequest(format!(
            "a hierarchy of thing groups is at most {DEPTH_MAX} deep: choose a parent above {parent}"
        )));
    }
    if registry.children(parent).count() >= CHILDREN_MAX {
        return Err(ThingsError::InvalidRequest(format!(
            "a thing group has at most {CHILDREN_MAX} groups directly below it: choose another parent than {parent}"
        )));
    }
    Ok(())
}

fn check_group_attributes(attributes: &BTreeMap<String, String>) -> Result<(), ThingsError> {
    let count = attributes.len();
    if count <= ATTRIBUTES_MAX {
        return Ok(());
    }
    Err(ThingsError::InvalidRequest(format!(
        "a thing group has at most {ATTRIBUTES_MAX} attributes, this one has {count}: leave some out"
    )))
}

// AWS General Reference, AWS IoT quotas: thing groups.
const DEPTH_MAX: usize = 7;
const CHILDREN_MAX: usize = 100;
const ATTRIBUTES_MAX: usize = 50;
