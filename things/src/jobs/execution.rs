//! One execution of a job on one thing.

use super::config::FailureType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are AWS's.
pub enum ExecutionStatus {
    Queued,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
    Rejected,
    Removed,
    Canceled,
}

impl ExecutionStatus {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::InProgress,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Rejected,
        Self::Removed,
        Self::Canceled,
    ];

    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Rejected => "REJECTED",
            Self::Removed => "REMOVED",
            Self::Canceled => "CANCELED",
        }
    }

    /// The status of a name in the API.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether the thing still has something to do.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::InProgress)
    }

    /// How an execution failed that may be tried again.
    pub(super) fn failure(self) -> Option<FailureType> {
        match self {
            Self::Failed => Some(FailureType::Failed),
            Self::TimedOut => Some(FailureType::TimedOut),
            Self::Queued
            | Self::InProgress
            | Self::Succeeded
            | Self::Rejected
            | Self::Removed
            | Self::Canceled => None,
        }
    }
}

/// statusDetails.
pub(super) type Details = BTreeMap<String, String>;

/// An execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobExecution {
    /// The job.
    pub job: String,
    /// The thing.
    pub thing: String,
    /// Counts the executions of the job on the thing from 1.
    pub number: u64,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// Whether it was canceled while it was in progress.
    pub force_canceled: bool,
    /// What the device said last; `None` if it has said nothing.
    pub details: Option<BTreeMap<String, String>>,
    /// When it was created.
    pub queued_ms: u64,
    /// When the device began.
    pub started_ms: Option<u64>,
    /// When it last changed.
    pub updated_ms: u64,
    /// Counts changes by the device from 1.
    pub version: u64,
    /// When the step timer is over, if there is one.
    pub(super) step_ends_ms: Option<u64>,
    /// When the job's own timer is over, if it has one; it is set when the device begins.
    pub(super) ends_ms: Option<u64>,
    /// Grows with each execution on the server: what was created first is done first.
    pub(super) order: u64,
    /// Earlier executions that failed and led to this one.
    pub(super) after_failed: u32,
    /// Earlier executions that were too slow and led to this one.
    pub(super) after_timed_out: u32,
    /// The thing has left the job's targets.
    pub(super) left: bool,
}

impl JobExecution {
    pub(super) fn key(&self) -> ExecutionKey {
        ExecutionKey {
            thing: self.thing.clone(),
            job: self.job.clone(),
            number: self.number,
        }
    }

    /// How often it was tried before; `None` for the first time.
    pub fn retry_attempt(&self) -> Option<u32> {
        Some(self.after_failed + self.after_timed_out).filter(|attempt| *attempt > 0)
    }

    /// When it is over at the latest, while it is in progress.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        if self.status != ExecutionStatus::InProgress {
            return None;
        }
        [self.step_ends_ms, self.ends_ms]
            .into_iter()
            .flatten()
            .min()
    }

    /// approximateSecondsBeforeTimedOut, while a timer runs.
    pub fn seconds_left(&self, now_ms: u64) -> Option<u64> {
        let ends_ms = self.deadline_ms()?;
        Some(ends_ms.saturating_sub(now_ms) / 1000)
    }

    /// What rejections and answers to updates say of it.
    pub fn state(&self) -> ExecutionState {
        ExecutionState {
            status: self.status,
            details: self.details.clone(),
            version: self.version,
        }
    }
}

/// JobExecutionState.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionState {
    /// Where the execution stands.
    pub status: ExecutionStatus,
    /// What the device said last; `None` if it has said nothing.
    pub details: Option<BTreeMap<String, String>>,
    /// Counts changes by the device from 1.
    pub version: u64,
}

/// Which execution; those of a thing lie together, and there those of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExecutionKey {
    pub(super) thing: String,
    pub(super) job: String,
    pub(super) number: u64,
}

/// The place of an execution among those that its thing has to do: what is in progress comes
/// first, then what was created first (StartNextPendingJobExecution in the AWS IoT developer
/// guide).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) waits: bool,
    pub(super) order: u64,
    pub(super) job: String,
    pub(super) number: u64,
}

impl Place {
    /// `None` when nothing is left to do.
    pub(super) fn of(execution: &JobExecution) -> Option<Self> {
        execution.status.is_pending().then(|| Self {
            waits: execution.status == ExecutionStatus::Queued,
            order: execution.order,
            job: execution.job.clone(),
            number: execution.number,
        })
    }
}
