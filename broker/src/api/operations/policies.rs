//! AWS IoT policies and their versions.

use super::wire::{listed, tags};
use super::{Call, Family, MARKER_PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Value, json};
use things::{NewPolicy, PolicySummary};

pub(super) const FAMILY: Family = &[
    ("CreatePolicy", create_policy),
    ("GetPolicy", get_policy),
    ("ListPolicies", list_policies),
    ("DeletePolicy", delete_policy),
    ("CreatePolicyVersion", create_policy_version),
    ("GetPolicyVersion", get_policy_version),
    ("ListPolicyVersions", list_policy_versions),
    ("SetDefaultPolicyVersion", set_default_policy_version),
    ("DeletePolicyVersion", delete_policy_version),
];

fn create_policy(call: &Call) -> Result<Reply, ApiError> {
    let new = NewPolicy {
        name: call.text("policyName")?.to_owned(),
        document: call.text("policyDocument")?.to_owned(),
        tags: tags(call)?,
    };
    let policy = call.world.things.create_policy(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "policyName": policy.name,
        "policyArn": policy.arn,
        "policyDocument": policy.document,
        "policyVersionId": policy.default_version_id,
    })))
}

fn get_policy(call: &Call) -> Result<Reply, ApiError> {
    let policy = call.world.things.policy(call.text("policyName")?)?;
    Ok(Reply::Json(json!({
        "policyName": policy.name,
        "policyArn": policy.arn,
        "policyDocument": policy.document,
        "defaultVersionId": policy.default_version_id,
        "creationDate": seconds(policy.created_ms),
        "lastModifiedDate": seconds(policy.modified_ms),
        "generationId": policy.generation_id,
    })))
}

/// In order of name unless the caller says otherwise.
fn list_policies(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(MARKER_PAGE_DEFAULT)?);
    let ascending = call.member("ascendingOrder").and_then(Value::as_bool);
    let after = paging.after.as_deref();
    let page = things.list_policies(ascending.unwrap_or(true), after, paging.limit);
    Ok(listed(call, "policies", &page, name_and_arn))
}

/// A policy in a listing.
pub(super) fn name_and_arn(policy: &PolicySummary) -> Value {
    json!({"policyName": policy.name, "policyArn": policy.arn})
}

fn delete_policy(call: &Call) -> Result<Reply, ApiError> {
    call.world.things.delete_policy(call.text("policyName")?)?;
    Ok(Reply::Empty)
}

fn create_policy_version(call: &Call) -> Result<Reply, ApiError> {
    let (name, document) = (call.text("policyName")?, call.text("policyDocument")?);
    let (things, default) = (&call.world.things, call.flag("setAsDefault"));
    let version = things.create_policy_version(name, document, default, call.now_ms)?;
    Ok(Reply::Json(json!({
        "policyArn": version.arn,
        "policyDocument": version.document,
        "policyVersionId": version.version_id,
        "isDefaultVersion": version.is_default,
    })))
}

fn name_and_version(call: &Call) -> Result<(&str, &str), ApiError> {
    Ok((call.text("policyName")?, call.text("policyVersionId")?))
}

fn get_policy_version(call: &Call) -> Result<Reply, ApiError> {
    let (name, id) = name_and_version(call)?;
    let version = call.world.things.policy_version(name, id)?;
    Ok(Reply::Json(json!({
        "policyArn": version.arn,
        "policyName": version.name,
        "policyDocument": version.document,
        "policyVersionId": version.version_id,
        "isDefaultVersion": version.is_default,
        "creationDate": seconds(version.created_ms),
        "lastModifiedDate": seconds(version.modified_ms),
        "generationId": version.generation_id,
    })))
}

fn list_policy_versions(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let versions = things.list_policy_versions(call.text("policyName")?)?;
    let shown = versions.into_iter().map(|version| {
        json!({
            "versionId": version.version_id,
            "isDefaultVersion": version.is_default,
            "createDate": seconds(version.created_ms),
        })
    });
    Ok(Reply::Json(
        json!({"policyVersions": shown.collect::<Vec<_>>()}),
    ))
}

fn set_default_policy_version(call: &Call) -> Result<Reply, ApiError> {
    let (name, id) = name_and_version(call)?;
    let things = &call.world.things;
    things.set_default_policy_version(name, id, call.now_ms)?;
    Ok(Reply::Empty)
}

fn delete_policy_version(call: &Call) -> Result<Reply, ApiError> {
    let (name, id) = name_and_version(call)?;
    call.world.things.delete_policy_version(name, id)?;
    Ok(Reply::Empty)
}
