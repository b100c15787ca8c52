//! Jobs over HTTP, as the thing itself sees them (the service `iot-jobs-data`).

use super::publish::permit_with_either;
use super::{Call, Family};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use serde_json::{Map, Value};
use things::{JobError, JobRejected, JobRequest};

pub(super) const FAMILY: Family = &[
    ("GetPendingJobExecutions", get_pending_job_executions),
    (
        "StartNextPendingJobExecution",
        start_next_pending_job_execution,
    ),
    ("DescribeJobExecution", describe_job_execution),
    ("UpdateJobExecution", update_job_execution),
];

fn get_pending_job_executions(call: &Call) -> Result<Reply, ApiError> {
    const ACTIONS: Actions = [
        "iotjobsdata:GetPendingJobExecutions",
        "iot:GetPendingJobExecutions",
    ];
    ask(call, ACTIONS, |_| Ok(JobRequest::Pending))
}

fn start_next_pending_job_execution(call: &Call) -> Result<Reply, ApiError> {
    const ACTIONS: Actions = [
        "iotjobsdata:StartNextPendingJobExecution",
        "iot:StartNextPendingJobExecution",
    ];
    ask(call, ACTIONS, JobRequest::start_next)
}

fn describe_job_execution(call: &Call) -> Result<Reply, ApiError> {
    const ACTIONS: Actions = [
        "iotjobsdata:DescribeJobExecution",
        "iot:DescribeJobExecution",
    ];
    let job = call.text("jobId")?;
    ask(call, ACTIONS, |members| JobRequest::describe(job, members))
}

fn update_job_execution(call: &Call) -> Result<Reply, ApiError> {
    const ACTIONS: Actions = ["iotjobsdata:UpdateJobExecution", "iot:UpdateJobExecution"];
    let job = call.text("jobId")?;
    ask(call, ACTIONS, |members| JobRequest::update(job, members))
}

/// The names that an operation has in policies: newer ones name the actions of devices by a service
/// of their own (Service Authorization Reference, "AWS IoT Jobs DataPlane"), the older hold as well.
type Actions = [&'static str; 2];

/// Does what is asked for; others are told of it as if it had come by MQTT.
fn ask(
    call: &Call,
    actions: Actions,
    request: impl FnOnce(Map<String, Value>) -> Result<JobRequest, JobError>,
) -> Result<Reply, ApiError> {
    let thing = call.text("thingName")?;
    permit_with_either(call, actions, &call.arn(&format!("thing/{thing}")))?;
    let request = request(call.input.members.clone());
    let request = request.map_err(|error| refused(&error.into()))?;
    let hub = &call.world.hub;
    let (answer, news) = hub
        .ask_jobs(thing, &request)
        .map_err(|rejected| refused(&rejected))?;
    hub.tell_jobs(news);
    let answer = answer.http(&call.world.things, call.now_ms);
    Ok(Reply::Json(answer.into()))
}

/// Over HTTP a version that is not the execution's is an invalid request: UpdateJobExecution has no
/// error of its own for it.
fn refused(rejected: &JobRejected) -> ApiError {
    let code = match &rejected.error {
        JobError::InvalidTopic(_)
        | JobError::InvalidJson(_)
        | JobError::InvalidRequest(_)
        | JobError::VersionMismatch { .. } => Code::InvalidRequest,
        JobError::InvalidStateTransition(_) => Code::InvalidStateTransition,
        JobError::ResourceNotFound(_) => Code::ResourceNotFound,
        JobError::RequestThrottled => Code::Throttling,
        JobError::TerminalStateReached => Code::TerminalState,
    };
    ApiError::new(code, rejected.error.to_string())
}
