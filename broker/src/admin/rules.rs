//! `/_thingcore/rules`: how often each rule fired and did not, and what its actions did last.

use super::query::Query;
use super::response::{json, refused};
use crate::world::World;
use axum::body::Body;
use http::{Response, StatusCode};
use rules::delivery::{Rule, RuleCounters};
use serde_json::{Map, Value, json};
use things::TopicRule;

/// Records in the answer about a rule unless the caller says how many, and the most.
const RECORDS_DEFAULT: usize = 10;
const RECORDS_MAX: usize = 1000;

/// All rules with their counts, in order of name.
pub(super) fn list(world: &World) -> Response<Body> {
    let rules = world.things.topic_rules();
    let rules: Vec<Value> = rules.iter().map(|rule| shown(world, rule)).collect();
    json(StatusCode::OK, &json!({"rules": rules}))
}

/// `?records=COUNT`: one rule with its counts and the newest records of its actions.
pub(super) fn one(world: &World, name: &str, query: &Query) -> Response<Body> {
    let count = match query.value("records") {
        Ok(count) => count.unwrap_or(RECORDS_DEFAULT).min(RECORDS_MAX),
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let rules = world.things.topic_rules();
    let Some(rule) = rules.iter().find(|rule| *rule.name == *name) else {
        let why = format!("there is no rule `{name}`: create it with `aws iot create-topic-rule`");
        return refused(StatusCode::NOT_FOUND, &why);
    };
    let mut answer = shown(world, rule);
    let records = world.delivery.records().newest(name, count);
    let records: Vec<_> = records.iter().map(AsRef::as_ref).collect();
    answer["records"] = json!(records);
    json(StatusCode::OK, &answer)
}

fn shown(world: &World, rule: &TopicRule) -> Value {
    let compiled = Rule::compile(&rule.name, &rule.payload);
    let filter = compiled.as_ref().ok().and_then(Rule::topic_filter);
    let counters = world.delivery.counters().rule(&rule.name);
    json!({
        "rule": &*rule.name,
        "sql": rule.payload["sql"],
        "topic_filter": filter,
        "enabled": !rule.disabled,
        "matched_topic": counters.topic_match.count(),
        "fired": counters.executed.count(),
        "not_fired": counters.not_matched.count(),
        "failed": counters.parse_error.count(),
        "dropped": counters.throttled.count(),
        "actions": actions(&counters),
    })
}

fn actions(counters: &RuleCounters) -> Value {
    let actions = counters.actions().into_iter().map(|(kind, counters)| {
        let counts = json!({
            "success": counters.success.count(),
            "failure": counters.failure.count(),
            "error_action_success": counters.error_action_success.count(),
            "error_action_failure": counters.error_action_failure.count(),
            "recorded": counters.recorded.count(),
        });
        (kind.to_owned(), counts)
    });
    Value::Object(actions.collect::<Map<_, _>>())
}
