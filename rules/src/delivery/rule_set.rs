//! The rules that one topic triggers.

use super::event::Event;
use super::handle::RuleHandle;
use std::ops::Deref;
use std::sync::Arc;

/// Rules that get the same messages; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RuleSet(Arc<[RuleHandle]>);

impl From<Vec<RuleHandle>> for RuleSet {
    fn from(rules: Vec<RuleHandle>) -> Self {
        Self(rules.into())
    }
}

impl Deref for RuleSet {
    type Target = [RuleHandle];

    fn deref(&self) -> &[RuleHandle] {
        &self.0
    }
}

impl RuleSet {
    /// Offers a message to all of them. Never waits, and costs the same for any number of rules.
    pub fn offer(&self, event: Event) {
        if let Some(rule) = self.0.first() {
            rule.engine().take(event, self);
        }
    }
}
