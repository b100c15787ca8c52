//! How a job goes on: who is told when, what is tried again, when it is called off or done.

use super::config::FailureType;
use super::execution::{ExecutionStatus, JobExecution};
use super::job::{Job, JobStatus, Rollout};
use super::news::Event;
use super::turn::Turn;
use std::sync::Arc;

/// How often things are told, where there is a rate.
const BATCH_MS: u64 = 60_000;

/// The reason of a job that its abort configuration has called off.
const ABORTED: &str = "ABORT_CANCEL";

impl Turn<'_> {
    /// Tells as many of the waiting things as may be told now. Without a rollout configuration,
    /// which asks for a rate, all are told at once.
    pub(super) fn roll_out(&mut self, id: &str) {
        let Some(entry) = self.kept.jobs.get(id) else {
            return;
        };
        let (job, rollout) = (Arc::clone(&entry.job), Arc::clone(&entry.rollout));
        let open = job.scheduling.as_ref();
        let open = open.is_none_or(|scheduling| scheduling.is_open(self.now_ms));
        let due = rollout.next_ms <= self.now_ms;
        if job.status != JobStatus::InProgress || rollout.waiting.is_empty() || !open || !due {
            return;
        }
        let succeeded = entry.tally.of(ExecutionStatus::Succeeded);
        let config = job.config.job_executions_rollout_config.as_ref();
        let count = match config {
            Some(config) => {
                usize::try_from(config.rate(rollout.notified, succeeded)).unwrap_or(usize::MAX)
            }
            None => usize::MAX,
        };
        let mut rollout = Rollout::clone(&rollout);
        let count = count.min(rollout.waiting.len());
        let told: Vec<String> = rollout.waiting.drain(..count).collect();
        for thing in &told {
            self.queue(&job, thing);
        }
        rollout.notified += told.len() as u64;
        rollout.next_ms = match config {
            Some(_) => self.now_ms + BATCH_MS,
            None => 0,
        };
        self.put_rollout(id, rollout);
    }

    /// Gives a thing an execution of a job: the first, or the next one if it has had some.
    pub(super) fn queue(&mut self, job: &Job, thing: &str) {
        let last = self.kept.execution(thing, &job.id, None);
        let number = last.map_or(1, |last| last.number + 1);
        let execution = self.fresh(job, thing, number);
        self.put_execution(execution);
    }

    fn fresh(&mut self, job: &Job, thing: &str, number: u64) -> JobExecution {
        JobExecution {
            job: job.id.clone(),
            thing: thing.to_owned(),
            number,
            status: ExecutionStatus::Queued,
            force_canceled: false,
            details: None,
            queued_ms: self.now_ms,
            started_ms: None,
            updated_ms: self.now_ms,
            version: 1,
            step_ends_ms: None,
            ends_ms: None,
            order: self.kept.next_order(),
            after_failed: 0,
            after_timed_out: 0,
            left: false,
        }
    }

    /// What follows from executions that are over: others are tried again in their place, the job
    /// is called off, or it is complete.
    pub(super) fn settle(&mut self, id: &str) {
        self.call_off_if_failing(id);
        self.complete_if_done(id);
    }

    /// Tries what failed again, if that is wanted and the job still goes on.
    pub(super) fn retry(&mut self, failed: &JobExecution) {
        let Some(job) = self.kept.job(&failed.job).cloned() else {
            return;
        };
        let Some(failure) = failed.status.failure() else {
            return;
        };
        let mut next = self.fresh(&job, &failed.thing, failed.number + 1);
        let of_this_kind = match failure {
            FailureType::TimedOut => failed.after_timed_out,
            FailureType::Failed | FailureType::Rejected | FailureType::All => failed.after_failed,
        };
        let in_all = failed.after_failed + failed.after_timed_out;
        let goes_on = job.status == JobStatus::InProgress && !failed.left;
        if !goes_on || !job.config.retries(failure, of_this_kind, in_all) {
            return;
        }
        next.after_failed = failed.after_failed + u32::from(failure == FailureType::Failed);
        next.after_timed_out = failed.after_timed_out + u32::from(failure == FailureType::TimedOut);
        self.put_execution(next);
    }

    /// Calls a job off when too many of those that were told have failed: of executions, because
    /// each retry counts ("Retry and abort configuration" in the AWS IoT developer guide). What is
    /// in progress goes on.
    fn call_off_if_failing(&mut self, id: &str) {
        let Some(entry) = self.kept.jobs.get(id) else {
            return;
        };
        let (job, tally) = (Arc::clone(&entry.job), entry.tally);
        let Some(config) = &job.config.abort_config else {
            return;
        };
        let told = tally.all();
        let failing = config.criteria_list.iter().any(|criteria| {
            let of = |status| tally.of(status);
            let (failed, rejected, timed_out) = (
                of(ExecutionStatus::Failed),
                of(ExecutionStatus::Rejected),
                of(ExecutionStatus::TimedOut),
            );
            let failures = match criteria.failure_type {
                FailureType::Failed => failed,
                FailureType::Rejected => rejected,
                FailureType::TimedOut => timed_out,
                FailureType::All => failed + rejected + timed_out,
            };
            // Both are far below 2^53.
            let share = failures as f64 * 100.0 / told.max(1) as f64;
            told >= criteria.min_number_of_executed_things
                && failures > 0
                && share >= criteria.threshold_percentage
        });
        if failing && job.status == JobStatus::InProgress {
            let reason = Some(ABORTED.to_owned());
            self.cancel(&job, false, reason, None);
        }
    }

    /// Cancels a job: what is queued, and with `force` what is in progress.
    pub(super) fn cancel(
        &mut self,
        job: &Job,
        force: bool,
        reason_code: Option<String>,
        comment: Option<String>,
    ) {
        let canceled = Job {
            status: JobStatus::Canceled,
            force_canceled: force,
            reason_code,
            comment,
            updated_ms: self.now_ms,
            ..job.clone()
        };
        let id = canceled.id.clone();
        let canceled = self.put_job(canceled);
        self.tell(Event::Job {
            what: "cancellation_in_progress",
            job: Arc::clone(&canceled),
            details: None,
        });
        self.put_rollout(&id, Rollout::default());
        self.cancel_executions(&id, force);
        self.tell(Event::Job {
            what: "canceled",
            job: canceled,
            details: None,
        });
    }

    fn cancel_executions(&mut self, id: &str, force: bool) {
        let all = self.kept.of_job(id).cloned();
        let pending: Vec<_> = all.filter(|it| it.status.is_pending()).collect();
        for execution in pending {
            let in_progress = execution.status == ExecutionStatus::InProgress;
            if in_progress && !force {
                continue;
            }
            self.end_execution(JobExecution {
                status: ExecutionStatus::Canceled,
                force_canceled: in_progress,
                ..JobExecution::clone(&execution)
            });
        }
    }

    /// Completes a job that has nobody left to tell or to wait for. A continuous job waits for
    /// things to come until its end, if it has one.
    pub(super) fn complete_if_done(&mut self, id: &str) {
        let Some(entry) = self.kept.jobs.get(id) else {
            return;
        };
        let done = entry.rollout.waiting.is_empty() && entry.tally.pending() == 0;
        let job = Arc::clone(&entry.job);
        let waits = job.is_continuous() && !job.has_ended(self.now_ms);
        if !done || waits || job.status != JobStatus::InProgress {
            return;
        }
        let details = Some(self.kept.process_details(id));
        let job = self.put_job(Job {
            status: JobStatus::Completed,
            completed_ms: Some(self.now_ms),
            updated_ms: self.now_ms,
            ..Job::clone(&job)
        });
        self.tell(Event::Job {
            what: "completed",
            job,
            details,
        });
    }
}
