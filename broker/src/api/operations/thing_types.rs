//! Thing types.

use super::wire::{listed, nothing, tags, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde::Deserialize;
use serde_json::{Value, json};
use things::{NewThingType, ThingType, ThingTypeProperties};

pub(super) const FAMILY: Family = &[
    ("CreateThingType", create_thing_type),
    ("DescribeThingType", describe_thing_type),
    ("ListThingTypes", list_thing_types),
    ("UpdateThingType", update_thing_type),
    ("DeprecateThingType", deprecate_thing_type),
    ("DeleteThingType", delete_thing_type),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    thing_type_description: Option<String>,
    searchable_attributes: Vec<String>,
    mqtt5_configuration: Option<Value>,
}

fn properties(call: &Call) -> Result<ThingTypeProperties, ApiError> {
    let given: Properties = call.read("thingTypeProperties")?;
    Ok(ThingTypeProperties {
        description: given.thing_type_description,
        searchable_attributes: given.searchable_attributes,
        mqtt5_configuration: given.mqtt5_configuration,
    })
}

fn create_thing_type(call: &Call) -> Result<Reply, ApiError> {
    let new = NewThingType {
        name: call.text("thingTypeName")?.to_owned(),
        properties: properties(call)?,
        tags: tags(call)?,
    };
    let created = call.world.things.create_thing_type(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "thingTypeName": created.name,
        "thingTypeArn": created.arn,
        "thingTypeId": created.id,
    })))
}

fn describe_thing_type(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let found = things.describe_thing_type(call.text("thingTypeName")?)?;
    let mut shown = shown(&found);
    shown["thingTypeId"] = found.id.into();
    Ok(Reply::Json(shown))
}

fn list_thing_types(call: &Call) -> Result<Reply, ApiError> {
    let paging = call.paging(PAGE_DEFAULT)?;
    let name = call.optional("thingTypeName");
    let things = &call.world.things;
    let page = things.list_thing_types(name, paging.after.as_deref(), paging.limit);
    Ok(listed(call, "thingTypes", &page, shown))
}

fn shown(found: &ThingType) -> Value {
    json!({
        "thingTypeName": found.name,
        "thingTypeArn": found.arn,
        "thingTypeProperties": without_nulls(json!({
            "thingTypeDescription": found.properties.description,
            "searchableAttributes": found.properties.searchable_attributes,
            "mqtt5Configuration": found.properties.mqtt5_configuration,
        })),
        "thingTypeMetadata": without_nulls(json!({
            "deprecated": found.deprecated_ms.is_some(),
            "deprecationDate": found.deprecated_ms.map(seconds),
            "creationDate": seconds(found.created_ms),
        })),
    })
}

fn update_thing_type(call: &Call) -> Result<Reply, ApiError> {
    let name = call.text("thingTypeName")?;
    let properties = properties(call)?;
    call.world.things.update_thing_type(name, &properties)?;
    Ok(nothing())
}

fn deprecate_thing_type(call: &Call) -> Result<Reply, ApiError> {
    let (name, undo) = (call.text("thingTypeName")?, call.flag("undoDeprecate"));
    let things = &call.world.things;
    things.deprecate_thing_type(name, undo, call.now_ms)?;
    Ok(nothing())
}

fn delete_thing_type(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.delete_thing_type(call.text("thingTypeName")?)?;
    Ok(nothing())
}
