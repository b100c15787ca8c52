//! ListJobs.

use super::job::{Job, JobStatus, TargetSelection};
use crate::{Page, Things};
use std::sync::Arc;

/// Which jobs are listed; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Those that stand there.
    pub status: Option<JobStatus>,
    /// Snapshot or continuous ones.
    pub selection: Option<TargetSelection>,
    /// Those that have this thing group among their targets.
    pub group: Option<String>,
    /// Those of this namespace.
    pub namespace: Option<String>,
}

impl Things {
    /// ListJobs, the newest first: AWS does not say in which order. Each comes with whether it is
    /// still being rolled out.
    pub fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Page<(Arc<Job>, String, bool)> {
        let kept = self.jobs().kept();
        let listed = kept
            .jobs
            .values()
            .filter(|entry| filter.includes(&entry.job));
        let mut rows: Vec<_> = listed
            .map(|entry| {
                let job = &entry.job;
                let rolls_out =
                    !entry.rollout.waiting.is_empty() && job.status == JobStatus::InProgress;
                let row = (Arc::clone(job), self.job_arn(&job.id), rolls_out);
                (format!("{:020}", u64::MAX - job.order), row)
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        Page::of(rows, after, limit)
    }

    /// The name of the thing group with an id.
    pub fn group_of_id(&self, id: &str) -> Option<String> {
        let state = self.state();
        state.registry.group_of_id(id).map(str::to_owned)
    }
}

impl JobFilter {
    fn includes(&self, job: &Job) -> bool {
        let group = |name: &String| {
            let mut targets = job.targets.iter();
            targets.any(|target| target.strip_prefix("thinggroup/") == Some(name))
        };
        self.status.is_none_or(|status| status == job.status)
            && self
                .selection
                .is_none_or(|selection| selection == job.selection)
            && self.group.as_ref().is_none_or(group)
            && (self.namespace.is_none() || self.namespace == job.namespace)
    }
}
