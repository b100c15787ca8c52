//! The second part of the tutorial: rules that write to S3, call a function and publish, with
//! roles that allow it or not.

use crate::support::{Api, Device, TestServer, Version};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A policy for a device that may do everything.
fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
    ]})
}

/// A role that the rules engine may take, with a policy.
fn role(api: &Api, name: &str, action: &str, resource: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }]});
    api.iam(&[
        ("Action", "CreateRole"),
        ("RoleName", name),
        ("AssumeRolePolicyDocument", &trust.to_string()),
    ]);
    allow(api, name, action, resource);
    format!("arn:aws:iam::000000000000:role/{name}")
}

/// Replaces what a role allows.
fn allow(api: &Api, role: &str, action: &str, resource: &str) {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource},
    ]});
    api.iam(&[
        ("Action", "PutRolePolicy"),
        ("RoleName", role),
        ("PolicyName", "p"),
        ("PolicyDocument", &policy.to_string()),
    ]);
}

fn create_rule(api: &Api, name: &str, sql: &str, actions: &Value) {
    let rule = json!({"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": actions});
    api.iot(&format!("POST /rules/{name}"), &rule);
}

fn device(server: &TestServer) -> Device {
    let keys = server.device("device", &everything());
    Device::connect(server, &keys, "device001", Version::V5)
}

fn keys_in(api: &Api, bucket: &str) -> Vec<String> {
    let answer = api.signed("s3", &format!("GET /{bucket}?list-type=2"), "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let keys = answer.text().split("<Key>").skip(1);
    let keys = keys.map(|rest| rest.split('<').next().unwrap().to_owned());
    keys.collect()
}

#[test]
fn a_hot_room_is_stored_in_s3_and_a_cool_one_is_not() {
    let server = TestServer::start();
    let api = &server.api;
    assert_eq!(api.signed("s3", "PUT /rooms", "").status, 200);
    let role = role(api, "writer", "s3:PutObject", "arn:aws:s3:::rooms/*");
    create_rule(
        api,
        "hot",
        "SELECT temperature FROM 'sensors/+' WHERE temperature > 30",
        &json!([{"s3": {"roleArn": role, "bucketName": "rooms",
            "key": "${topic(2)}/${timestamp()}.json"}}]),
    );
    let mut device = device(&server);
    for payload in [r#"{"temperature": 29}"#, r#"{"temperature": 31.5, "x": 1}"#] {
        let payload = payload.as_bytes();
        assert_eq!(device.publish("sensors/room1", payload), Ok(0));
    }
    let records = api.actions("hot", 1);
    assert_eq!(records[0]["outcome"], "success", "{records:?}");
    let keys = keys_in(api, "rooms");
    assert_eq!(keys.len(), 1, "{keys:?}");
    let name = keys[0].strip_prefix("room1/").unwrap();
    let ms = name.strip_suffix(".json").unwrap();
    assert!(ms.parse::<u64>().is_ok(), "{name}");
    let object = api.signed("s3", &format!("GET /rooms/{}", keys[0]), "");
    assert_eq!(object.json(), json!({"temperature": 31.5}));
}

#[test]
fn a_role_that_forbids_stops_the_action_and_runs_the_error_action() {
    let server = TestServer::start();
    let api = &server.api;
    assert_eq!(api.signed("s3", "PUT /rooms", "").status, 200);
    let writer = role(api, "writer", "s3:GetObject", "arn:aws:s3:::rooms/*");
    let publisher = role(api, "publisher", "iot:Publish", "*");
    let rule = json!({
        "sql": "SELECT * FROM 'sensors/+'",
        "actions": [{"s3": {"roleArn": writer, "bucketName": "rooms", "key": "k"}}],
        "errorAction": {"republish": {"roleArn": publisher, "topic": "errors/rooms", "qos": 1}},
    });
    api.iot("POST /rules/denied", &rule);
    let mut device = device(&server);
    assert_eq!(device.subscribe("errors/#"), 1);
    assert_eq!(device.publish("sensors/room1", b"{\"t\": 1}"), Ok(0));
    let message = device.message();
    assert_eq!(message.topic, "errors/rooms");
    let error: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(error["ruleName"], "denied");
    assert_eq!(error["topic"], "sensors/room1");
    assert_eq!(error["clientId"], "device001");
    assert_eq!(error["base64OriginalPayload"], "eyJ0IjogMX0=");
    assert_eq!(error["failures"][0]["failedAction"], "S3Action");
    assert_eq!(error["failures"][0]["failedResource"], "rooms");
    let records = api.actions("denied", 2);
    assert_eq!(records[0]["outcome"], "denied");
    let reason = records[0]["reason"].as_str().unwrap();
    assert!(reason.contains("s3:PutObject"), "{reason}");
    assert_eq!(records[1]["error_action"], true);
    assert!(keys_in(api, "rooms").is_empty());
    // The role is asked anew for each message.
    allow(api, "writer", "s3:PutObject", "arn:aws:s3:::rooms/*");
    assert_eq!(device.publish("sensors/room1", b"{\"t\": 2}"), Ok(0));
    assert_eq!(api.actions("denied", 3)[2]["outcome"], "success");
    assert_eq!(keys_in(api, "rooms"), ["k"]);
}

#[test]
fn an_unknown_role_is_accepted_unless_roles_are_strict() {
    for (strict, expected) in [(false, "success"), (true, "denied")] {
        let server = TestServer::with(|config| config.iam_strict = strict);
        let role = "arn:aws:iam::000000000000:role/nobody";
        create_rule(
            &server.api,
            "copy",
            "SELECT * FROM 'a'",
            &json!([{"republish": {"roleArn": role, "topic": "b"}}]),
        );
        let mut device = device(&server);
        assert_eq!(device.publish("a", b"{}"), Ok(0));
        let records = server.api.actions("copy", 1);
        assert_eq!(records[0]["outcome"], expected, "{records:?}");
    }
}

#[test]
fn a_function_gets_exactly_what_the_rule_selects() {
    let server = TestServer::start();
    let api = &server.api;
    let code = tempfile::tempdir().unwrap();
    let source = "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n    return event\n";
    std::fs::write(code.path().join("app.py"), source).unwrap();
    let add = json!({"name": "processSensorData", "handler": "app.handler",
        "runtime": "python3", "code": code.path()});
    api.admin("POST /_thingcore/functions", &add.to_string());
    create_rule(
        api,
        "process",
        "SELECT temperature, humidity, topic(2) AS deviceId FROM 'device/+/data'",
        &json!([{"lambda": {"functionArn":
            "arn:aws:lambda:us-east-1:000000000000:function:processSensorData"}}]),
    );
    let mut device = device(&server);
    let payload = br#"{"temperature": 28.2, "humidity": 65, "battery": 3}"#;
    assert_eq!(device.publish("device/device001/data", payload), Ok(0));
    let records = api.actions("process", 1);
    assert_eq!(records[0]["outcome"], "success", "{records:?}");
    let got = r#"got {"temperature": 28.2, "humidity": 65, "deviceId": "device001"}"#;
    wait_for_log(api, "processSensorData", got);
}

/// Waits until a function has printed a line.
fn wait_for_log(api: &Api, function: &str, line: &str) {
    let invoke = format!("POST /2015-03-31/functions/{function}/invocations");
    // Invocations run one after the other: when this one is answered, the earlier one is over.
    let answer = api.signed("lambda", &invoke, "{}");
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What it printed comes through a pipe of its own, perhaps a moment later.
    let path = format!("GET /_thingcore/functions/{function}/logs");
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let log = api.admin(&path, "").to_string();
        if log.contains(&line.replace('"', "\\\"")) {
            return;
        }
        assert!(Instant::now() < until, "{log}");
    }
}

#[test]
fn a_rule_publishes_to_subscribers_with_properties_and_to_further_rules() {
    let server = TestServer::start();
    let api = &server.api;
    let role = role(api, "publisher", "iot:Publish", "*");
    create_rule(
        api,
        "first",
        "SELECT v + 1 AS v FROM 'a/+'",
        &json!([{"republish": {"roleArn": role, "topic": "b/${topic(2)}", "qos": 1,
            "headers": {"contentType": "application/json"}}}]),
    );
    create_rule(
        api,
        "second",
        "SELECT v * 10 AS v, get_mqtt_property('content_type') AS kind FROM 'b/+'",
        &json!([{"republish": {"roleArn": role, "topic": "c", "qos": 1}}]),
    );
    let mut device = device(&server);
    for filter in ["b/#", "c"] {
        assert_eq!(device.subscribe(filter), 1);
    }
    assert_eq!(device.publish("a/x", b"{\"v\": 1}"), Ok(0));
    let mut messages = [device.message(), device.message()];
    messages.sort_by(|a, b| a.topic.cmp(&b.topic));
    let parsed = |at: usize| -> Value { serde_json::from_slice(&messages[at].payload).unwrap() };
    assert_eq!(messages[0].topic, "b/x");
    assert_eq!(parsed(0), json!({"v": 2}));
    assert_eq!(messages[1].topic, "c");
    assert_eq!(parsed(1), json!({"v": 20, "kind": "application/json"}));
}

#[test]
fn rules_that_feed_each_other_end() {
    let server = TestServer::start();
    let api = &server.api;
    let role = role(api, "publisher", "iot:Publish", "*");
    create_rule(
        api,
        "loop",
        "SELECT * FROM 'loop'",
        &json!([{"republish": {"roleArn": role, "topic": "loop"}}]),
    );
    let mut device = device(&server);
    assert_eq!(device.publish("loop", b"{}"), Ok(0));
    let records = api.actions("loop", 17);
    assert_eq!(records[16]["outcome"], "failed", "{:?}", records[16]);
    assert!(records[..16].iter().all(|r| r["outcome"] == "success"));
}

#[test]
fn basic_ingest_reaches_its_rule_alone() {
    let server = TestServer::start();
    let api = &server.api;
    let role = role(api, "publisher", "iot:Publish", "*");
    for (name, sql) in [
        ("ingest", "SELECT topic() AS topic FROM 'never'"),
        ("other", "SELECT * FROM '#'"),
    ] {
        let topic = format!("from/{name}");
        create_rule(
            api,
            name,
            sql,
            &json!([{"republish": {"roleArn": role, "topic": topic, "qos": 1}}]),
        );
    }
    api.iot("POST /rules/other/disable", &json!({}));
    let mut device = device(&server);
    assert_eq!(device.subscribe("#"), 1);
    assert_eq!(device.publish("$aws/rules/ingest/a/b", b"{}"), Ok(0));
    let message = device.message();
    assert_eq!(message.topic, "from/ingest");
    assert_eq!(&message.payload[..], br#"{"topic":"a/b"}"#);
    api.iot("POST /rules/other/enable", &json!({}));
    assert_eq!(device.publish("$aws/rules/ingest/c", b"{}"), Ok(0));
    // The republished message is what the other rule sees, not the ingested one.
    let mut topics = [device.message().topic, device.message().topic];
    topics.sort();
    assert_eq!(topics, ["from/ingest", "from/other"]);
}

#[test]
fn a_rule_that_changes_is_followed_and_a_disabled_one_rests() {
    let server = TestServer::start();
    let api = &server.api;
    let role = role(api, "publisher", "iot:Publish", "*");
    let to = |topic: &str| json!([{"republish": {"roleArn": role, "topic": topic, "qos": 1}}]);
    create_rule(api, "moving", "SELECT * FROM 'a'", &to("one"));
    create_rule(api, "mark", "SELECT * FROM 'a'", &to("mark"));
    let mut device = device(&server);
    for filter in ["one", "two", "mark"] {
        assert_eq!(device.subscribe(filter), 1);
    }
    let mut publish = |count: usize| {
        assert_eq!(device.publish("a", b"{}"), Ok(0));
        let mut topics: Vec<_> = (0..count).map(|_| device.message().topic).collect();
        topics.sort();
        topics
    };
    assert_eq!(publish(2), ["mark", "one"]);
    let replaced = json!({"sql": "SELECT * FROM 'a'", "actions": to("two")});
    api.iot("PATCH /rules/moving", &replaced);
    assert_eq!(publish(2), ["mark", "two"]);
    api.iot("POST /rules/moving/disable", &json!({}));
    assert_eq!(publish(1), ["mark"]);
    api.iot("POST /rules/moving/enable", &json!({}));
    assert_eq!(publish(2), ["mark", "two"]);
    api.iot("DELETE /rules/moving", &json!({}));
    assert_eq!(publish(1), ["mark"]);
}

#[test]
fn a_rule_with_a_syntax_error_is_refused_with_its_place() {
    let server = TestServer::start();
    let rule = json!({"sql": "SELECT * FORM 'a'", "actions": []});
    let answer = server
        .api
        .signed("iot", "POST /rules/wrong", &rule.to_string());
    assert_eq!(answer.status, 400);
    assert_eq!(answer.code(), "SqlParseException");
    assert!(answer.text().contains("10"), "{}", answer.text());
}
