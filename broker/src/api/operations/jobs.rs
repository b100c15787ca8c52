//! Jobs: create, describe, list, update, cancel, delete.

use super::job_documents::document;
use super::wire::{listed, tags, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use things::{
    CancelJob, CreatedJob, ExecutionStatus, Job, JobConfig, JobDescription, JobFilter, JobNews,
    JobStatus, JobUpdate, NewJob, SchedulingConfig, TargetSelection,
};

pub(super) const FAMILY: Family = &[
    ("CreateJob", create_job),
    ("DescribeJob", describe_job),
    ("GetJobDocument", get_job_document),
    ("ListJobs", list_jobs),
    ("UpdateJob", update_job),
    ("CancelJob", cancel_job),
    ("DeleteJob", delete_job),
    ("AssociateTargetsWithJob", associate_targets_with_job),
];

/// Has devices told of a change, and answers once it is on disk.
pub(super) fn told(call: &Call, news: JobNews, reply: Reply) -> Result<Reply, ApiError> {
    if call.world.hub.tell_jobs_and_wait(news) {
        return Ok(reply);
    }
    let why = "the store cannot be written";
    Err(ApiError::new(Code::InternalFailure, why))
}

/// The configurations of a job or a template, which the model has checked.
pub(super) fn config(call: &Call) -> Result<JobConfig, ApiError> {
    let members = Value::Object(call.input.members.clone());
    serde_json::from_value(members)
        .map_err(|why| ApiError::new(Code::Serialization, why.to_string()))
}

/// The name of an enum of ours in a member; the model has checked that it is one.
pub(super) fn named<T>(call: &Call, member: &str, of: impl Fn(&str) -> Option<T>) -> Option<T> {
    call.optional(member).and_then(of)
}

/// A structured member that may be missing.
fn maybe<T: DeserializeOwned>(call: &Call, name: &str) -> Result<Option<T>, ApiError> {
    call.read(name)
}

fn create_job(call: &Call) -> Result<Reply, ApiError> {
    let templated = call.optional("jobTemplateArn").is_some();
    let new = NewJob {
        id: call.text("jobId")?.to_owned(),
        targets: call.read("targets")?,
        document: document(call)?,
        document_source: call.owned("documentSource"),
        template_arn: call.owned("jobTemplateArn"),
        parameters: call.read("documentParameters")?,
        description: call.owned("description"),
        selection: named(call, "targetSelection", TargetSelection::named).unwrap_or_default(),
        namespace: call.owned("namespaceId"),
        package_versions: call.read("destinationPackageVersions")?,
        config: config(call)?,
        scheduling: maybe::<SchedulingConfig>(call, "schedulingConfig")?,
        tags: tags(call)?,
    };
    if templated && new.document.is_some() {
        return Err(ApiError::invalid(
            "Job document and job template cannot be specified at the same time.",
        ));
    }
    let (created, news) = call.world.things.create_job(new, call.now_ms)?;
    told(call, news, created_reply(&created))
}

fn created_reply(created: &CreatedJob) -> Reply {
    Reply::Json(without_nulls(json!({
        "jobArn": created.arn,
        "jobId": created.id,
        "description": created.description,
    })))
}

fn describe_job(call: &Call) -> Result<Reply, ApiError> {
    let found = call.world.things.describe_job(call.text("jobId")?)?;
    let mut answer = Map::new();
    if let Some(source) = &found.job.document_source {
        answer.insert("documentSource".into(), source.as_str().into());
    }
    answer.insert("job".into(), shown(&found, call.now_ms));
    Ok(Reply::Json(answer.into()))
}

/// A job as DescribeJob shows it: configurations that are not set are empty objects, but that for
/// calling off, which is left out.
fn shown(found: &JobDescription, now_ms: u64) -> Value {
    let (job, config) = (&found.job, &found.job.config);
    let scheduling = job.scheduling.clone().unwrap_or_default();
    let starts = scheduling.next_starts(now_ms);
    let starts: Vec<Value> = starts.iter().map(|at| json!({"startTime": at})).collect();
    without_nulls(json!({
        "jobArn": found.arn,
        "jobId": job.id,
        "targetSelection": job.selection.name(),
        "status": job.status.name(),
        "forceCanceled": job.force_canceled.then_some(true),
        "reasonCode": job.reason_code,
        "comment": job.comment,
        "targets": found.targets,
        "description": job.description,
        "presignedUrlConfig": config.presigned_url_config.clone().unwrap_or_default(),
        "jobExecutionsRolloutConfig":
            config.job_executions_rollout_config.clone().unwrap_or_default(),
        "abortConfig": config.abort_config,
        "createdAt": seconds(job.created_ms),
        "lastUpdatedAt": seconds(job.updated_ms),
        "completedAt": job.completed_ms.map(seconds),
        "jobProcessDetails": details(found),
        "timeoutConfig": config.timeout_config.clone().unwrap_or_default(),
        "documentParameters":
            job.blanks.as_ref().map(|(_, values)| values).filter(|values| !values.is_empty()),
        "namespaceId": job.namespace,
        "jobTemplateArn": job.template_arn,
        "jobExecutionsRetryConfig": config.job_executions_retry_config,
        "isConcurrent": found.is_concurrent,
        "schedulingConfig": scheduling,
        "scheduledJobRollouts": (!starts.is_empty()).then_some(starts),
        "destinationPackageVersions":
            (!job.package_versions.is_empty()).then_some(&job.package_versions),
    }))
}

fn details(found: &JobDescription) -> Value {
    let of = |status| found.details.of(status);
    let processing = &found.processing_targets;
    without_nulls(json!({
        "processingTargets": (!processing.is_empty()).then_some(processing),
        "numberOfCanceledThings": of(ExecutionStatus::Canceled),
        "numberOfSucceededThings": of(ExecutionStatus::Succeeded),
        "numberOfFailedThings": of(ExecutionStatus::Failed),
        "numberOfRejectedThings": of(ExecutionStatus::Rejected),
        "numberOfQueuedThings": of(ExecutionStatus::Queued),
        "numberOfInProgressThings": of(ExecutionStatus::InProgress),
        "numberOfRemovedThings": of(ExecutionStatus::Removed),
        "numberOfTimedOutThings": of(ExecutionStatus::TimedOut),
    }))
}

fn get_job_document(call: &Call) -> Result<Reply, ApiError> {
    let job = call.world.things.find_job(call.text("jobId")?)?;
    let blanks = job
        .blanks
        .as_ref()
        .filter(|_| call.flag("beforeSubstitution"));
    let document = blanks.map_or(&job.document, |(document, _)| document);
    Ok(Reply::Json(json!({"document": **document})))
}

fn list_jobs(call: &Call) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    let group = match (call.owned("thingGroupName"), call.optional("thingGroupId")) {
        (Some(name), _) => Some(name),
        // A group that is not there has no jobs: no name is empty.
        (None, Some(id)) => Some(things.group_of_id(id).unwrap_or_default()),
        (None, None) => None,
    };
    let filter = JobFilter {
        status: named(call, "status", JobStatus::named),
        selection: named(call, "targetSelection", TargetSelection::named),
        group,
        namespace: call.owned("namespaceId"),
    };
    // A deletion is done when it is answered: no job stands there.
    if filter.status.is_none() && call.optional("status").is_some() {
        return Ok(Reply::Json(json!({"jobs": []})));
    }
    let paging = call.paging(PAGE_DEFAULT)?;
    let page = things.list_jobs(&filter, paging.after.as_deref(), paging.limit);
    Ok(listed(call, "jobs", &page, summary))
}

fn summary((job, arn, rolls_out): &(Arc<Job>, String, bool)) -> Value {
    without_nulls(json!({
        "jobArn": arn,
        "jobId": job.id,
        "targetSelection": job.selection.name(),
        "status": job.status.name(),
        "createdAt": seconds(job.created_ms),
        "lastUpdatedAt": seconds(job.updated_ms),
        "completedAt": job.completed_ms.map(seconds),
        "isConcurrent": rolls_out,
    }))
}

fn update_job(call: &Call) -> Result<Reply, ApiError> {
    let update = JobUpdate {
        description: call.owned("description"),
        config: config(call)?,
    };
    let (id, things) = (call.text("jobId")?, &call.world.things);
    let news = things.update_job(id, update, call.now_ms)?;
    told(call, news, Reply::Empty)
}

fn cancel_job(call: &Call) -> Result<Reply, ApiError> {
    let cancel = CancelJob {
        force: call.flag("force"),
        reason_code: call.owned("reasonCode"),
        comment: call.owned("comment"),
    };
    let (id, things) = (call.text("jobId")?, &call.world.things);
    let (canceled, news) = things.cancel_job(id, cancel, call.now_ms)?;
    told(call, news, created_reply(&canceled))
}

fn delete_job(call: &Call) -> Result<Reply, ApiError> {
    let (id, force) = (call.text("jobId")?, call.flag("force"));
    let news = call.world.things.delete_job(id, force, call.now_ms)?;
    told(call, news, Reply::Empty)
}

fn associate_targets_with_job(call: &Call) -> Result<Reply, ApiError> {
    let (id, targets) = (call.text("jobId")?, call.read::<Vec<String>>("targets")?);
    let (things, comment) = (&call.world.things, call.owned("comment"));
    let (changed, news) = things.associate_targets_with_job(id, &targets, comment, call.now_ms)?;
    told(call, news, created_reply(&changed))
}
