//! Jobs: operations that are sent to things and run there ("AWS IoT Jobs" in the AWS IoT developer
//! guide). A job has one execution for each of its things, and more when it is tried again. The
//! control plane and devices, over HTTP and MQTT, change the same executions; what devices and
//! others are to be told of a change comes back as [`JobNews`].

mod config;
mod execution;
mod job;
mod schedule;
mod window;

mod kept;
mod turn;

mod associate;
mod control;
mod create;
mod executions;
mod list;
mod managed;
mod template;

mod answer;
mod device;
mod document;
mod error;
mod request;

mod follow;
mod news;
mod rollout;
mod tick;

pub use answer::JobAnswer;
pub use config::{
    AbortConfig, AbortCriteria, ExponentialRate, FailureType, JobConfig, PresignedUrlConfig,
    RateIncreaseCriteria, RetryConfig, RetryCriteria, RolloutConfig, TimeoutConfig,
};
pub use control::{CancelJob, JobUpdate};
pub use create::{CreatedJob, NewJob};
pub use document::LinkToSign;
pub(crate) use document::SignLink;
pub use error::{JobError, JobRejected};
pub use execution::{ExecutionState, ExecutionStatus, JobExecution};
pub use executions::{CancelExecution, ExecutionFilter};
pub use follow::MembershipChange;
pub use job::{Job, JobDescription, JobProcessDetails, JobStatus, TargetSelection};
pub use list::JobFilter;
pub use managed::{DocumentParameter, ManagedJobTemplate};
pub use news::{JobMessage, JobNews};
pub use request::{DescribeExecution, JobRequest, StartNext, UpdateExecution};
pub use schedule::{EndBehavior, MaintenanceWindow, SchedulingConfig};
pub(crate) use template::JobTemplateDocument;
pub use template::{JobTemplate, NewJobTemplate};
pub(crate) use turn::Jobs;
