//! Executions of jobs, as the control plane sees them.

use super::jobs::{named, told};
use super::wire::{expected_version, listed, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use things::{CancelExecution, ExecutionFilter, ExecutionStatus, JobExecution};

pub(super) const FAMILY: Family = &[
    ("DescribeJobExecution", describe_job_execution),
    ("ListJobExecutionsForJob", list_job_executions_for_job),
    ("ListJobExecutionsForThing", list_job_executions_for_thing),
    ("CancelJobExecution", cancel_job_execution),
    ("DeleteJobExecution", delete_job_execution),
];

/// A number of an execution, if it is given.
pub(super) fn number(call: &Call) -> Result<Option<u64>, ApiError> {
    let refused = |_| ApiError::invalid("`executionNumber` must not be negative");
    let number = call.number("executionNumber");
    number.map(u64::try_from).transpose().map_err(refused)
}

fn describe_job_execution(call: &Call) -> Result<Reply, ApiError> {
    let (job, thing) = (call.text("jobId")?, call.text("thingName")?);
    let things = &call.world.things;
    let found = things.describe_job_execution(job, thing, number(call)?)?;
    Ok(Reply::Json(json!({"execution": shown(call, &found)})))
}

fn shown(call: &Call, execution: &JobExecution) -> Value {
    let details = execution.details.clone().unwrap_or_default();
    without_nulls(json!({
        "jobId": execution.job,
        "status": execution.status.name(),
        "forceCanceled": execution.force_canceled.then_some(true),
        "statusDetails": {"detailsMap": details},
        "thingArn": call.arn(&format!("thing/{}", execution.thing)),
        "queuedAt": seconds(execution.queued_ms),
        "startedAt": execution.started_ms.map(seconds),
        "lastUpdatedAt": seconds(execution.updated_ms),
        "executionNumber": execution.number,
        "versionNumber": execution.version,
        "approximateSecondsBeforeTimedOut": execution.seconds_left(call.now_ms),
    }))
}

fn summary(execution: &JobExecution) -> Value {
    without_nulls(json!({
        "status": execution.status.name(),
        "queuedAt": seconds(execution.queued_ms),
        "startedAt": execution.started_ms.map(seconds),
        "lastUpdatedAt": seconds(execution.updated_ms),
        "executionNumber": execution.number,
        "retryAttempt": execution.retry_attempt(),
    }))
}

fn filter(call: &Call) -> ExecutionFilter {
    ExecutionFilter {
        status: named(call, "status", ExecutionStatus::named),
        job: None,
        namespace: call.owned("namespaceId"),
    }
}

fn list_job_executions_for_job(call: &Call) -> Result<Reply, ApiError> {
    let (job, paging) = (call.text("jobId")?, call.paging(PAGE_DEFAULT)?);
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_job_executions_for_job(job, &filter(call), after, paging.limit)?;
    Ok(listed(call, "executionSummaries", &page, |execution| {
        json!({
            "thingArn": call.arn(&format!("thing/{}", execution.thing)),
            "jobExecutionSummary": summary(execution),
        })
    }))
}

fn list_job_executions_for_thing(call: &Call) -> Result<Reply, ApiError> {
    let (thing, paging) = (call.text("thingName")?, call.paging(PAGE_DEFAULT)?);
    let filter = ExecutionFilter {
        job: call.owned("jobId"),
        ..filter(call)
    };
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_job_executions_for_thing(thing, &filter, after, paging.limit)?;
    Ok(listed(
        call,
        "executionSummaries",
        &page,
        |execution| json!({"jobId": execution.job, "jobExecutionSummary": summary(execution)}),
    ))
}

/// statusDetails of CancelJobExecution, a map of texts.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Details(Option<BTreeMap<String, String>>);

fn cancel_job_execution(call: &Call) -> Result<Reply, ApiError> {
    let cancel = CancelExecution {
        force: call.flag("force"),
        expected_version: expected_version(call)?,
        status_details: call.read::<Details>("statusDetails")?.0,
    };
    let (job, thing) = (call.text("jobId")?, call.text("thingName")?);
    let things = &call.world.things;
    let news = things.cancel_job_execution(job, thing, &cancel, call.now_ms)?;
    told(call, news, Reply::Empty)
}

fn delete_job_execution(call: &Call) -> Result<Reply, ApiError> {
    let (job, thing) = (call.text("jobId")?, call.text("thingName")?);
    let Some(number) = number(call)? else {
        let why = "`executionNumber` is missing";
        return Err(ApiError::new(Code::InvalidRequest, why));
    };
    let (things, force) = (&call.world.things, call.flag("force"));
    let news = things.delete_job_execution(job, thing, number, force, call.now_ms)?;
    told(call, news, Reply::Empty)
}
