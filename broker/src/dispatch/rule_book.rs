//! The stored topic rules in compiled form, each with its queue.

use crate::hub::Hub;
use parking_lot::Mutex;
use rules::delivery::{Delivery, Rule, RuleHandle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use things::{Things, TopicRule};

/// Keeps compiled rules from one change to the next, so that a rule that did not change keeps its
/// queue and what waits in it.
#[derive(Default)]
pub(crate) struct RuleBook {
    entries: Mutex<BTreeMap<Arc<str>, Entry>>,
}

struct Entry {
    payload: Value,
    /// `None`: it does not compile.
    handle: Option<RuleHandle>,
}

impl RuleBook {
    /// Takes over what the control plane has now and tells the hub. Calls of several threads are
    /// done one after the other, so that the last one has the newest rules.
    pub(crate) fn refresh(&self, things: &Things, delivery: &Delivery, hub: &Hub) {
        let mut entries = self.entries.lock();
        let stored = things.topic_rules();
        *entries = self.renewed(&entries, stored, delivery);
        hub.set_rules(entries.values().filter_map(|e| e.handle.clone()).collect());
    }

    /// Compiles the enabled rules that are not known yet.
    fn renewed(
        &self,
        known: &BTreeMap<Arc<str>, Entry>,
        stored: Vec<TopicRule>,
        delivery: &Delivery,
    ) -> BTreeMap<Arc<str>, Entry> {
        let enabled = stored.into_iter().filter(|rule| !rule.disabled);
        let entry = |rule: TopicRule| {
            let unchanged = known.get(&rule.name).filter(|e| e.payload == rule.payload);
            let handle = match unchanged {
                Some(entry) => entry.handle.clone(),
                None => compile(&rule).map(|rule| delivery.open(rule)),
            };
            let payload = rule.payload;
            (rule.name, Entry { payload, handle })
        };
        enabled.map(entry).collect()
    }
}

/// A rule that an older version stored and this one does not take is left out.
fn compile(rule: &TopicRule) -> Option<Arc<Rule>> {
    match Rule::compile(&rule.name, &rule.payload) {
        Ok(compiled) => Some(Arc::new(compiled)),
        Err(error) => {
            tracing::error!(rule = %rule.name, %error, "rule does not compile and is skipped");
            None
        }
    }
}
