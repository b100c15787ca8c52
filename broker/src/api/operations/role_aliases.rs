//! Role aliases.

use super::wire::{listed, nothing, tags};
use super::{Call, Family, MARKER_PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;
use things::{NewRoleAlias, RoleAlias};

pub(super) const FAMILY: Family = &[
    ("CreateRoleAlias", create_role_alias),
    ("DescribeRoleAlias", describe_role_alias),
    ("ListRoleAliases", list_role_aliases),
    ("UpdateRoleAlias", update_role_alias),
    ("DeleteRoleAlias", delete_role_alias),
];

fn duration_s(call: &Call) -> Option<u32> {
    let seconds = call.number("credentialDurationSeconds")?;
    u32::try_from(seconds).ok()
}

fn name_and_arn(alias: &RoleAlias) -> Reply {
    Reply::Json(json!({"roleAlias": alias.name, "roleAliasArn": alias.arn}))
}

fn create_role_alias(call: &Call) -> Result<Reply, ApiError> {
    let new = NewRoleAlias {
        name: call.text("roleAlias")?.to_owned(),
        role_arn: call.text("roleArn")?.to_owned(),
        duration_s: duration_s(call),
        tags: tags(call)?,
    };
    let made = call.world.things.create_role_alias(&new, call.now_ms)?;
    Ok(name_and_arn(&made))
}

fn describe_role_alias(call: &Call) -> Result<Reply, ApiError> {
    let found = call.world.things.role_alias(call.text("roleAlias")?)?;
    Ok(Reply::Json(json!({"roleAliasDescription": {
        "roleAlias": found.name,
        "roleAliasArn": found.arn,
        "roleArn": found.role_arn,
        "owner": call.world.config.account_id,
        "credentialDurationSeconds": found.duration_s,
        "creationDate": seconds(found.created_ms),
        "lastModifiedDate": seconds(found.modified_ms),
    }})))
}

fn list_role_aliases(call: &Call) -> Result<Reply, ApiError> {
    let paging = call.paging(MARKER_PAGE_DEFAULT)?;
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_role_aliases(after, paging.limit);
    Ok(listed(call, "roleAliases", &page, |name| {
        name.as_str().into()
    }))
}

fn update_role_alias(call: &Call) -> Result<Reply, ApiError> {
    let (name, role_arn) = (call.text("roleAlias")?, call.optional("roleArn"));
    let things = &call.world.things;
    let changed = things.update_role_alias(name, role_arn, duration_s(call), call.now_ms)?;
    Ok(name_and_arn(&changed))
}

fn delete_role_alias(call: &Call) -> Result<Reply, ApiError> {
    call.world
        .things
        .delete_role_alias(call.text("roleAlias")?)?;
    Ok(nothing())
}
