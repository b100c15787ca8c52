//! What things and others are told of changes: `notify`, `notify-next`, and events of jobs and
//! executions ("Jobs notifications" and "Jobs events" in the AWS IoT developer guide).

use super::answer::{Form, offered, summary};
use super::execution::{ExecutionStatus, JobExecution};
use super::job::Job;
use super::kept::Kept;
use crate::Things;
use crate::account::setting::wants_event;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Executions in one `notify`, at most.
const NOTIFIED_MAX: usize = 10;

/// What is to be told of a change; [`Things::job_messages`] puts it into words.
#[derive(Debug, Default)]
#[must_use = "things wait to be told"]
pub struct JobNews {
    pub(super) notices: Vec<Notice>,
    pub(super) events: Vec<Event>,
    pub(super) now_ms: u64,
}

impl JobNews {
    /// Whether nobody has to be told anything.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.events.is_empty()
    }
}

/// A message of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMessage {
    /// `$aws/things/...` or `$aws/events/...`.
    pub topic: String,
    /// JSON.
    pub payload: String,
}

/// That what one thing has to do is not what it was.
#[derive(Debug)]
pub(super) struct Notice {
    thing: String,
    /// What it has to do now.
    pending: Vec<Arc<JobExecution>>,
    /// What comes next, if that is something else than before.
    next: Option<Option<(Arc<JobExecution>, Arc<Job>)>>,
    /// Whether something was added or taken away.
    notify: bool,
}

impl Notice {
    pub(super) fn of(
        thing: String,
        before: Vec<(String, u64)>,
        after: Vec<(String, u64)>,
        kept: &Kept,
    ) -> Option<Self> {
        let next = (before.first() != after.first()).then(|| {
            let execution = kept.pending_executions(&thing).next()?;
            let job = kept.job(&execution.job)?;
            Some((Arc::clone(execution), Arc::clone(job)))
        });
        let set = |list: Vec<(String, u64)>| list.into_iter().collect::<BTreeSet<_>>();
        let notify = set(before) != set(after);
        (notify || next.is_some()).then(|| {
            let pending = kept.pending_executions(&thing).take(NOTIFIED_MAX);
            Self {
                pending: pending.cloned().collect(),
                thing,
                next,
                notify,
            }
        })
    }
}

/// What has happened to a job or an execution.
#[derive(Debug)]
pub(super) enum Event {
    Job {
        /// The last level of the topic.
        what: &'static str,
        job: Arc<Job>,
        /// Things by status, where that is told.
        details: Option<super::JobProcessDetails>,
    },
    Execution {
        what: &'static str,
        execution: Arc<JobExecution>,
    },
}

impl Things {
    /// The messages that a change leads to, in the order in which they are to be published.
    pub fn job_messages(&self, news: JobNews) -> Vec<JobMessage> {
        let now_ms = news.now_ms;
        let (wants_jobs, wants_executions) = {
            let state = self.state();
            (
                wants_event(&state, "JOB"),
                wants_event(&state, "JOB_EXECUTION"),
            )
        };
        let mut messages = Vec::new();
        for notice in &news.notices {
            self.notices(notice, now_ms, &mut messages);
        }
        for event in news.events {
            let (wanted, topic, members) = match event {
                Event::Job { what, job, details } => (
                    wants_jobs,
                    format!("$aws/events/job/{}/{what}", job.id),
                    self.job_event(what, &job, details, now_ms),
                ),
                Event::Execution { what, execution } => (
                    wants_executions,
                    format!("$aws/events/jobExecution/{}/{what}", execution.job),
                    self.execution_event(what, &execution, now_ms),
                ),
            };
            if wanted {
                messages.push(message(topic, members));
            }
        }
        messages
    }

    fn notices(&self, notice: &Notice, now_ms: u64, messages: &mut Vec<JobMessage>) {
        let topic = |last: &str| format!("$aws/things/{}/jobs/{last}", notice.thing);
        let stamped = || Map::from_iter([("timestamp".to_owned(), (now_ms / 1000).into())]);
        if notice.notify {
            let mut members = stamped();
            members.insert("jobs".into(), by_status(&notice.pending));
            messages.push(message(topic("notify"), members));
        }
        if let Some(next) = &notice.next {
            let mut members = stamped();
            if let Some((execution, job)) = next {
                let shown = offered(self, execution, Some(job), Form::Mqtt, now_ms);
                members.insert("execution".into(), shown);
            }
            messages.push(message(topic("notify-next"), members));
        }
    }

    fn job_event(
        &self,
        what: &str,
        job: &Job,
        details: Option<super::JobProcessDetails>,
        now_ms: u64,
    ) -> Map<String, Value> {
        // The examples of the guide have `timestamp` in seconds and the other times in
        // milliseconds. The states of a deletion and a cancellation exist in events alone.
        let status = match what {
            "cancellation_in_progress" => "CANCELLATION_IN_PROGRESS",
            "deletion_in_progress" => "DELETION_IN_PROGRESS",
            "deleted" => "DELETED",
            _ => job.status.name(),
        };
        let event = json!({
            "eventType": "JOB",
            "eventId": Uuid::new_v4().to_string(),
            "timestamp": now_ms / 1000,
            "operation": what,
            "jobId": job.id,
            "status": status,
            "targetSelection": job.selection.name(),
            "targets": self.target_arns(&job.targets),
            "description": job.description,
            "completedAt": job.completed_ms,
            "createdAt": job.created_ms,
            "lastUpdatedAt": job.updated_ms,
            "comment": job.comment,
            "jobProcessDetails": details.map(|details| json!({
                "numberOfCanceledThings": details.of(ExecutionStatus::Canceled),
                "numberOfRejectedThings": details.of(ExecutionStatus::Rejected),
                "numberOfFailedThings": details.of(ExecutionStatus::Failed),
                "numberOfRemovedThings": details.of(ExecutionStatus::Removed),
                "numberOfSucceededThings": details.of(ExecutionStatus::Succeeded),
                "numberOfTimedOutThings": details.of(ExecutionStatus::TimedOut),
            })),
        });
        set_members(event)
    }

    fn execution_event(
        &self,
        what: &str,
        execution: &JobExecution,
        now_ms: u64,
    ) -> Map<String, Value> {
        set_members(json!({
            "eventType": "JOB_EXECUTION",
            "eventId": Uuid::new_v4().to_string(),
            "timestamp": now_ms / 1000,
            "operation": what,
            "jobId": execution.job,
            "thingArn": self.place().iot(format_args!("thing/{}", execution.thing)),
            "status": execution.status.name(),
            "statusDetails": execution.details.clone().unwrap_or_default(),
        }))
    }
}

/// The members of an object that are set.
fn set_members(value: Value) -> Map<String, Value> {
    let members = match value {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let set = members.into_iter().filter(|(_, value)| !value.is_null());
    set.collect()
}

fn message(topic: String, members: Map<String, Value>) -> JobMessage {
    JobMessage {
        topic,
        payload: Value::Object(members).to_string(),
    }
}

/// Summaries under their status; a status that no execution has is left out.
fn by_status(pending: &[Arc<JobExecution>]) -> Value {
    let mut jobs = Map::new();
    for status in [ExecutionStatus::InProgress, ExecutionStatus::Queued] {
        let of_status = pending
            .iter()
            .filter(|execution| execution.status == status);
        let summaries: Vec<Value> = of_status.map(|execution| summary(execution)).collect();
        if !summaries.is_empty() {
            jobs.insert(status.name().to_owned(), summaries.into());
        }
    }
    jobs.into()
}
