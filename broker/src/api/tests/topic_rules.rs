//! Topic rules: what is refused before it is stored, and what a stored one does.

use super::request::{Answered, send, signed};
use super::world::world;
use crate::api::model::Service;
use crate::world::World;
use rules::delivery::RecordQuery;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn call(world: &Arc<World>, name: &str, params: Value) -> Answered {
    let request = signed(Service::Iot, name, params.as_object().unwrap());
    send(world, request).await
}

fn republish(sql: &str) -> Value {
    let role = "arn:aws:iam::000000000000:role/x";
    let action = json!({"republish": {"roleArn": role, "topic": "out"}});
    json!({"sql": sql, "actions": [action]})
}

#[tokio::test]
async fn a_rule_that_cannot_run_is_refused_with_its_place() {
    let world = world(None);
    let check = async |payload: Value, code: &str, part: &str| {
        let params = json!({"ruleName": "r", "topicRulePayload": payload});
        let answered = call(&world, "CreateTopicRule", params).await;
        assert_eq!(answered.status, 400, "{answered:?}");
        assert_eq!(answered.error.as_deref(), Some(code), "{answered:?}");
        assert!(answered.text.contains(part), "{answered:?}");
    };
    let sql = "SqlParseException";
    check(
        republish("SELECT * FROM 'a' WHERE"),
        sql,
        "line 1, column 24",
    )
    .await;
    check(republish("SELECT nope(1) FROM 'a'"), sql, "nope").await;
    let payload = json!({"sql": "SELECT * FROM 'a'", "actions": [{"nope": {}}]});
    check(payload, "InvalidRequestException", "nope").await;
    let left = call(&world, "ListTopicRules", json!({})).await;
    assert_eq!(left.body["rules"], json!([]));
}

#[tokio::test]
async fn rules_are_listed_by_topic_and_state() {
    let world = world(None);
    for (name, from) in [("a1", "a/1"), ("any", "a/+"), ("b", "b")] {
        let payload = republish(&format!("SELECT * FROM '{from}'"));
        let params = json!({"ruleName": name, "topicRulePayload": payload});
        let answered = call(&world, "CreateTopicRule", params).await;
        assert_eq!(answered.status, 200, "{answered:?}");
    }
    call(&world, "DisableTopicRule", json!({"ruleName": "b"})).await;
    let check = async |params: Value, expected: Value| {
        let answered = call(&world, "ListTopicRules", params.clone()).await;
        let rules = answered.body["rules"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let names: Vec<&Value> = rules.iter().map(|rule| &rule["ruleName"]).collect();
        assert_eq!(json!(names), expected, "{params} {answered:?}");
        answered.body["nextToken"].clone()
    };
    check(json!({}), json!(["a1", "any", "b"])).await;
    check(json!({"topic": "a/1"}), json!(["a1", "any"])).await;
    check(json!({"topic": "a/2"}), json!(["any"])).await;
    check(json!({"ruleDisabled": true}), json!(["b"])).await;
    check(json!({"topic": "b", "ruleDisabled": false}), json!([])).await;
    let token = check(json!({"topic": "a/1", "maxResults": 1}), json!(["a1"])).await;
    let next = json!({"topic": "a/1", "maxResults": 1, "nextToken": token});
    assert_eq!(check(next, json!(["any"])).await, Value::Null);
    let shown = call(&world, "GetTopicRule", json!({"ruleName": "a1"})).await;
    assert_eq!(shown.body["rule"]["awsIotSqlVersion"], "2015-10-08");
}

#[tokio::test]
async fn a_message_over_http_runs_a_rule() {
    let world = world(None);
    let payload = republish("SELECT t AS u FROM 'in' WHERE t > 1");
    let params = json!({"ruleName": "r", "topicRulePayload": payload});
    call(&world, "CreateTopicRule", params).await;
    let params = json!({"topic": "in", "payload": "{\"t\": 2}"});
    let request = signed(Service::IotData, "Publish", params.as_object().unwrap());
    assert_eq!(send(&world, request).await.status, 200);
    let query = RecordQuery {
        limit: 1,
        ..RecordQuery::default()
    };
    let records = world.delivery.records();
    let found = records.wait(&query, Duration::from_secs(10)).await;
    assert_eq!(found[0].input, "{\"u\":2}");
    assert_eq!(&*found[0].rule, "r");
}
