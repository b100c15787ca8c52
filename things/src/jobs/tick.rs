//! What time asks of jobs: begin, tell more things, time out, end.

use super::execution::{ExecutionStatus, JobExecution};
use super::job::{Job, JobStatus, Rollout};
use super::news::JobNews;
use super::schedule::EndBehavior;
use super::turn::Turn;
use crate::Things;

impl Things {
    /// Does what is due; says what others are to be told of it.
    pub fn tick_jobs(&self, now_ms: u64) -> JobNews {
        if !self.jobs().has_work(now_ms) {
            return JobNews::default();
        }
        let mut turn = self.jobs().turn(now_ms);
        turn.time_out();
        for job in turn.kept.active() {
            turn.begin_if_due(&job);
            turn.roll_out(&job.id);
            turn.end_if_due(&job);
            turn.complete_if_done(&job.id);
        }
        turn.finish()
    }
}

impl super::Jobs {
    fn has_work(&self, now_ms: u64) -> bool {
        let kept = self.kept();
        kept.has_active() || kept.has_timed_out(now_ms)
    }
}

impl Turn<'_> {
    /// Ends what is in progress for too long. The version stays: it counts changes by the device.
    fn time_out(&mut self) {
        for execution in self.kept.timed_out(self.now_ms) {
            self.end_execution(JobExecution {
                status: ExecutionStatus::TimedOut,
                ..JobExecution::clone(&execution)
            });
            self.settle(&execution.job);
        }
    }

    fn begin_if_due(&mut self, job: &Job) {
        let scheduling = job.scheduling.as_ref();
        let start_ms = scheduling.and_then(super::SchedulingConfig::start_ms);
        let due = start_ms.is_none_or(|start_ms| start_ms <= self.now_ms);
        if job.status == JobStatus::Scheduled && due {
            self.put_job(Job {
                status: JobStatus::InProgress,
                updated_ms: self.now_ms,
                ..job.clone()
            });
        }
    }

    /// Ends a job whose end was set: nobody else is told, and what is not done is canceled as far
    /// as the job says.
    fn end_if_due(&mut self, job: &Job) {
        let Some(scheduling) = &job.scheduling else {
            return;
        };
        if scheduling
            .end_ms()
            .is_none_or(|end_ms| end_ms > self.now_ms)
        {
            return;
        }
        match scheduling.end_behavior.unwrap_or(EndBehavior::StopRollout) {
            EndBehavior::StopRollout => self.stop_rollout(&job.id),
            EndBehavior::Cancel => self.cancel(job, false, None, None),
            EndBehavior::ForceCancel => self.cancel(job, true, None, None),
        }
    }

    fn stop_rollout(&mut self, id: &str) {
        let waits = |entry: &super::kept::Entry| !entry.rollout.waiting.is_empty();
        if self.kept.jobs.get(id).is_some_and(waits) {
            self.put_rollout(id, Rollout::default());
        }
    }
}
