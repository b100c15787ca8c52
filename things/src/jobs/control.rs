//! DescribeJob, UpdateJob, CancelJob, DeleteJob.

use super::config::JobConfig;
use super::create::CreatedJob;
use super::job::{Job, JobDescription, JobStatus};
use super::news::{Event, JobNews};
use crate::registry::TagsDocument;
use crate::{Things, ThingsError};
use std::sync::Arc;

/// What UpdateJob is given; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobUpdate {
    /// What it is for.
    pub description: Option<String>,
    /// Rollout, abort, timeout, retries, links.
    pub config: JobConfig,
}

/// What CancelJob is given.
#[derive(Clone, Debug, Default)]
pub struct CancelJob {
    /// Also what is in progress.
    pub force: bool,
    /// Why, in a word.
    pub reason_code: Option<String>,
    /// Why.
    pub comment: Option<String>,
}

impl Things {
    /// DescribeJob.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_job(&self, id: &str) -> Result<JobDescription, ThingsError> {
        let kept = self.jobs().kept();
        let entry = kept.jobs.get(id).ok_or_else(|| not_found(id))?;
        let job = Arc::clone(&entry.job);
        let waits = !entry.rollout.waiting.is_empty();
        let targets = self.target_arns(&job.targets);
        let rolls_out = waits && job.status == JobStatus::InProgress;
        Ok(JobDescription {
            arn: self.job_arn(id),
            processing_targets: if rolls_out {
                targets.clone()
            } else {
                Vec::new()
            },
            targets,
            details: kept.process_details(id),
            is_concurrent: rolls_out,
            job,
        })
    }

    /// The job itself, for GetJobDocument among others.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn find_job(&self, id: &str) -> Result<Arc<Job>, ThingsError> {
        let kept = self.jobs().kept();
        kept.job(id).cloned().ok_or_else(|| not_found(id))
    }

    /// UpdateJob. Timers that run and executions that were created stay.
    ///
    /// # Errors
    /// InvalidRequest (nothing given, a job that is over), ResourceNotFound.
    pub fn update_job(
        &self,
        id: &str,
        update: JobUpdate,
        now_ms: u64,
    ) -> Result<JobNews, ThingsError> {
        if update == JobUpdate::default() {
            return Err(ThingsError::InvalidRequest(format!(
                "Update Job request for job {id} cannot be empty."
            )));
        }
        let mut turn = self.jobs().turn(now_ms);
        let job = turn.kept.job(id).cloned().ok_or_else(|| not_found(id))?;
        if !job.status.is_active() {
            return Err(ThingsError::InvalidRequest(format!(
                "Job {id} is {} and cannot be updated.",
                job.status.name()
            )));
        }
        let mut changed = Job::clone(&job);
        changed.config = update.config.over(&job.config);
        changed.config.check()?;
        changed.description = update.description.or(changed.description);
        changed.updated_ms = now_ms;
        turn.put_job(changed);
        Ok(turn.finish())
    }

    /// CancelJob.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidRequest for a job that is over.
    pub fn cancel_job(
        &self,
        id: &str,
        cancel: CancelJob,
        now_ms: u64,
    ) -> Result<(CreatedJob, JobNews), ThingsError> {
        let mut turn = self.jobs().turn(now_ms);
        let job = turn.kept.job(id).cloned().ok_or_else(|| not_found(id))?;
        if !job.status.is_active() {
            return Err(ThingsError::InvalidRequest(format!(
                "Job {id} is {} and cannot be canceled.",
                job.status.name()
            )));
        }
        turn.cancel(&job, cancel.force, cancel.reason_code, cancel.comment);
        Ok((self.created_job(&job), turn.finish()))
    }

    /// DeleteJob, with its executions and tags.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidStateTransition for a job that is not over, unless `force`.
    pub fn delete_job(&self, id: &str, force: bool, now_ms: u64) -> Result<JobNews, ThingsError> {
        let mut turn = self.jobs().turn(now_ms);
        let job = turn.kept.job(id).cloned().ok_or_else(|| not_found(id))?;
        if job.status.is_active() && !force {
            return Err(ThingsError::InvalidStateTransition(format!(
                "Job {id} is {} and cannot be deleted: cancel it first, or use force.",
                job.status.name()
            )));
        }
        let tell = |what| Event::Job {
            what,
            job: Arc::clone(&job),
            details: None,
        };
        turn.tell(tell("deletion_in_progress"));
        let executions: Vec<_> = turn.kept.of_job(id).cloned().collect();
        for execution in executions {
            turn.remove_execution(&execution);
            turn.tell(Event::Execution {
                what: "deleted",
                execution,
            });
        }
        turn.remove_job(id);
        turn.tell(tell("deleted"));
        let news = turn.finish();
        let tags = format!("job/{id}");
        self.change(|state, batch| {
            if state.registry.has_tags(&tags) {
                batch.remove::<TagsDocument>(&tags);
            }
            Ok(())
        })?;
        Ok(news)
    }
}

pub(super) fn not_found(id: &str) -> ThingsError {
    ThingsError::ResourceNotFound(format!("Job {id} cannot be found."))
}
