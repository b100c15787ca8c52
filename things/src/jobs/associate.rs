//! AssociateTargetsWithJob.

use super::control::not_found;
use super::create::{CreatedJob, TARGETS_MAX};
use super::job::{Job, JobStatus};
use super::news::JobNews;
use crate::{Things, ThingsError};

impl Things {
    /// AssociateTargetsWithJob: a continuous job that goes on gets further targets.
    ///
    /// # Errors
    /// ResourceNotFound (job, target), InvalidRequest, LimitExceeded.
    pub fn associate_targets_with_job(
        &self,
        id: &str,
        targets: &[String],
        comment: Option<String>,
        now_ms: u64,
    ) -> Result<(CreatedJob, JobNews), ThingsError> {
        let state = self.state();
        let mut turn = self.jobs().turn(now_ms);
        let job = turn.kept.job(id).cloned().ok_or_else(|| not_found(id))?;
        if !job.is_continuous() || job.status != JobStatus::InProgress {
            return Err(ThingsError::InvalidRequest(format!(
                "Targets can only be associated with a job that is CONTINUOUS and IN_PROGRESS: job {id} is {} and {}.",
                job.selection.name(),
                job.status.name()
            )));
        }
        let mut changed = Job::clone(&job);
        for target in self.job_targets(&state, targets)? {
            if !changed.targets.contains(&target) {
                changed.targets.push(target);
            }
        }
        if changed.targets.len() > TARGETS_MAX {
            return Err(ThingsError::LimitExceeded(format!(
                "a job has at most {TARGETS_MAX} targets, job {id} would have {}",
                changed.targets.len()
            )));
        }
        changed.comment = comment.or(changed.comment);
        changed.updated_ms = now_ms;
        let things = self.things_of_targets(&state, &changed.targets);
        let changed = turn.put_job(changed);
        turn.reconcile(&changed, &things);
        Ok((self.created_job(&changed), turn.finish()))
    }
}
