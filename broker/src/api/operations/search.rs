//! Fleet indexing: what is indexed, and searches.

use super::wire::{listed, nothing, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Map, Value, json};
use things::{Connectivity, FoundGroup, FoundThing, SettingKey};

pub(super) const FAMILY: Family = &[
    ("GetIndexingConfiguration", get_indexing_configuration),
    ("UpdateIndexingConfiguration", update_indexing_configuration),
    ("SearchIndex", search_index),
    ("DescribeIndex", describe_index),
    ("ListIndices", list_indices),
    ("GetThingConnectivityData", get_thing_connectivity_data),
];

const THINGS: &str = "AWS_Things";
const GROUPS: &str = "AWS_ThingGroups";

/// Things of a page of a search unless the caller says how many, and the most.
const FOUND_MAX: usize = 100;

/// The configuration with what nobody has set switched off.
fn configuration(call: &Call) -> Value {
    let mut all = json!({
        "thingIndexingConfiguration": {
            "thingIndexingMode": "OFF",
            "thingConnectivityIndexingMode": "OFF",
            "deviceDefenderIndexingMode": "OFF",
            "namedShadowIndexingMode": "OFF",
        },
        "thingGroupIndexingConfiguration": {"thingGroupIndexingMode": "OFF"},
    });
    let setting = call.world.things.setting(SettingKey::Indexing);
    let Some(Value::Object(set)) = setting.map(|setting| setting.value) else {
        return all;
    };
    for (name, members) in set {
        if let (Some(Value::Object(all)), Value::Object(members)) = (all.get_mut(&name), members) {
            all.extend(members);
        }
    }
    all
}

fn get_indexing_configuration(call: &Call) -> Result<Reply, ApiError> {
    let mut all = configuration(call);
    let things = &mut all["thingIndexingConfiguration"];
    if things["thingIndexingMode"] != "OFF" {
        things["managedFields"] = managed(&THING_FIELDS);
    }
    let groups = &mut all["thingGroupIndexingConfiguration"];
    if groups["thingGroupIndexingMode"] != "OFF" {
        groups["managedFields"] = managed(&GROUP_FIELDS);
    }
    Ok(Reply::Json(all))
}

const THING_FIELDS: [(&str, &str); 9] = [
    ("shadow.name.*.hasDelta", "Boolean"),
    ("registry.version", "Number"),
    ("registry.thingTypeName", "String"),
    ("registry.thingGroupNames", "String"),
    ("shadow.hasDelta", "Boolean"),
    ("thingName", "String"),
    ("shadow.version", "Number"),
    ("thingId", "String"),
    ("shadow.name.*.version", "Number"),
];

const GROUP_FIELDS: [(&str, &str); 5] = [
    ("parentGroupNames", "String"),
    ("description", "String"),
    ("version", "Number"),
    ("thingGroupName", "String"),
    ("thingGroupId", "String"),
];

fn managed(fields: &[(&str, &str)]) -> Value {
    let field = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind});
    fields.iter().map(field).collect()
}

/// A part that is not given stays as it is.
fn update_indexing_configuration(call: &Call) -> Result<Reply, ApiError> {
    let parts = [
        "thingIndexingConfiguration",
        "thingGroupIndexingConfiguration",
    ];
    let given: Map<String, Value> = parts
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), call.member(name)?.clone())))
        .collect();
    let off = |part: &str, mode: &str| given.get(part).is_some_and(|part| part[mode] == "OFF");
    let things = given.get(parts[0]);
    let needs_registry = things.is_some_and(|things| {
        let on = |mode: &str, off: &str| things[mode].as_str().is_some_and(|mode| mode != off);
        on("thingConnectivityIndexingMode", "OFF") || on("namedShadowIndexingMode", "OFF")
    });
    if off(parts[0], "thingIndexingMode") && needs_registry {
        return Err(ApiError::invalid(
            "thingIndexingMode must be REGISTRY or REGISTRY_AND_SHADOW while connectivity or named shadows are indexed",
        ));
    }
    let things = &call.world.things;
    things.change_setting(SettingKey::Indexing, call.now_ms, |before| {
        let mut all = before
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        all.extend(given.clone());
        Ok(Value::Object(all))
    })?;
    Ok(nothing())
}

fn index_names(call: &Call) -> Vec<&'static str> {
    let all = configuration(call);
    let things = all["thingIndexingConfiguration"]["thingIndexingMode"] != "OFF";
    let groups = all["thingGroupIndexingConfiguration"]["thingGroupIndexingMode"] != "OFF";
    [(groups, GROUPS), (things, THINGS)]
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
        .collect()
}

fn list_indices(call: &Call) -> Result<Reply, ApiError> {
    call.paging(PAGE_DEFAULT)?;
    Ok(Reply::Json(json!({"indexNames": index_names(call)})))
}

fn describe_index(call: &Call) -> Result<Reply, ApiError> {
    let name = call.text("indexName")?;
    if !index_names(call).contains(&name) {
        return Err(ApiError::not_found(format!("Index {name} does not exist")));
    }
    let all = configuration(call);
    let things = &all["thingIndexingConfiguration"];
    let schema = if name == GROUPS {
        "THING_GROUPS".to_owned()
    } else {
        let mode = things["thingIndexingMode"].as_str().unwrap_or("REGISTRY");
        let connected = things["thingConnectivityIndexingMode"] == "STATUS";
        let connected = if connected {
            "_AND_CONNECTIVITY_STATUS"
        } else {
            ""
        };
        format!("{mode}{connected}")
    };
    Ok(Reply::Json(
        json!({"indexName": name, "indexStatus": "ACTIVE", "schema": schema}),
    ))
}

fn search_index(call: &Call) -> Result<Reply, ApiError> {
    let query = call.text("queryString")?;
    let paging = call.paging(FOUND_MAX)?;
    let (after, limit) = (paging.after.as_deref(), paging.limit.min(FOUND_MAX));
    let things = &call.world.things;
    match call.optional("indexName").unwrap_or(THINGS) {
        THINGS => {
            let page = things.search_things(query, after, limit)?;
            Ok(beside("thingGroups", listed(call, "things", &page, thing)))
        }
        GROUPS => {
            let page = things.search_groups(query, after, limit)?;
            Ok(beside("things", listed(call, "thingGroups", &page, group)))
        }
        other => Err(ApiError::not_found(format!("Index {other} does not exist"))),
    }
}

/// An answer with an empty list of what another index would have found: clients iterate over both.
fn beside(list: &str, found: Reply) -> Reply {
    match found {
        Reply::Json(Value::Object(mut members)) => {
            members.insert(list.to_owned(), json!([]));
            Reply::Json(members.into())
        }
        other @ (Reply::Json(_) | Reply::Empty) => other,
    }
}

fn thing(found: &FoundThing) -> Value {
    let attributes = Some(&found.attributes).filter(|attributes| !attributes.is_empty());
    without_nulls(json!({
        "thingName": found.name,
        "thingId": found.id,
        "thingTypeName": found.type_name,
        "thingGroupNames": Some(&found.groups).filter(|groups| !groups.is_empty()),
        "attributes": attributes,
        "shadow": found.shadow.as_ref().map(Value::to_string),
        "connectivity": found.connectivity.map(connectivity),
    }))
}

fn connectivity(found: Connectivity) -> Value {
    without_nulls(json!({
        "connected": found.connected,
        "timestamp": found.since_ms,
        "disconnectReason": found.disconnect_reason,
    }))
}

fn get_thing_connectivity_data(call: &Call) -> Result<Reply, ApiError> {
    let thing = call.world.things.describe_thing(call.text("thingName")?)?;
    let found = call.world.hub.connectivity(&thing.name);
    let mut shown = found.map_or_else(|| json!({"connected": false}), connectivity);
    shown["thingName"] = thing.name.into();
    if found.is_some() {
        // Seconds here, unlike in searches.
        shown["timestamp"] = seconds(found.map_or(0, |found| found.since_ms));
    }
    Ok(Reply::Json(shown))
}

fn group(found: &FoundGroup) -> Value {
    let above: Vec<&String> = found.ancestors.iter().map(|(name, _)| name).collect();
    let attributes = Some(&found.attributes).filter(|attributes| !attributes.is_empty());
    without_nulls(json!({
        "thingGroupName": found.name,
        "thingGroupId": found.id,
        "thingGroupDescription": found.description,
        "attributes": attributes,
        "parentGroupNames": above,
    }))
}
