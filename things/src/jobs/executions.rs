//! Executions, as the control plane sees them.

use super::execution::{Details, ExecutionStatus, JobExecution};
use super::news::{Event, JobNews};
use crate::{Page, Things, ThingsError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What CancelJobExecution is given.
#[derive(Clone, Debug, Default)]
pub struct CancelExecution {
    /// Also if it is in progress.
    pub force: bool,
    /// The version that the caller saw.
    pub expected_version: Option<u64>,
    /// What is said of it.
    pub status_details: Option<BTreeMap<String, String>>,
}

/// Which executions are listed; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// Those that stand there.
    pub status: Option<ExecutionStatus>,
    /// Those of this job.
    pub job: Option<String>,
    /// Those of jobs of this namespace.
    pub namespace: Option<String>,
}

impl Things {
    /// DescribeJobExecution; the latest one if no number is given.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_job_execution(
        &self,
        job: &str,
        thing: &str,
        number: Option<u64>,
    ) -> Result<Arc<JobExecution>, ThingsError> {
        self.find_job(job)?;
        let kept = self.jobs().kept();
        let found = kept.execution(thing, job, number).cloned();
        found.ok_or_else(|| not_found(job, thing))
    }

    /// ListJobExecutionsForJob, by thing and number.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_job_executions_for_job(
        &self,
        job: &str,
        filter: &ExecutionFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Arc<JobExecution>>, ThingsError> {
        self.find_job(job)?;
        let kept = self.jobs().kept();
        let rows = kept.of_job(job).filter(|it| filter.includes(it, None));
        let rows = rows.map(|it| (format!("{}/{:020}", it.thing, it.number), Arc::clone(it)));
        Ok(Page::of(rows, after, limit))
    }

    /// ListJobExecutionsForThing, the newest first: AWS does not say in which order.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_job_executions_for_thing(
        &self,
        thing: &str,
        filter: &ExecutionFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Arc<JobExecution>>, ThingsError> {
        if self.state().registry.thing(thing).is_none() {
            let why = format!("Thing {thing} cannot be found.");
            return Err(ThingsError::ResourceNotFound(why));
        }
        let kept = self.jobs().kept();
        let own = kept.of_thing(thing).filter(|execution| {
            let job = kept.job(&execution.job);
            filter.includes(execution, job.and_then(|job| job.namespace.as_deref()))
        });
        let mut rows: Vec<_> = own
            .map(|it| (format!("{:020}", u64::MAX - it.order), Arc::clone(it)))
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Page::of(rows, after, limit))
    }

    /// CancelJobExecution.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict; InvalidStateTransition if it is over, or in progress and
    /// not forced.
    pub fn cancel_job_execution(
        &self,
        job: &str,
        thing: &str,
        cancel: &CancelExecution,
        now_ms: u64,
    ) -> Result<JobNews, ThingsError> {
        self.find_job(job)?;
        let mut turn = self.jobs().turn(now_ms);
        let found = turn.kept.execution(thing, job, None).cloned();
        let found = found.ok_or_else(|| not_found(job, thing))?;
        let in_progress = found.status == ExecutionStatus::InProgress;
        if !found.status.is_pending() || (in_progress && !cancel.force) {
            return Err(ThingsError::InvalidStateTransition(format!(
                "Job execution for thing {thing} within job {job} cannot be canceled."
            )));
        }
        if let Some(expected) = cancel.expected_version
            && expected != found.version
        {
            return Err(ThingsError::VersionConflict(format!(
                "Expected version {expected} but found version {}",
                found.version
            )));
        }
        let details: Option<Details> = cancel.status_details.clone();
        turn.end_execution(JobExecution {
            status: ExecutionStatus::Canceled,
            force_canceled: in_progress,
            details: details.or_else(|| found.details.clone()),
            ..JobExecution::clone(&found)
        });
        turn.settle(job);
        Ok(turn.finish())
    }

    /// DeleteJobExecution.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidStateTransition if it is not over, unless `force`.
    pub fn delete_job_execution(
        &self,
        job: &str,
        thing: &str,
        number: u64,
        force: bool,
        now_ms: u64,
    ) -> Result<JobNews, ThingsError> {
        self.find_job(job)?;
        let mut turn = self.jobs().turn(now_ms);
        let found = turn.kept.execution(thing, job, Some(number)).cloned();
        let found = found.ok_or_else(|| not_found(job, thing))?;
        if found.status.is_pending() && !force {
            return Err(ThingsError::InvalidStateTransition(format!(
                "Job execution for thing {thing} within job {job} is {} and cannot be deleted: \
                 cancel it first, or use force.",
                found.status.name()
            )));
        }
        turn.remove_execution(&found);
        turn.tell(Event::Execution {
            what: "deleted",
            execution: found,
        });
        turn.settle(job);
        Ok(turn.finish())
    }
}

impl ExecutionFilter {
    fn includes(&self, execution: &JobExecution, namespace: Option<&str>) -> bool {
        let status = self.status.is_none_or(|status| status == execution.status);
        let job = self.job.as_ref().is_none_or(|job| *job == execution.job);
        status && job && (self.namespace.is_none() || self.namespace.as_deref() == namespace)
    }
}

fn not_found(job: &str, thing: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!(
        "Job execution for thing {thing} cannot be found within job {job}."
    ))
}
