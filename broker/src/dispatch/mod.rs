//! What the rules engine needs from the server: role decisions, a way to publish, targets for
//! requests, and the rules themselves as they are stored, compiled and handed to the message core.

mod republisher;
mod roles;
mod rule_book;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use republisher::HubRepublisher;
pub(crate) use roles::StoredRoles;
pub(crate) use rule_book::RuleBook;
pub(crate) use target::{OwnAddress, client};

use crate::metrics::Metrics;
use rules::delivery::{Outcome, Record};

/// Counts what became of an action.
pub(crate) fn count(metrics: &Metrics, record: &Record) {
    let outcome = match &record.outcome {
        Outcome::Success { .. } => "success",
        Outcome::Recorded => "recorded",
        Outcome::Denied { .. } => "denied",
        Outcome::Failed { .. } => "failure",
    };
    metrics.rule_action(&record.rule, record.action, outcome);
}
