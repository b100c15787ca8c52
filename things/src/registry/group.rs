//! Static thing groups and their hierarchy.

use super::Tags;
use crate::{Page, Things, ThingsError};
use std::collections::BTreeMap;

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
}

/// Which groups ListThingGroups gives; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Those below this group.
    pub parent: Option<String>,
    /// Those whose name begins so.
    pub name_prefix: Option<String>,
    /// Also those further below; `false` with neither `parent` nor this gives root groups alone.
    pub recursive: bool,
}

#[allow(unused_variables)]
impl Things {
    /// CreateThingGroup. Repeated with the same properties, parent and tags it gives the group
    /// that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (parent, depth, number of children).
    pub fn create_thing_group(
        &self,
        new: &NewThingGroup,
        now_ms: u64,
    ) -> Result<ThingGroup, ThingsError> {
        todo!()
    }

    /// DescribeThingGroup.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_thing_group(&self, name: &str) -> Result<ThingGroup, ThingsError> {
        todo!()
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
        todo!()
    }

    /// UpdateThingGroup; gives the new version.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict, InvalidRequest.
    pub fn update_thing_group(&self, update: &GroupUpdate) -> Result<u64, ThingsError> {
        todo!()
    }

    /// DeleteThingGroup. A group that is not there is no error.
    ///
    /// # Errors
    /// InvalidRequest while it has children or policies, VersionConflict.
    pub fn delete_thing_group(
        &self,
        name: &str,
        expected_version: Option<u64>,
    ) -> Result<(), ThingsError> {
        todo!()
    }
}
