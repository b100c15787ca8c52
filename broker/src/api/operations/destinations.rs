//! Topic rule destinations.

use super::wire::{listed, nothing, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use rules::actions::InfluxInstance;
use serde_json::{Map, Value, json};
use things::TopicRuleDestination;

pub(super) const FAMILY: Family = &[
    ("CreateTopicRuleDestination", create_topic_rule_destination),
    ("GetTopicRuleDestination", get_topic_rule_destination),
    ("ListTopicRuleDestinations", list_topic_rule_destinations),
    ("UpdateTopicRuleDestination", update_topic_rule_destination),
    ("DeleteTopicRuleDestination", delete_topic_rule_destination),
    (
        "ConfirmTopicRuleDestination",
        confirm_topic_rule_destination,
    ),
];

fn create_topic_rule_destination(call: &Call) -> Result<Reply, ApiError> {
    let missing = || ApiError::invalid("`destinationConfiguration` is missing");
    let configuration = call
        .member("destinationConfiguration")
        .ok_or_else(missing)?;
    if let Some(instance) = configuration.get("influxDBConfiguration") {
        InfluxInstance::of(instance).map_err(ApiError::invalid)?;
    }
    let things = &call.world.things;
    let destination = things.create_destination(configuration, call.now_ms)?;
    Ok(Reply::Json(
        json!({"topicRuleDestination": shown(&destination)}),
    ))
}

fn get_topic_rule_destination(call: &Call) -> Result<Reply, ApiError> {
    let destination = call.world.things.destination(call.text("arn")?)?;
    Ok(Reply::Json(
        json!({"topicRuleDestination": shown(&destination)}),
    ))
}

fn list_topic_rule_destinations(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let page = things.list_destinations(paging.after.as_deref(), paging.limit);
    Ok(listed(call, "destinationSummaries", &page, |destination| {
        let member = match destination.kind.as_str() {
            "httpUrlConfiguration" => "httpUrlSummary",
            "vpcConfiguration" => "vpcDestinationSummary",
            _ => "influxDBSummary",
        };
        shown_as(member, destination)
    }))
}

fn update_topic_rule_destination(call: &Call) -> Result<Reply, ApiError> {
    let (arn, status) = (call.text("arn")?, call.text("status")?);
    call.world
        .things
        .update_destination(arn, status, call.now_ms)?;
    Ok(nothing())
}

fn delete_topic_rule_destination(call: &Call) -> Result<Reply, ApiError> {
    call.world.things.delete_destination(call.text("arn")?)?;
    Ok(nothing())
}

fn confirm_topic_rule_destination(call: &Call) -> Result<Reply, ApiError> {
    let token = call.text("confirmationToken")?;
    call.world.things.confirm_destination(token, call.now_ms)?;
    Ok(nothing())
}

fn shown(destination: &TopicRuleDestination) -> Value {
    let member = destination.kind.replace("Configuration", "Properties");
    shown_as(&member, destination)
}

/// A destination, what it is made of in the given member.
fn shown_as(member: &str, destination: &TopicRuleDestination) -> Value {
    let mut answer = Map::new();
    answer.insert("arn".into(), destination.arn.as_str().into());
    answer.insert("status".into(), destination.status.name().into());
    answer.insert("createdAt".into(), seconds(destination.created_ms));
    answer.insert("lastUpdatedAt".into(), seconds(destination.updated_ms));
    answer.insert(
        "statusReason".into(),
        destination.status_reason.clone().into(),
    );
    answer.insert(member.to_owned(), destination.configuration.clone());
    without_nulls(answer.into())
}
