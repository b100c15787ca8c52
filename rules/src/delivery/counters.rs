//! What CloudWatch counts for rules (developer guide, "AWS IoT metrics": rule and rule action
//! metrics).

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter; it only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one rule, dimension `RuleName`.
#[derive(Debug, Default)]
pub struct RuleCounters {
    /// `TopicMatch`: messages on a topic of the rule.
    pub topic_match: Counter,
    /// `RulesExecuted`: messages for which WHERE held and actions ran.
    pub executed: Counter,
    /// Messages that WHERE did not let through; not a metric of AWS.
    pub not_matched: Counter,
    /// `ParseError`: payloads that the SQL could not read, or failures of the SQL itself.
    pub parse_error: Counter,
    /// `RuleMessageThrottled`: messages dropped because too many waited.
    pub throttled: Counter,
    actions: Mutex<BTreeMap<&'static str, Arc<ActionCounters>>>,
}

/// The counters of one kind of action in a rule, dimensions `RuleName` and `ActionType`.
#[derive(Debug, Default)]
pub struct ActionCounters {
    /// `Success`.
    pub success: Counter,
    /// `Failure`.
    pub failure: Counter,
    /// `ErrorActionSuccess`.
    pub error_action_success: Counter,
    /// `ErrorActionFailure`.
    pub error_action_failure: Counter,
    /// Invocations that had nowhere to go and were only recorded; not a metric of AWS.
    pub recorded: Counter,
}

impl RuleCounters {
    /// The counters of a kind of action (`s3`).
    pub fn action(&self, kind: &'static str) -> Arc<ActionCounters> {
        Arc::clone(self.actions.lock().entry(kind).or_default())
    }

    /// All kinds of action that ran, in order of name.
    pub fn actions(&self) -> Vec<(&'static str, Arc<ActionCounters>)> {
        self.actions
            .lock()
            .iter()
            .map(|(kind, counters)| (*kind, Arc::clone(counters)))
            .collect()
    }
}

/// The counters of all rules. They outlive a rule's replacement, as Prometheus wants.
#[derive(Debug, Default)]
pub struct Counters {
    /// `RuleNotFound`: Basic Ingest messages to a rule that is not there or is disabled.
    pub rule_not_found: Counter,
    rules: Mutex<BTreeMap<Arc<str>, Arc<RuleCounters>>>,
}

impl Counters {
    /// The counters of one rule.
    pub fn rule(&self, name: &Arc<str>) -> Arc<RuleCounters> {
        Arc::clone(self.rules.lock().entry(Arc::clone(name)).or_default())
    }

    /// All rules that were ever offered a message, in order of name.
    pub fn rules(&self) -> Vec<(Arc<str>, Arc<RuleCounters>)> {
        let rules = self.rules.lock();
        rules
            .iter()
            .map(|(name, counters)| (Arc::clone(name), Arc::clone(counters)))
            .collect()
    }
}
