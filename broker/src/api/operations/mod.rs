//! The operations that are built, one file per family, one function per operation.

mod attachments;
mod authorization;
mod authorizers;
mod billing_groups;
mod ca_certificates;
mod certificates;
mod connections;
mod destinations;
mod domain_configurations;
mod endpoint;
mod job_documents;
mod job_executions;
mod job_templates;
mod jobs;
mod own_jobs;
mod policies;
mod principals;
mod provisioning;
mod provisioning_templates;
mod publish;
mod retained;
mod role_aliases;
mod search;
mod settings;
mod shadows;
mod tags;
mod thing_groups;
mod thing_types;
mod things;
mod topic_rules;
mod wire;

use super::call::Call;
use super::error::ApiError;
use super::model::{Operation, Service};
use super::reply::Reply;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::LazyLock;

/// What answers a call.
type Answer = fn(&Call) -> Result<Reply, ApiError>;

/// What an operation that waits will answer.
pub(super) type Pending<'a> = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send + 'a>>;

/// What answers a call that waits for others.
type Wait = for<'a> fn(&'a Call) -> Pending<'a>;

/// How a call is answered.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// At once, on the thread that read the request.
    Quick(Answer),
    /// On a thread that may wait for disks and keys.
    Slow(Answer),
    /// When a client has done something.
    Waiting(Wait),
}

/// The functions of one family by operation.
type Family = &'static [(&'static str, Answer)];

/// The same for operations that wait.
type WaitingFamily = &'static [(&'static str, Wait)];

const DATA: &[Family] = &[
    publish::FAMILY,
    retained::FAMILY,
    shadows::FAMILY,
    connections::FAMILY,
];
const JOBS_DATA: &[Family] = &[own_jobs::FAMILY];
const CONTROL: &[Family] = &[
    things::FAMILY,
    thing_types::FAMILY,
    thing_groups::FAMILY,
    billing_groups::FAMILY,
    principals::FAMILY,
    certificates::FAMILY,
    ca_certificates::FAMILY,
    provisioning_templates::FAMILY,
    provisioning::FAMILY,
    policies::FAMILY,
    attachments::FAMILY,
    topic_rules::FAMILY,
    destinations::FAMILY,
    tags::FAMILY,
    endpoint::FAMILY,
    authorizers::FAMILY,
    authorization::FAMILY,
    role_aliases::FAMILY,
    domain_configurations::FAMILY,
    settings::FAMILY,
    search::FAMILY,
    jobs::FAMILY,
    job_executions::FAMILY,
    job_templates::FAMILY,
];

/// Items of a page unless the caller says how many: the most that the model allows.
const PAGE_DEFAULT: usize = 250;

/// The same for the older listings with markers (API reference, `ListCertificates`).
const MARKER_PAGE_DEFAULT: usize = 25;

static HANDLERS: LazyLock<HashMap<(Service, &'static str), Handler>> = LazyLock::new(|| {
    let all = |families: &'static [Family]| families.iter().copied().flatten().copied();
    let data = all(DATA).map(|(name, answer)| ((Service::IotData, name), Handler::Quick(answer)));
    let jobs = all(JOBS_DATA);
    let jobs = jobs.map(|(name, answer)| ((Service::IotJobsData, name), Handler::Quick(answer)));
    let control = all(CONTROL).map(|(name, answer)| ((Service::Iot, name), Handler::Slow(answer)));
    let waiting = connections::WAITING.iter().copied();
    let waiting = waiting.map(|(name, wait)| ((Service::IotData, name), Handler::Waiting(wait)));
    data.chain(jobs).chain(control).chain(waiting).collect()
});

/// What answers an operation, if it is built.
pub(super) fn handler(operation: &Operation) -> Option<Handler> {
    let key = (operation.service, operation.name.as_str());
    HANDLERS.get(&key).copied()
}

/// Seconds since the epoch, as AWS writes timestamps: whole, or with milliseconds behind a point.
fn seconds(ms: u64) -> serde_json::Value {
    if ms.is_multiple_of(1000) {
        (ms / 1000).into()
    } else {
        // Exact enough: milliseconds since the epoch stay below 2^53.
        (ms as f64 / 1000.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::MODEL;

    #[test]
    fn every_handler_is_for_an_operation_of_the_model() {
        for (service, name) in HANDLERS.keys() {
            assert!(MODEL.operation(*service, name).is_some(), "{name}");
        }
        let families = DATA.iter().chain(JOBS_DATA).chain(CONTROL);
        let written: usize = families.map(|family| family.len()).sum();
        let written = written + connections::WAITING.len();
        assert_eq!(HANDLERS.len(), written, "an operation has two handlers");
    }

    #[test]
    fn timestamps_are_seconds() {
        assert_eq!(seconds(1_700_000_000_000).to_string(), "1700000000");
        assert_eq!(seconds(1_700_000_000_123).to_string(), "1700000000.123");
    }
}
