//! Provisioning templates and their versions.

use super::wire::{listed, nothing, tags, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Value, json};
use things::{
    NewProvisioningTemplate, ProvisioningTemplate, ProvisioningTemplateType,
    ProvisioningTemplateUpdate,
};

pub(super) const FAMILY: Family = &[
    ("CreateProvisioningTemplate", create_provisioning_template),
    (
        "DescribeProvisioningTemplate",
        describe_provisioning_template,
    ),
    ("ListProvisioningTemplates", list_provisioning_templates),
    ("UpdateProvisioningTemplate", update_provisioning_template),
    ("DeleteProvisioningTemplate", delete_provisioning_template),
    (
        "CreateProvisioningTemplateVersion",
        create_provisioning_template_version,
    ),
    (
        "DescribeProvisioningTemplateVersion",
        describe_provisioning_template_version,
    ),
    (
        "ListProvisioningTemplateVersions",
        list_provisioning_template_versions,
    ),
    (
        "DeleteProvisioningTemplateVersion",
        delete_provisioning_template_version,
    ),
];

fn create_provisioning_template(call: &Call) -> Result<Reply, ApiError> {
    let kind = call.optional("type");
    let new = NewProvisioningTemplate {
        name: call.text("templateName")?.to_owned(),
        kind: kind
            .and_then(ProvisioningTemplateType::of_name)
            .unwrap_or_default(),
        description: call.owned("description"),
        body: call.text("templateBody")?.to_owned(),
        enabled: call.flag("enabled"),
        role_arn: call.text("provisioningRoleArn")?.to_owned(),
        hook: call.read("preProvisioningHook")?,
        tags: tags(call)?,
    };
    let things = &call.world.things;
    let made = things.create_provisioning_template(&new, call.now_ms)?;
    Ok(Reply::Json(json!({
        "templateArn": made.arn,
        "templateName": made.name,
        "defaultVersionId": made.default_version,
    })))
}

fn describe_provisioning_template(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let found = things.describe_provisioning_template(call.text("templateName")?)?;
    let hook = found.hook.as_ref().map(|hook| {
        without_nulls(json!({
            "payloadVersion": hook.payload_version,
            "targetArn": hook.target_arn,
        }))
    });
    Ok(Reply::Json(without_nulls(json!({
        "templateArn": found.arn,
        "templateName": found.name,
        "description": found.description,
        "creationDate": seconds(found.created_ms),
        "lastModifiedDate": seconds(found.modified_ms),
        "defaultVersionId": found.default_version,
        "templateBody": found.body,
        "enabled": found.enabled,
        "provisioningRoleArn": found.role_arn,
        "preProvisioningHook": hook,
        "type": found.kind.name(),
    }))))
}

fn list_provisioning_templates(call: &Call) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let page = things.list_provisioning_templates(paging.after.as_deref(), paging.limit);
    Ok(listed(call, "templates", &page, row))
}

fn row(template: &ProvisioningTemplate) -> Value {
    without_nulls(json!({
        "templateArn": template.arn,
        "templateName": template.name,
        "description": template.description,
        "creationDate": seconds(template.created_ms),
        "lastModifiedDate": seconds(template.modified_ms),
        "enabled": template.enabled,
        "type": template.kind.name(),
    }))
}

fn update_provisioning_template(call: &Call) -> Result<Reply, ApiError> {
    let update = ProvisioningTemplateUpdate {
        description: call.owned("description"),
        enabled: call.member("enabled").and_then(Value::as_bool),
        default_version: match call.number("defaultVersionId") {
            Some(number) => Some(version_number(number)?),
            None => None,
        },
        role_arn: call.owned("provisioningRoleArn"),
        hook: call.read("preProvisioningHook")?,
        remove_hook: call.flag("removePreProvisioningHook"),
    };
    let (things, name) = (&call.world.things, call.text("templateName")?);
    things.update_provisioning_template(name, &update, call.now_ms)?;
    Ok(nothing())
}

fn delete_provisioning_template(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.delete_provisioning_template(call.text("templateName")?)?;
    Ok(nothing())
}

fn create_provisioning_template_version(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("templateName")?);
    let (body, set_as_default) = (call.text("templateBody")?, call.flag("setAsDefault"));
    let (arn, made) =
        things.create_provisioning_template_version(name, body, set_as_default, call.now_ms)?;
    Ok(Reply::Json(json!({
        "templateArn": arn,
        "templateName": name,
        "versionId": made.number,
        "isDefaultVersion": made.is_default,
    })))
}

/// The member `versionId`.
fn version(call: &Call) -> Result<u32, ApiError> {
    version_number(call.number("versionId").unwrap_or_default())
}

fn version_number(number: i64) -> Result<u32, ApiError> {
    let refused = |_| ApiError::invalid(format!("{number} is no number of a version"));
    u32::try_from(number).map_err(refused)
}

fn describe_provisioning_template_version(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("templateName")?);
    let found = things.provisioning_template_version(name, version(call)?)?;
    Ok(Reply::Json(json!({
        "versionId": found.number,
        "creationDate": seconds(found.created_ms),
        "templateBody": found.body,
        "isDefaultVersion": found.is_default,
    })))
}

fn list_provisioning_template_versions(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("templateName")?);
    let paging = call.paging(PAGE_DEFAULT)?;
    let after = paging.after.as_deref();
    let page = things.list_provisioning_template_versions(name, after, paging.limit)?;
    Ok(listed(call, "versions", &page, |version| {
        json!({
            "versionId": version.number,
            "creationDate": seconds(version.created_ms),
            "isDefaultVersion": version.is_default,
        })
    }))
}

fn delete_provisioning_template_version(call: &Call) -> Result<Reply, ApiError> {
    let (things, name) = (&call.world.things, call.text("templateName")?);
    things.delete_provisioning_template_version(name, version(call)?)?;
    Ok(nothing())
}
