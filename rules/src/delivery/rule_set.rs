//! A topic with the rules that it triggers.

use super::event::Offer;
use super::handle::RuleHandle;
use std::ops::Deref;
use std::sync::Arc;

/// The rules that get the messages of a topic; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RuleSet(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    topic: Arc<str>,
    basic_ingest_rule: Option<Arc<str>>,
    rules: Box<[RuleHandle]>,
}

impl Deref for RuleSet {
    type Target = [RuleHandle];

    fn deref(&self) -> &[RuleHandle] {
        self.0.as_ref().map_or(&[], |inner| &inner.rules)
    }
}

impl RuleSet {
    /// The rules whose filters match a topic.
    #[must_use]
    pub fn new(topic: &Arc<str>, rules: Vec<RuleHandle>) -> Self {
        if rules.is_empty() {
            return Self::default();
        }
        Self(Some(Arc::new(Inner {
            topic: Arc::clone(topic),
            basic_ingest_rule: None,
            rules: rules.into(),
        })))
    }

    /// The rule that a Basic Ingest topic names.
    #[must_use]
    pub fn of_basic_ingest(topic: &Arc<str>, rule: RuleHandle) -> Self {
        Self(Some(Arc::new(Inner {
            topic: Arc::clone(topic),
            basic_ingest_rule: Some(Arc::clone(rule.name())),
            rules: Box::new([rule]),
        })))
    }

    /// Offers a message to all of them. Never waits, and costs the same for any number of rules.
    pub fn offer(&self, offer: Offer<'_>) {
        if let Some(rule) = self.first() {
            rule.engine().take(offer, self);
        }
    }

    /// The topic; nothing if there are no rules.
    pub(super) fn topic(&self) -> Option<&Arc<str>> {
        self.0.as_ref().map(|inner| &inner.topic)
    }

    /// The rule that the topic names, if it is one of Basic Ingest.
    pub(super) fn basic_ingest_rule(&self) -> Option<&Arc<str>> {
        self.0.as_ref()?.basic_ingest_rule.as_ref()
    }

    /// Whether both are the same, not only equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}
