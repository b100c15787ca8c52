//! Thing groups and the things in them.

use super::wire::{
    AttributePayload, expected_version, listed, name_or_arn, nothing, tags, without_nulls,
};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde::Deserialize;
use serde_json::{Value, json};
use things::{DynamicQuery, GroupFilter, GroupUpdate, NewThingGroup, ThingGroup};

pub(super) const FAMILY: Family = &[
    ("CreateThingGroup", create_thing_group),
    ("DescribeThingGroup", describe_thing_group),
    ("ListThingGroups", list_thing_groups),
    ("UpdateThingGroup", update_thing_group),
    ("DeleteThingGroup", delete_thing_group),
    ("AddThingToThingGroup", add_thing_to_thing_group),
    ("RemoveThingFromThingGroup", remove_thing_from_thing_group),
    ("UpdateThingGroupsForThing", update_thing_groups_for_thing),
    ("ListThingsInThingGroup", list_things_in_thing_group),
    ("ListThingGroupsForThing", list_thing_groups_for_thing),
    ("CreateDynamicThingGroup", create_dynamic_thing_group),
    ("UpdateDynamicThingGroup", update_dynamic_thing_group),
    ("DeleteDynamicThingGroup", delete_thing_group),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    thing_group_description: Option<String>,
    attribute_payload: AttributePayload,
}

fn create_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let properties: Properties = call.read("thingGroupProperties")?;
    let new = NewThingGroup {
        name: call.text("thingGroupName")?.to_owned(),
        parent: call.owned("parentGroupName"),
        description: properties.thing_group_description,
        attributes: properties.attribute_payload.attributes.unwrap_or_default(),
        tags: tags(call)?,
        query: None,
    };
    let group = call.world.things.create_thing_group(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "thingGroupName": group.name,
        "thingGroupArn": group.arn,
        "thingGroupId": group.id,
    })))
}

/// The query of a dynamic group that a call gives.
fn query(call: &Call) -> Option<DynamicQuery> {
    let query = call.owned("queryString")?;
    let or = |name: &str, default: &str| call.optional(name).unwrap_or(default).to_owned();
    Some(DynamicQuery {
        query,
        index: or("indexName", "AWS_Things"),
        version: or("queryVersion", "2017-09-30"),
    })
}

fn create_dynamic_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let properties: Properties = call.read("thingGroupProperties")?;
    let query = query(call).ok_or_else(|| ApiError::invalid("`queryString` is missing"))?;
    let new = NewThingGroup {
        name: call.text("thingGroupName")?.to_owned(),
        parent: None,
        description: properties.thing_group_description,
        attributes: properties.attribute_payload.attributes.unwrap_or_default(),
        tags: tags(call)?,
        query: Some(query.clone()),
    };
    let group = call.world.things.create_thing_group(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "thingGroupName": group.name,
        "thingGroupArn": group.arn,
        "thingGroupId": group.id,
        "indexName": query.index,
        "queryString": query.query,
        "queryVersion": query.version,
    })))
}

fn update_dynamic_thing_group(call: &Call) -> Result<Reply, ApiError> {
    update_group(call, true, query(call))
}

fn describe_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let group = things.describe_thing_group(call.text("thingGroupName")?)?;
    let ancestors = group.ancestors.iter();
    let ancestors: Vec<Value> = ancestors
        .map(|(name, arn)| json!({"groupName": name, "groupArn": arn}))
        .collect();
    let parent = group.ancestors.last().map(|(name, _)| name);
    let ancestors = Some(ancestors).filter(|ancestors| !ancestors.is_empty());
    let attributes = Some(&group.attributes).filter(|attributes| !attributes.is_empty());
    let query = group.query.as_ref();
    Ok(Reply::Json(without_nulls(json!({
        "thingGroupName": group.name,
        "thingGroupId": group.id,
        "thingGroupArn": group.arn,
        "version": group.version,
        "indexName": query.map(|query| &query.index),
        "queryString": query.map(|query| &query.query),
        "queryVersion": query.map(|query| &query.version),
        "status": query.map(|_| "ACTIVE"),
        "thingGroupProperties": without_nulls(json!({
            "thingGroupDescription": group.description,
            "attributePayload": attributes.map(|all| json!({"attributes": all})),
        })),
        "thingGroupMetadata": without_nulls(json!({
            "parentGroupName": parent,
            "rootToParentThingGroups": ancestors,
            "creationDate": seconds(group.created_ms),
        })),
    }))))
}

/// Groups further below are listed unless the caller says no.
fn list_thing_groups(call: &Call) -> Result<Reply, ApiError> {
    let recursive = call.member("recursive").and_then(Value::as_bool);
    let filter = GroupFilter {
        parent: call.owned("parentGroup"),
        name_prefix: call.owned("namePrefixFilter"),
        recursive: recursive.unwrap_or(true),
    };
    let paging = call.paging(PAGE_DEFAULT)?;
    let things = &call.world.things;
    let page = things.list_thing_groups(&filter, paging.after.as_deref(), paging.limit)?;
    Ok(listed(call, "thingGroups", &page, name_and_arn))
}

fn name_and_arn(group: &ThingGroup) -> Value {
    json!({"groupName": group.name, "groupArn": group.arn})
}

fn update_thing_group(call: &Call) -> Result<Reply, ApiError> {
    update_group(call, false, None)
}

fn update_group(
    call: &Call,
    dynamic: bool,
    query: Option<DynamicQuery>,
) -> Result<Reply, ApiError> {
    let properties: Properties = call.read("thingGroupProperties")?;
    let version = call.world.things.update_thing_group(&GroupUpdate {
        name: call.text("thingGroupName")?.to_owned(),
        description: properties.thing_group_description,
        attributes: properties.attribute_payload.attributes,
        merge: properties.attribute_payload.merge,
        expected_version: expected_version(call)?,
        query,
        dynamic,
    })?;
    Ok(Reply::Json(json!({"version": version})))
}

fn delete_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let (name, version) = (call.text("thingGroupName")?, expected_version(call)?);
    call.world.things.delete_thing_group(name, version)?;
    Ok(nothing())
}

/// The thing and the group of a call, which names them or gives their ARNs.
fn thing_and_group(call: &Call) -> Result<(&str, &str), ApiError> {
    let thing = name_or_arn(call, "thingName", "thingArn")?;
    let group = name_or_arn(call, "thingGroupName", "thingGroupArn")?;
    Ok((thing, group))
}

fn add_thing_to_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let (thing, group) = thing_and_group(call)?;
    call.world.things.add_thing_to_thing_group(thing, group)?;
    Ok(nothing())
}

fn remove_thing_from_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let (thing, group) = thing_and_group(call)?;
    let things = &call.world.things;
    things.remove_thing_from_thing_group(thing, group)?;
    Ok(nothing())
}

fn update_thing_groups_for_thing(call: &Call) -> Result<Reply, ApiError> {
    let thing = call.text("thingName")?;
    let add: Vec<String> = call.read("thingGroupsToAdd")?;
    let remove: Vec<String> = call.read("thingGroupsToRemove")?;
    let things = &call.world.things;
    things.update_thing_groups_for_thing(thing, &add, &remove)?;
    Ok(nothing())
}

fn list_things_in_thing_group(call: &Call) -> Result<Reply, ApiError> {
    let (group, recursive) = (call.text("thingGroupName")?, call.flag("recursive"));
    let paging = call.paging(PAGE_DEFAULT)?;
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_things_in_thing_group(group, recursive, after, paging.limit)?;
    Ok(listed(call, "things", &page, |name| name.as_str().into()))
}

fn list_thing_groups_for_thing(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let (thing, after) = (call.text("thingName")?, paging.after.as_deref());
    let page = things.list_thing_groups_for_thing(thing, after, paging.limit)?;
    Ok(listed(call, "thingGroups", &page, name_and_arn))
}
