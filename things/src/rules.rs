//! Topic rules as they were given. That their SQL and actions are sound was checked before they
//! are stored.

use crate::page::rows_after;
use crate::plane::Change;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
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

/// A topic rule as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RuleDocument {
    payload: Value,
    created_ms: u64,
}

/// All topic rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) by_name: BTreeMap<String, RuleDocument>,
}

impl Document for RuleDocument {
    const TABLE: &'static str = "rule";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.rules.by_name, key, document);
    }
}

impl Things {
    /// CreateTopicRule.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (too many actions).
    pub fn create_topic_rule(
        &self,
        name: &str,
        payload: &Value,
        tags: &Tags,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        check_payload(payload)?;
        self.change(|state, batch| {
            if state.rules.by_name.contains_key(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: "Rule with given name already exists".to_owned(),
                    id: None,
                    arn: Some(self.rule_arn(name)),
                });
            }
            let document = RuleDocument {
                payload: payload.clone(),
                created_ms: now_ms,
            };
            batch.put(name, document);
            put_tags(batch, format_args!("rule/{name}"), tags)?;
            batch.tell(Change::Rules);
            Ok(())
        })
    }

    /// GetTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule, as AWS has it.
    pub fn topic_rule(&self, name: &str) -> Result<TopicRule, ThingsError> {
        let state = self.state();
        find(&state, name).map(|document| self.rule_shown(name, document))
    }

    /// ListTopicRules, in order of name.
    pub fn list_topic_rules(
        &self,
        filter: RuleFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Page<TopicRule> {
        let state = self.state();
        let rows = rows_after(&state.rules.by_name, after)
            .filter(|(_, rule)| {
                filter
                    .disabled
                    .is_none_or(|wanted| rule.disabled() == wanted)
            })
            .map(|(name, rule)| (name.clone(), self.rule_shown(name, rule)));
        Page::take(rows, limit)
    }

    /// All topic rules in order of name.
    pub fn topic_rules(&self) -> Vec<TopicRule> {
        let state = self.state();
        let rules = state.rules.by_name.iter();
        rules
            .map(|(name, rule)| self.rule_shown(name, rule))
            .collect()
    }

    /// ReplaceTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule, InvalidRequest.
    pub fn replace_topic_rule(&self, name: &str, payload: &Value) -> Result<(), ThingsError> {
        check_payload(payload)?;
        self.edit_rule(name, |rule| rule.payload = payload.clone())
    }

    /// EnableTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn enable_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        self.edit_rule(name, |rule| rule.payload[DISABLED] = Value::Bool(false))
    }

    /// DisableTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn disable_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        self.edit_rule(name, |rule| rule.payload[DISABLED] = Value::Bool(true))
    }

    /// DeleteTopicRule.
    ///
    /// # Errors
    /// Unauthorized for an unknown rule.
    pub fn delete_topic_rule(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            find(state, name)?;
            batch.remove::<RuleDocument>(name);
            batch.remove::<TagsDocument>(&format!("rule/{name}"));
            batch.tell(Change::Rules);
            Ok(())
        })
    }

    fn edit_rule(
        &self,
        name: &str,
        edit: impl FnOnce(&mut RuleDocument),
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut rule = find(state, name)?.clone();
            edit(&mut rule);
            batch.put(name, rule);
            batch.tell(Change::Rules);
            Ok(())
        })
    }

    fn rule_arn(&self, name: &str) -> String {
        self.place().iot(format_args!("rule/{name}"))
    }

    fn rule_shown(&self, name: &str, document: &RuleDocument) -> TopicRule {
        TopicRule {
            name: name.into(),
            arn: self.rule_arn(name),
            payload: document.payload.clone(),
            disabled: document.disabled(),
            created_ms: document.created_ms,
        }
    }
}

impl RuleDocument {
    fn disabled(&self) -> bool {
        self.payload[DISABLED] == Value::Bool(true)
    }
}

fn find<'s>(state: &'s State, name: &str) -> Result<&'s RuleDocument, ThingsError> {
    state.rules.by_name.get(name).ok_or_else(|| {
        ThingsError::Unauthorized(format!("Access to topic rule '{name}' was denied"))
    })
}

fn check_payload(payload: &Value) -> Result<(), ThingsError> {
    if !payload.is_object() {
        return Err(ThingsError::InvalidRequest(
            "topicRulePayload must be an object".to_owned(),
        ));
    }
    let actions = payload["actions"].as_array().map_or(0, Vec::len);
    if actions <= ACTIONS_MAX {
        return Ok(());
    }
    Err(ThingsError::InvalidRequest(format!(
        "a rule has at most {ACTIONS_MAX} actions, this one has {actions}: leave some out, or make a second rule"
    )))
}

const DISABLED: &str = "ruleDisabled";

/// AWS General Reference, AWS IoT quotas.
const ACTIONS_MAX: usize = 10;
