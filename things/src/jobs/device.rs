//! What devices ask of their jobs, whichever door they come by.

use super::answer::{JobAnswer, shown_state};
use super::error::{JobError, JobRejected};
use super::execution::{ExecutionStatus, JobExecution};
use super::job::Job;
use super::news::JobNews;
use super::request::{
    DescribeExecution, JobRequest, StartNext, UpdateExecution, check_details, members, new_status,
    open, step_ends_ms,
};
use super::turn::Turn;
use crate::Things;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The job id that stands for what comes next.
pub(super) const NEXT: &str = "$next";

type Asked = Result<(JobAnswer, JobNews), JobRejected>;

impl JobRequest {
    /// Reads the payload of a request over MQTT; `shape` makes a request of its members. The
    /// client token is given back also when the rest cannot be read.
    ///
    /// # Errors
    /// InvalidJson, InvalidRequest.
    pub fn read(
        payload: &[u8],
        shape: impl FnOnce(Map<String, Value>) -> Result<Self, JobError>,
    ) -> (Result<Self, JobError>, Option<String>) {
        match open(payload) {
            Ok((members, token)) => (shape(members), token),
            Err(error) => (Err(error), None),
        }
    }

    /// StartNextPendingJobExecution with these members.
    ///
    /// # Errors
    /// InvalidRequest.
    pub fn start_next(sent: Map<String, Value>) -> Result<Self, JobError> {
        members(sent).map(Self::StartNext)
    }

    /// DescribeJobExecution with these members.
    ///
    /// # Errors
    /// InvalidRequest.
    pub fn describe(job: &str, sent: Map<String, Value>) -> Result<Self, JobError> {
        let describe = members(sent)?;
        let job = job.to_owned();
        Ok(Self::Describe { job, describe })
    }

    /// UpdateJobExecution with these members.
    ///
    /// # Errors
    /// InvalidRequest; InvalidTopic for `$next`, which cannot be updated.
    pub fn update(job: &str, sent: Map<String, Value>) -> Result<Self, JobError> {
        if job == NEXT {
            let why = "$next can be described and not updated: name the job";
            return Err(JobError::InvalidTopic(why.to_owned()));
        }
        let update = members(sent)?;
        let job = job.to_owned();
        Ok(Self::Update { job, update })
    }
}

impl JobRejected {
    /// Members of the message that rejects a request over MQTT.
    pub fn mqtt(&self, client_token: Option<&str>, now_ms: u64) -> Map<String, Value> {
        let mut rejection = Map::new();
        if let Some(token) = client_token {
            rejection.insert("clientToken".into(), token.into());
        }
        rejection.insert("timestamp".into(), (now_ms / 1000).into());
        if let Some(state) = &self.state {
            rejection.insert("executionState".into(), shown_state(state));
        }
        rejection.insert("code".into(), self.error.code().into());
        rejection.insert("message".into(), self.error.to_string().into());
        rejection
    }
}

impl Things {
    /// Does what a device asks for; gives the answer, and what others are to be told.
    ///
    /// # Errors
    /// All that [`JobError`] names.
    pub fn ask_jobs(&self, thing: &str, request: &JobRequest, now_ms: u64) -> Asked {
        if self.state().registry.thing(thing).is_none() {
            let why = format!("Thing {thing} cannot be found.");
            return Err(JobError::ResourceNotFound(why).into());
        }
        match request {
            JobRequest::Pending => Ok((self.pending_jobs(thing), JobNews::default())),
            JobRequest::StartNext(start) => self.start_next_job(thing, start, now_ms),
            JobRequest::Describe { job, describe } => {
                let answer = self.describe_own_execution(thing, job, describe)?;
                Ok((answer, JobNews::default()))
            }
            JobRequest::Update { job, update } => {
                self.update_own_execution(thing, job, update, now_ms)
            }
        }
    }

    fn pending_jobs(&self, thing: &str) -> JobAnswer {
        let kept = self.jobs().kept();
        let all = kept.pending_executions(thing).cloned();
        let (in_progress, queued) =
            all.partition(|execution| execution.status == ExecutionStatus::InProgress);
        JobAnswer::Pending {
            in_progress,
            queued,
        }
    }

    fn start_next_job(&self, thing: &str, start: &StartNext, now_ms: u64) -> Asked {
        check_details(start.status_details.as_ref())?;
        let step = step_ends_ms(start.step_timeout_in_minutes, now_ms)?;
        let mut turn = self.jobs().turn(now_ms);
        let Some(next) = turn.kept.pending_executions(thing).next().cloned() else {
            return Ok((JobAnswer::Execution(None), JobNews::default()));
        };
        let Some(job) = turn.kept.job(&next.job).cloned() else {
            return Ok((JobAnswer::Execution(None), JobNews::default()));
        };
        let begun = next.status == ExecutionStatus::InProgress;
        let mut started = JobExecution::clone(&next);
        // Details are not changed of what is in progress already (StartNextPendingJobExecution).
        if !begun {
            started.version += 1;
            if let Some(details) = &start.status_details {
                started.details = Some(details.clone());
            }
            started.begin(&job, now_ms);
        }
        if let Some(step_ends_ms) = step {
            started.step_ends_ms = step_ends_ms;
        }
        let started = if started == *next {
            next
        } else {
            started.updated_ms = now_ms;
            turn.put_execution(started)
        };
        let news = turn.finish();
        Ok((JobAnswer::Execution(Some((started, Some(job)))), news))
    }

    fn describe_own_execution(
        &self,
        thing: &str,
        job: &str,
        describe: &DescribeExecution,
    ) -> Result<JobAnswer, JobRejected> {
        let kept = self.jobs().kept();
        let execution = if job == NEXT {
            match kept.pending_executions(thing).next() {
                Some(next) => Arc::clone(next),
                None => return Ok(JobAnswer::Execution(None)),
            }
        } else {
            let found = kept.execution(thing, job, describe.execution_number);
            Arc::clone(found.ok_or_else(|| not_found(thing, job))?)
        };
        if !execution.status.is_pending() {
            return Err(JobError::TerminalStateReached.into());
        }
        let document = describe.include_job_document.unwrap_or(true);
        let job = kept.job(&execution.job).filter(|_| document).cloned();
        Ok(JobAnswer::Execution(Some((execution, job))))
    }

    fn update_own_execution(
        &self,
        thing: &str,
        job: &str,
        update: &UpdateExecution,
        now_ms: u64,
    ) -> Asked {
        let status = new_status(update.status.as_deref())?;
        check_details(update.status_details.as_ref())?;
        let step = step_ends_ms(update.step_timeout_in_minutes, now_ms)?;
        let mut turn = self.jobs().turn(now_ms);
        let found = turn.kept.execution(thing, job, update.execution_number);
        let found = found.ok_or_else(|| not_found(thing, job))?;
        check_update(found, update)?;
        let mut changed = JobExecution::clone(found);
        let job = turn.kept.job(job).cloned();
        let job = job.ok_or_else(|| not_found(thing, &changed.job))?;
        changed.version += 1;
        changed.updated_ms = now_ms;
        if let Some(details) = &update.status_details {
            changed.details = Some(details.clone());
        }
        if let Some(step_ends_ms) = step {
            changed.step_ends_ms = step_ends_ms;
        }
        if changed.status == ExecutionStatus::Queued {
            changed.begin(&job, now_ms);
        }
        changed.status = status;
        let state = changed.state();
        if status.is_pending() {
            turn.put_execution(changed);
        } else {
            turn.end_execution(changed);
            turn.settle(&job.id);
        }
        let news = turn.finish();
        let wanted = |flag: Option<bool>| flag.unwrap_or(false);
        let answer = JobAnswer::Updated {
            state: wanted(update.include_job_execution_state).then_some(state),
            job: wanted(update.include_job_document).then_some(job),
        };
        Ok((answer, news))
    }
}

/// The version is compared before it is asked whether the execution is over.
fn check_update(execution: &JobExecution, update: &UpdateExecution) -> Result<(), JobRejected> {
    let rejected = |error| JobRejected {
        error,
        state: Some(execution.state()),
    };
    if let Some(expected) = update.expected_version
        && expected != execution.version
    {
        return Err(rejected(JobError::VersionMismatch {
            expected,
            found: execution.version,
        }));
    }
    if !execution.status.is_pending() {
        let why = format!(
            "The status of job execution cannot be changed from {}",
            execution.status.name()
        );
        return Err(rejected(JobError::InvalidStateTransition(why)));
    }
    Ok(())
}

fn not_found(thing: &str, job: &str) -> JobError {
    JobError::ResourceNotFound(format!(
        "Job execution for thing {thing} cannot be found within job {job}."
    ))
}

impl JobExecution {
    /// The device begins.
    fn begin(&mut self, job: &Job, now_ms: u64) {
        self.status = ExecutionStatus::InProgress;
        self.started_ms = Some(now_ms);
        let minutes = job.config.timeout_minutes();
        let minutes = minutes.and_then(|minutes| u64::try_from(minutes).ok());
        self.ends_ms = minutes.map(|minutes| now_ms + minutes * 60_000);
    }
}

impl Turn<'_> {
    /// Stores an execution that is over, has it told, and tries it again if that is wanted.
    pub(super) fn end_execution(&mut self, execution: JobExecution) {
        let what = match execution.status {
            ExecutionStatus::Succeeded => "succeeded",
            ExecutionStatus::Failed => "failed",
            ExecutionStatus::TimedOut => "timed_out",
            ExecutionStatus::Rejected => "rejected",
            ExecutionStatus::Removed => "removed",
            ExecutionStatus::Canceled => "canceled",
            ExecutionStatus::Queued | ExecutionStatus::InProgress => return,
        };
        let execution = self.put_execution(JobExecution {
            updated_ms: self.now_ms,
            ..execution
        });
        self.retry(&execution);
        self.tell(super::news::Event::Execution { what, execution });
    }
}
