//! Job templates: those of users, and AWS's managed ones.

use super::job_documents::document;
use super::jobs::config;
use super::wire::{listed, tags, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Value, json};
use things::{JobTemplate, ManagedJobTemplate, NewJobTemplate};

pub(super) const FAMILY: Family = &[
    ("CreateJobTemplate", create_job_template),
    ("DescribeJobTemplate", describe_job_template),
    ("ListJobTemplates", list_job_templates),
    ("DeleteJobTemplate", delete_job_template),
    ("ListManagedJobTemplates", list_managed_job_templates),
    ("DescribeManagedJobTemplate", describe_managed_job_template),
];

fn create_job_template(call: &Call) -> Result<Reply, ApiError> {
    let new = NewJobTemplate {
        id: call.text("jobTemplateId")?.to_owned(),
        job_arn: call.owned("jobArn"),
        document: document(call)?,
        document_source: call.owned("documentSource"),
        description: call.text("description")?.to_owned(),
        config: config(call)?,
        maintenance_windows: call.read("maintenanceWindows")?,
        package_versions: call.read("destinationPackageVersions")?,
        tags: tags(call)?,
    };
    let made = call.world.things.create_job_template(&new, call.now_ms)?;
    Ok(Reply::Json(
        json!({"jobTemplateArn": made.arn, "jobTemplateId": made.id}),
    ))
}

fn describe_job_template(call: &Call) -> Result<Reply, ApiError> {
    let id = call.text("jobTemplateId")?;
    let found = call.world.things.job_template(id)?;
    let config = &found.config;
    let windows = &found.maintenance_windows;
    let versions = &found.package_versions;
    Ok(Reply::Json(without_nulls(json!({
        "jobTemplateArn": found.arn,
        "jobTemplateId": found.id,
        "description": found.description,
        "documentSource": found.document_source,
        "document": *found.document,
        "createdAt": seconds(found.created_ms),
        "presignedUrlConfig": config.presigned_url_config.clone().unwrap_or_default(),
        "jobExecutionsRolloutConfig":
            config.job_executions_rollout_config.clone().unwrap_or_default(),
        "abortConfig": config.abort_config,
        "timeoutConfig": config.timeout_config.clone().unwrap_or_default(),
        "jobExecutionsRetryConfig": config.job_executions_retry_config,
        "maintenanceWindows": (!windows.is_empty()).then_some(windows),
        "destinationPackageVersions": (!versions.is_empty()).then_some(versions),
    }))))
}

fn list_job_templates(call: &Call) -> Result<Reply, ApiError> {
    let paging = call.paging(PAGE_DEFAULT)?;
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_job_templates(after, paging.limit);
    Ok(listed(call, "jobTemplates", &page, summary))
}

fn summary(template: &JobTemplate) -> Value {
    json!({
        "jobTemplateArn": template.arn,
        "jobTemplateId": template.id,
        "description": template.description,
        "createdAt": seconds(template.created_ms),
    })
}

fn delete_job_template(call: &Call) -> Result<Reply, ApiError> {
    let id = call.text("jobTemplateId")?;
    call.world.things.delete_job_template(id)?;
    Ok(Reply::Empty)
}

fn list_managed_job_templates(call: &Call) -> Result<Reply, ApiError> {
    let (name, paging) = (call.optional("templateName"), call.paging(PAGE_DEFAULT)?);
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_managed_job_templates(name, after, paging.limit);
    Ok(listed(call, "managedJobTemplates", &page, managed_summary))
}

fn managed_summary(template: &ManagedJobTemplate) -> Value {
    json!({
        "templateArn": template.arn,
        "templateName": template.name,
        "description": template.description,
        "environments": template.environments,
        "templateVersion": template.version,
    })
}

fn describe_managed_job_template(call: &Call) -> Result<Reply, ApiError> {
    let (name, version) = (call.text("templateName")?, call.optional("templateVersion"));
    let found = call.world.things.managed_job_template(name, version)?;
    let parameters: Vec<Value> = found
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "key": parameter.key,
                "description": parameter.description,
                "regex": parameter.regex,
                "example": parameter.example,
                "optional": parameter.optional,
            })
        })
        .collect();
    let mut answer = managed_summary(&found);
    answer["documentParameters"] = parameters.into();
    answer["document"] = found.document.into();
    Ok(Reply::Json(answer))
}
