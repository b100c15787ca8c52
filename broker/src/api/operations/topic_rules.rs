//! Topic rules. Their SQL and actions are compiled before they are stored, so that a rule which
//! is there can run.

use super::wire::{listed, without_nulls};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::bind::pairs;
use crate::api::error::{ApiError, Code};
use crate::api::page::Paging;
use crate::api::reply::Reply;
use mqtt::Profile;
use mqtt::topic::TopicFilter;
use rules::delivery::{Rule, RuleRefused};
use rules::sql::SqlVersion;
use serde_json::{Value, json};
use things::{Page, RuleFilter, Tags, TopicRule};

pub(super) const FAMILY: Family = &[
    ("CreateTopicRule", create_topic_rule),
    ("GetTopicRule", get_topic_rule),
    ("ListTopicRules", list_topic_rules),
    ("ReplaceTopicRule", replace_topic_rule),
    ("DeleteTopicRule", delete_topic_rule),
    ("EnableTopicRule", enable_topic_rule),
    ("DisableTopicRule", disable_topic_rule),
];

impl From<RuleRefused> for ApiError {
    fn from(refused: RuleRefused) -> Self {
        let code = match refused {
            RuleRefused::SqlParse(_) => Code::SqlParse,
            RuleRefused::InvalidRequest(_) => Code::InvalidRequest,
        };
        ApiError::new(code, refused.to_string())
    }
}

/// The payload of a call, with the rule that it compiles to.
fn payload(call: &Call) -> Result<(&Value, Rule), ApiError> {
    let missing = || ApiError::invalid("`topicRulePayload` is missing");
    let payload = call.member("topicRulePayload").ok_or_else(missing)?;
    let rule = Rule::compile(call.text("ruleName")?, payload)?;
    Ok((payload, rule))
}

/// Creates the destinations of a rule's HTTP actions that are not there yet, as AWS does.
fn create_destinations(call: &Call, rule: &Rule) -> Result<(), ApiError> {
    let things = &call.world.things;
    for url in rule.destination_urls() {
        if things.http_destination(url).is_none() {
            let configuration = json!({"httpUrlConfiguration": {"confirmationUrl": url}});
            things.create_destination(&configuration, call.now_ms)?;
        }
    }
    Ok(())
}

fn create_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    // `x-amz-tagging` has the form of a query.
    let tags: Tags = pairs(call.optional("tags").unwrap_or_default())
        .into_iter()
        .collect();
    let (payload, rule) = payload(call)?;
    let things = &call.world.things;
    things.create_topic_rule(rule.name(), payload, &tags, call.now_ms)?;
    create_destinations(call, &rule)?;
    Ok(Reply::Empty)
}

fn replace_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    let (payload, rule) = payload(call)?;
    let things = &call.world.things;
    things.replace_topic_rule(rule.name(), payload)?;
    create_destinations(call, &rule)?;
    Ok(Reply::Empty)
}

fn get_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    let rule = call.world.things.topic_rule(call.text("ruleName")?)?;
    let member = |name: &str| rule.payload.get(name).cloned().unwrap_or_default();
    let version = match member("awsIotSqlVersion") {
        Value::Null => SqlVersion::default().name().into(),
        given => given,
    };
    let shown = without_nulls(json!({
        "ruleName": &*rule.name,
        "sql": member("sql"),
        "description": member("description"),
        "createdAt": seconds(rule.created_ms),
        "actions": member("actions"),
        "ruleDisabled": rule.disabled,
        "awsIotSqlVersion": version,
        "errorAction": member("errorAction"),
    }));
    Ok(Reply::Json(json!({"ruleArn": rule.arn, "rule": shown})))
}

/// A rule in a listing, with the filter of its FROM.
struct Listed {
    rule: TopicRule,
    topic_pattern: Option<String>,
}

fn list_topic_rules(call: &Call) -> Result<Reply, ApiError> {
    let with_pattern = |rule: TopicRule| {
        let compiled = Rule::compile(&rule.name, &rule.payload).ok();
        let topic_pattern = compiled.and_then(|rule| rule.topic_filter().map(str::to_owned));
        Listed {
            rule,
            topic_pattern,
        }
    };
    let filter = RuleFilter {
        disabled: call.member("ruleDisabled").and_then(Value::as_bool),
    };
    let (things, paging) = (&call.world.things, call.paging(PAGE_DEFAULT)?);
    let page = match call.optional("topic") {
        None => {
            let page = things.list_topic_rules(filter, paging.after.as_deref(), paging.limit);
            Page {
                items: page.items.into_iter().map(with_pattern).collect(),
                next: page.next,
            }
        }
        Some(topic) => {
            let rules = things.topic_rules().into_iter();
            let rules = rules.filter(|rule| filter.disabled.is_none_or(|d| d == rule.disabled));
            let profile = call.world.profile();
            matching(rules.map(with_pattern), topic, &paging, &profile)
        }
    };
    Ok(listed(call, "rules", &page, |listed| {
        json!({
            "ruleArn": listed.rule.arn,
            "ruleName": &*listed.rule.name,
            "topicPattern": listed.topic_pattern.as_deref().unwrap_or_default(),
            "createdAt": seconds(listed.rule.created_ms),
            "ruleDisabled": listed.rule.disabled,
        })
    }))
}

/// A page of those whose FROM matches a topic; rules come in order of name.
fn matching(
    rules: impl Iterator<Item = Listed>,
    topic: &str,
    paging: &Paging,
    profile: &Profile,
) -> Page<Listed> {
    let matches = |listed: &Listed| {
        let filter = listed.topic_pattern.as_deref();
        let filter = filter.and_then(|text| TopicFilter::parse(text, profile).ok());
        filter.is_some_and(|filter| filter.matches(topic, profile.hash_matches_parent))
    };
    let after = paging.after.as_deref();
    let behind = |listed: &Listed| after.is_none_or(|after| &*listed.rule.name > after);
    let mut items: Vec<Listed> = rules
        .filter(behind)
        .filter(matches)
        .take(paging.limit + 1)
        .collect();
    let more = items.len() > paging.limit;
    items.truncate(paging.limit);
    let last = items.last().filter(|_| more);
    let next = last.map(|listed| listed.rule.name.to_string());
    Page { items, next }
}

fn delete_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    call.world
        .things
        .delete_topic_rule(call.text("ruleName")?)?;
    Ok(Reply::Empty)
}

fn enable_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    call.world
        .things
        .enable_topic_rule(call.text("ruleName")?)?;
    Ok(Reply::Empty)
}

fn disable_topic_rule(call: &Call) -> Result<Reply, ApiError> {
    call.world
        .things
        .disable_topic_rule(call.text("ruleName")?)?;
    Ok(Reply::Empty)
}
