//! What devices are answered, in the forms of both doors.

use super::document;
use super::execution::{ExecutionState, JobExecution};
use super::job::Job;
use crate::Things;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The door that an answer goes out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The document is a JSON value, and the thing is named by the topic.
    Mqtt,
    /// The document is text.
    Http,
}

/// What came of a device's request.
#[derive(Clone, Debug)]
pub enum JobAnswer {
    /// What the thing has to do.
    Pending {
        /// What it has begun.
        in_progress: Vec<Arc<JobExecution>>,
        /// What it has not.
        queued: Vec<Arc<JobExecution>>,
    },
    /// One execution, if there is one, with its job if the document is wanted.
    Execution(Option<(Arc<JobExecution>, Option<Arc<Job>>)>),
    /// An execution was changed.
    Updated {
        /// How it stands now, if that is wanted.
        state: Option<ExecutionState>,
        /// Its job, if the document is wanted.
        job: Option<Arc<Job>>,
    },
}

impl JobAnswer {
    /// Members of the message that answers a request over MQTT.
    pub fn mqtt(&self, things: &Things, now_ms: u64) -> Map<String, Value> {
        self.members(things, Form::Mqtt, now_ms)
    }

    /// Members of the answer to a request over HTTP.
    pub fn http(&self, things: &Things, now_ms: u64) -> Map<String, Value> {
        self.members(things, Form::Http, now_ms)
    }

    fn members(&self, things: &Things, form: Form, now_ms: u64) -> Map<String, Value> {
        let mut members = Map::new();
        match self {
            Self::Pending {
                in_progress,
                queued,
            } => {
                let lists = [("inProgressJobs", in_progress), ("queuedJobs", queued)];
                for (name, list) in lists {
                    let summaries: Vec<Value> = list.iter().map(|it| summary(it)).collect();
                    members.insert(name.to_owned(), summaries.into());
                }
            }
            Self::Execution(None) => {}
            Self::Execution(Some((execution, job))) => {
                let shown = offered(things, execution, job.as_deref(), form, now_ms);
                members.insert("execution".to_owned(), shown);
            }
            Self::Updated { state, job } => {
                if let Some(state) = state {
                    members.insert("executionState".to_owned(), shown_state(state));
                }
                if let Some(job) = job {
                    let document = shown_document(things, job, form, now_ms);
                    members.insert("jobDocument".to_owned(), document);
                }
            }
        }
        members
    }
}

/// JobExecutionState.
pub(super) fn shown_state(state: &ExecutionState) -> Value {
    let mut members = Map::new();
    members.insert("status".into(), state.status.name().into());
    if let Some(details) = &state.details {
        members.insert("statusDetails".into(), json!(details));
    }
    members.insert("versionNumber".into(), state.version.into());
    members.into()
}

/// JobExecutionSummary.
pub(super) fn summary(execution: &JobExecution) -> Value {
    let mut members = Map::new();
    members.insert("jobId".into(), execution.job.as_str().into());
    put_times(&mut members, execution);
    members.insert("executionNumber".into(), execution.number.into());
    members.insert("versionNumber".into(), execution.version.into());
    members.into()
}

/// JobExecution; with `job` its document too.
pub(super) fn offered(
    things: &Things,
    execution: &JobExecution,
    job: Option<&Job>,
    form: Form,
    now_ms: u64,
) -> Value {
    let mut members = Map::new();
    members.insert("jobId".into(), execution.job.as_str().into());
    if form == Form::Http {
        members.insert("thingName".into(), execution.thing.as_str().into());
    }
    members.insert("status".into(), execution.status.name().into());
    if let Some(details) = &execution.details {
        members.insert("statusDetails".into(), json!(details));
    }
    put_times(&mut members, execution);
    if let Some(seconds) = execution.seconds_left(now_ms) {
        members.insert("approximateSecondsBeforeTimedOut".into(), seconds.into());
    }
    members.insert("versionNumber".into(), execution.version.into());
    members.insert("executionNumber".into(), execution.number.into());
    if let Some(job) = job {
        let document = shown_document(things, job, form, now_ms);
        members.insert("jobDocument".into(), document);
    }
    members.into()
}

fn put_times(members: &mut Map<String, Value>, execution: &JobExecution) {
    members.insert("queuedAt".into(), (execution.queued_ms / 1000).into());
    if let Some(started_ms) = execution.started_ms {
        members.insert("startedAt".into(), (started_ms / 1000).into());
    }
    members.insert("lastUpdatedAt".into(), (execution.updated_ms / 1000).into());
}

fn shown_document(things: &Things, job: &Job, form: Form, now_ms: u64) -> Value {
    let document = document::delivered(things, job, now_ms);
    match form {
        Form::Mqtt => document,
        Form::Http => document.to_string().into(),
    }
}
