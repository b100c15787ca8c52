//! A job.

use super::config::JobConfig;
use super::execution::ExecutionStatus;
use super::schedule::SchedulingConfig;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are AWS's.
pub enum JobStatus {
    Scheduled,
    InProgress,
    Canceled,
    Completed,
}

impl JobStatus {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::InProgress => "IN_PROGRESS",
            Self::Canceled => "CANCELED",
            Self::Completed => "COMPLETED",
        }
    }

    /// The status of a name in the API.
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Scheduled,
            Self::InProgress,
            Self::Canceled,
            Self::Completed,
        ];
        all.into_iter().find(|status| status.name() == name)
    }

    /// Whether it may still change by itself.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Scheduled | Self::InProgress)
    }
}

/// Whether a job goes to the things that are there, or also to those that come later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are AWS's.
pub enum TargetSelection {
    #[default]
    Snapshot,
    Continuous,
}

impl TargetSelection {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "SNAPSHOT",
            Self::Continuous => "CONTINUOUS",
        }
    }

    /// The selection of a name in the API.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Snapshot, Self::Continuous]
            .into_iter()
            .find(|selection| selection.name() == name)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// jobId.
    pub id: String,
    /// `thing/NAME` and `thinggroup/NAME`.
    pub(super) targets: Vec<String>,
    /// Which things it is for.
    pub selection: TargetSelection,
    /// Where it stands.
    pub status: JobStatus,
    /// Whether what was in progress was canceled too.
    pub force_canceled: bool,
    /// Why it was canceled, in a word.
    pub reason_code: Option<String>,
    /// Why it was last changed.
    pub comment: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The document, as it was given.
    pub document: Arc<str>,
    /// The document before its blanks were filled in, and what with, if it is of a managed
    /// template.
    pub blanks: Option<(Arc<str>, BTreeMap<String, String>)>,
    /// Where it was read from.
    pub document_source: Option<String>,
    /// The template that it was made from.
    pub template_arn: Option<String>,
    /// namespaceId.
    pub namespace: Option<String>,
    /// destinationPackageVersions.
    pub package_versions: Vec<String>,
    /// Rollout, abort, timeout, retries, links.
    pub config: JobConfig,
    /// When it begins and ends.
    pub scheduling: Option<SchedulingConfig>,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub updated_ms: u64,
    /// When it was completed.
    pub completed_ms: Option<u64>,
    /// Grows with each job on the server.
    pub(super) order: u64,
}

impl Job {
    pub(super) fn is_continuous(&self) -> bool {
        self.selection == TargetSelection::Continuous
    }

    /// Whether the end that was set for it has come.
    pub(super) fn has_ended(&self, now_ms: u64) -> bool {
        let end_ms = self.scheduling.as_ref().and_then(SchedulingConfig::end_ms);
        end_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }
}

/// What is still to be told to things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollout {
    /// Things that were not told yet.
    pub(super) waiting: VecDeque<String>,
    /// When the next ones may be told.
    pub(super) next_ms: u64,
    /// Things that were told.
    pub(super) notified: u64,
}

/// Numbers of executions by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally([u64; 8]);

impl Tally {
    pub(super) fn add(&mut self, status: ExecutionStatus) {
        self.0[status as usize] += 1;
    }

    pub(super) fn take(&mut self, status: ExecutionStatus) {
        self.0[status as usize] -= 1;
    }

    pub(super) fn of(&self, status: ExecutionStatus) -> u64 {
        self.0[status as usize]
    }

    pub(super) fn all(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn pending(&self) -> u64 {
        self.of(ExecutionStatus::Queued) + self.of(ExecutionStatus::InProgress)
    }
}

/// jobProcessDetails: things by the status of their latest execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProcessDetails(pub(super) Tally);

impl JobProcessDetails {
    /// Things whose latest execution has a status.
    pub fn of(&self, status: ExecutionStatus) -> u64 {
        self.0.of(status)
    }
}

/// A job as DescribeJob shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDescription {
    /// The job.
    pub job: Arc<Job>,
    /// Its ARN.
    pub arn: String,
    /// ARNs of its targets.
    pub targets: Vec<String>,
    /// Targets whose things are not all told yet.
    pub processing_targets: Vec<String>,
    /// Things by status.
    pub details: JobProcessDetails,
    /// Whether things are still to be told.
    pub is_concurrent: bool,
}
