//! Tags.

use super::wire::{nothing, tags};
use super::{Call, Family};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Value, json};

pub(super) const FAMILY: Family = &[
    ("TagResource", tag_resource),
    ("UntagResource", untag_resource),
    ("ListTagsForResource", list_tags_for_resource),
];

fn tag_resource(call: &Call) -> Result<Reply, ApiError> {
    let (arn, tags) = (call.text("resourceArn")?, tags(call)?);
    call.world.things.tag_resource(arn, &tags)?;
    Ok(nothing())
}

fn untag_resource(call: &Call) -> Result<Reply, ApiError> {
    let keys: Vec<String> = call.read("tagKeys")?;
    let arn = call.text("resourceArn")?;
    call.world.things.untag_resource(arn, &keys)?;
    Ok(nothing())
}

/// All of them: a resource has at most fifty.
fn list_tags_for_resource(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let tags = things.list_tags_for_resource(call.text("resourceArn")?)?;
    let tags = tags.into_iter();
    let shown: Vec<Value> = tags
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(Reply::Json(json!({"tags": shown})))
}
