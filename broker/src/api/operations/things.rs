//! Things.

use super::wire::{AttributePayload, expected_version, listed, nothing, without_nulls};
use super::{Call, Family, PAGE_DEFAULT};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;
use things::{NewThing, ThingFilter, ThingUpdate};

pub(super) const FAMILY: Family = &[
    ("CreateThing", create_thing),
    ("DescribeThing", describe_thing),
    ("ListThings", list_things),
    ("UpdateThing", update_thing),
    ("DeleteThing", delete_thing),
];

fn create_thing(call: &Call) -> Result<Reply, ApiError> {
    let payload: AttributePayload = call.read("attributePayload")?;
    let thing = call.world.things.create_thing(&NewThing {
        name: call.text("thingName")?.to_owned(),
        type_name: call.owned("thingTypeName"),
        attributes: payload.attributes.unwrap_or_default(),
        billing_group: call.owned("billingGroupName"),
    })?;
    Ok(Reply::Json(json!({
        "thingName": thing.name,
        "thingArn": thing.arn,
        "thingId": thing.id,
    })))
}

fn describe_thing(call: &Call) -> Result<Reply, ApiError> {
    let thing = call.world.things.describe_thing(call.text("thingName")?)?;
    Ok(Reply::Json(without_nulls(json!({
        "defaultClientId": thing.name,
        "thingName": thing.name,
        "thingId": thing.id,
        "thingArn": thing.arn,
        "thingTypeName": thing.type_name,
        "attributes": thing.attributes,
        "version": thing.version,
        "billingGroupName": thing.billing_group,
    }))))
}

fn list_things(call: &Call) -> Result<Reply, ApiError> {
    let filter = ThingFilter {
        attribute_name: call.owned("attributeName"),
        attribute_value: call.owned("attributeValue"),
        value_prefix: call.flag("usePrefixAttributeValue"),
        type_name: call.owned("thingTypeName"),
    };
    let paging = call.paging(PAGE_DEFAULT)?;
    let things = &call.world.things;
    let page = things.list_things(&filter, paging.after.as_deref(), paging.limit);
    Ok(listed(call, "things", &page, |thing| {
        without_nulls(json!({
            "thingName": thing.name,
            "thingTypeName": thing.type_name,
            "thingArn": thing.arn,
            "attributes": thing.attributes,
            "version": thing.version,
        }))
    }))
}

fn update_thing(call: &Call) -> Result<Reply, ApiError> {
    let payload: AttributePayload = call.read("attributePayload")?;
    call.world.things.update_thing(&ThingUpdate {
        name: call.text("thingName")?.to_owned(),
        type_name: call.owned("thingTypeName"),
        remove_type: call.flag("removeThingType"),
        attributes: payload.attributes,
        merge: payload.merge,
        expected_version: expected_version(call)?,
    })?;
    Ok(nothing())
}

fn delete_thing(call: &Call) -> Result<Reply, ApiError> {
    let (name, version) = (call.text("thingName")?, expected_version(call)?);
    call.world.things.delete_thing(name, version)?;
    Ok(nothing())
}
