//! What the rules engine needs from the server: role decisions, a way to publish, targets for
//! requests, and the rules themselves as they are stored, compiled and handed to the message core.
//! Authorizers and provisioning share the roles and the functions.

mod destinations;
mod function;
mod inside;
mod republisher;
mod roles;
mod rule_book;
mod s3_object;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use destinations::{Check, StoredDestinations};
pub(crate) use function::invoke;
pub(crate) use inside::ControlPlane;
pub(crate) use republisher::HubRepublisher;
pub(crate) use roles::StoredRoles;
pub(crate) use rule_book::RuleBook;
pub(crate) use s3_object::{Links, S3Object};
pub(crate) use target::{OwnAddress, client};

use crate::hub::{Hub, TapEvent};
use crate::metrics::Metrics;
use rules::delivery::{Outcome, Record};
use std::sync::Arc;

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

/// Shows to those who watch what became of an action.
pub(crate) fn tell(hub: &Hub, record: &Record) {
    hub.tell(|| TapEvent::RuleRan {
        rule: Arc::clone(&record.rule),
        topic: Arc::clone(&record.topic),
        action: record.action.to_owned(),
        outcome: match &record.outcome {
            Outcome::Success { .. } => "success".to_owned(),
            Outcome::Recorded => "recorded".to_owned(),
            Outcome::Denied { reason } => format!("denied: {reason}"),
            Outcome::Failed { reason } => format!("failed: {reason}"),
        },
    });
}
