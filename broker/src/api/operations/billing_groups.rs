//! Billing groups and the things in them.

use super::wire::{expected_version, listed, name_or_arn, nothing, tags, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde::Deserialize;
use serde_json::json;
use things::NewBillingGroup;

pub(super) const FAMILY: Family = &[
    ("CreateBillingGroup", create_billing_group),
    ("DescribeBillingGroup", describe_billing_group),
    ("ListBillingGroups", list_billing_groups),
    ("UpdateBillingGroup", update_billing_group),
    ("DeleteBillingGroup", delete_billing_group),
    ("AddThingToBillingGroup", add_thing_to_billing_group),
    (
        "RemoveThingFromBillingGroup",
        remove_thing_from_billing_group,
    ),
    ("ListThingsInBillingGroup", list_things_in_billing_group),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    billing_group_description: Option<String>,
}

fn create_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let properties: Properties = call.read("billingGroupProperties")?;
    let new = NewBillingGroup {
        name: call.text("billingGroupName")?.to_owned(),
        description: properties.billing_group_description,
        tags: tags(call)?,
    };
    let group = call.world.things.create_billing_group(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "billingGroupName": group.name,
        "billingGroupArn": group.arn,
        "billingGroupId": group.id,
    })))
}

fn describe_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let group = things.describe_billing_group(call.text("billingGroupName")?)?;
    let properties = json!({"billingGroupDescription": group.description});
    Ok(Reply::Json(json!({
        "billingGroupName": group.name,
        "billingGroupId": group.id,
        "billingGroupArn": group.arn,
        "version": group.version,
        "billingGroupProperties": without_nulls(properties),
        "billingGroupMetadata": {"creationDate": seconds(group.created_ms)},
    })))
}

fn list_billing_groups(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let (prefix, after) = (call.optional("namePrefixFilter"), paging.after.as_deref());
    let page = things.list_billing_groups(prefix, after, paging.limit);
    Ok(listed(
        call,
        "billingGroups",
        &page,
        |group| json!({"groupName": group.name, "groupArn": group.arn}),
    ))
}

fn update_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let properties: Properties = call.read("billingGroupProperties")?;
    let description = properties.billing_group_description.as_deref();
    let (name, expected) = (call.text("billingGroupName")?, expected_version(call)?);
    let things = &call.world.things;
    let version = things.update_billing_group(name, description, expected)?;
    Ok(Reply::Json(json!({"version": version})))
}

fn delete_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let (name, version) = (call.text("billingGroupName")?, expected_version(call)?);
    call.world.things.delete_billing_group(name, version)?;
    Ok(nothing())
}

fn thing_and_group(call: &Call) -> Result<(&str, &str), ApiError> {
    let thing = name_or_arn(call, "thingName", "thingArn")?;
    let group = name_or_arn(call, "billingGroupName", "billingGroupArn")?;
    Ok((thing, group))
}

fn add_thing_to_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let (thing, group) = thing_and_group(call)?;
    call.world.things.add_thing_to_billing_group(thing, group)?;
    Ok(nothing())
}

fn remove_thing_from_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let (thing, group) = thing_and_group(call)?;
    let things = &call.world.things;
    things.remove_thing_from_billing_group(thing, group)?;
    Ok(nothing())
}

fn list_things_in_billing_group(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let (group, after) = (call.text("billingGroupName")?, paging.after.as_deref());
    let page = things.list_things_in_billing_group(group, after, paging.limit)?;
    Ok(listed(call, "things", &page, |name| name.as_str().into()))
}
