//! The labels of counters, as Prometheus shows them.

use prometheus_client::encoding::EncodeLabelSet;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Action {
    pub(super) action: &'static str,
}

/// A rate quota.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Quota {
    pub(super) quota: &'static str,
}

/// What memory was wanted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Claim {
    pub(super) claim: &'static str,
}

/// A rule by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Rule {
    pub(super) rule: String,
}

/// One kind of action in a rule, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) rule: String,
    pub(super) action: &'static str,
    pub(super) outcome: &'static str,
}

/// One kind of action in a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RuleAction {
    pub(super) rule: String,
    pub(super) action: &'static str,
}

/// A request to shadows or jobs, by MQTT or HTTP, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Device {
    operation: &'static str,
    outcome: &'static str,
}

impl Device {
    pub(super) fn new(operation: &'static str, accepted: bool) -> Self {
        let outcome = if accepted { "accepted" } else { "rejected" };
        Self { operation, outcome }
    }
}

/// An operation of the AWS API and its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) status: u16,
}
