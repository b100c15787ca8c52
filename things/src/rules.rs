//! Topic rules as they were given. That their SQL and actions are sound was checked before they
//! are stored.

use crate::registry::Tags;
use crate::{Page, Things, ThingsError};
use serde_json::Value;
use std::sync::Arc;

/// A stored topic rule.
#[derive(Clone, Debug)]
pub struct TopicRule {
    /// Rule name.
    pub name: Arc<str>,
    /// Its ARN.
    pub arn: String,
    /// The TopicRulePayload as it was given, `ruleDisabled` included.
    pub payload: Value,
    /// Whether it is disabled.
    pub disabled: bool,
    /// When it was created.
    pub created_ms: u64,
}

/// Which rules ListTopicRules gives; all of them by default. Which topic a rule listens to is a
/// matter of its SQL, so that filter is the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleFilter {
    /// Disabled ones, or enabled ones.
    pub disabled: Option<bool>,
}

#[allow(unused_variables)]
impl Things {
    /// CreateTopicRule.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (too many actions or rules).
    pub fn create_topic_rule(
        &self,
        name: &str,
        payload: &Value,
        tags: &Tags,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// GetTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule, as AWS has it.
    pub fn topic_rule(&self, name: &str) -> Result<TopicRule, ThingsError> {
        todo!()
    }

    /// ListTopicRules, in order of name.
    pub fn list_topic_rules(
        &self,
        filter: RuleFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Page<TopicRule> {
        todo!()
    }

    /// All topic rules in order of name.
    pub fn topic_rules(&self) -> Vec<TopicRule> {
        todo!()
    }

    /// ReplaceTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule, InvalidRequest.
    pub fn replace_topic_rule(&self, name: &str, payload: &Value) -> Result<(), ThingsError> {
        todo!()
    }

    /// EnableTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn enable_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// DisableTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn disable_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// DeleteTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn delete_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        todo!()
    }
}
