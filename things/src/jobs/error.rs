//! Why a device's request is rejected.

use super::execution::ExecutionState;

/// A rejection; each variant is one of the codes of "ErrorResponse" in the AWS IoT developer guide.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// No operation has this topic.
    #[error("{0}")]
    InvalidTopic(String),
    /// The payload is no JSON in UTF-8.
    #[error("{0}")]
    InvalidJson(String),
    /// A member is missing or cannot be meant.
    #[error("{0}")]
    InvalidRequest(String),
    /// No device may do this to an execution that stands there.
    #[error("{0}")]
    InvalidStateTransition(String),
    /// There is no such thing or execution.
    #[error("{0}")]
    ResourceNotFound(String),
    /// The device saw another version.
    #[error("Expected version {expected} but found version {found}")]
    VersionMismatch {
        /// What the device saw.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// Too many requests come.
    #[error("Rate exceeded")]
    RequestThrottled,
    /// The execution is over and is not described any more.
    #[error("Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED")]
    TerminalStateReached,
}

impl JobError {
    /// `code` in the message to the device.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidTopic(_) => "InvalidTopic",
            Self::InvalidJson(_) => "InvalidJson",
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::InvalidStateTransition(_) => "InvalidStateTransition",
            Self::ResourceNotFound(_) => "ResourceNotFound",
            Self::VersionMismatch { .. } => "VersionMismatch",
            Self::RequestThrottled => "RequestThrottled",
            Self::TerminalStateReached => "TerminalStateReached",
        }
    }
}

/// A rejected request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRejected {
    /// Why.
    pub error: JobError,
    /// How the execution stands, where that is the reason.
    pub state: Option<ExecutionState>,
}

impl From<JobError> for JobRejected {
    fn from(error: JobError) -> Self {
        Self { error, state: None }
    }
}
