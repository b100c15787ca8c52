//! What actions do beyond a request to an AWS service: records for Kafka, points for InfluxDB, and
//! faults of our own.

#![allow(clippy::unwrap_used)]

mod world;

use rules::delivery::Rule;
use rules::target::{Compression, Sasl};
use serde_json::{Value, json};
use std::sync::Arc;
use world::{
    BROKEN_ROLE, INFLUX, ROLE, VPC, World, counts, engine, offer, republish, rule, s3, set_of,
};

/// The error texts that the error action was told, in order.
fn errors(world: &World) -> Vec<String> {
    let published = world.published();
    let told = published.iter().filter(|(topic, _)| topic == "errors");
    let failures = told.flat_map(|(_, payload)| {
        let told: Value = serde_json::from_str(payload).unwrap();
        told["failures"].as_array().unwrap().clone()
    });
    failures
        .map(|failure| failure["errorMessage"].as_str().unwrap().to_owned())
        .collect()
}

/// A fault somewhere: SQL, actions, its text in the error action, and the counts of the rule after
/// `{"thing": "broken"}` and one message more.
type Fault = (String, Value, &'static str, [u64; 5]);

fn faults() -> Vec<Fault> {
    let shadow = format!("get_thing_shadow(thing, '{ROLE}').of");
    let in_sql = format!("SELECT {shadow} AS s FROM 'a'");
    let all = || "SELECT * FROM 'a'".to_owned();
    let broken_bucket = json!({"s3": {"roleArn": ROLE, "bucketName": "${thing}", "key": "k"}});
    let broken_role = json!({"republish": {"roleArn": BROKEN_ROLE, "topic": "b"}});
    vec![
        // As any failure of the SQL it runs no error action.
        (in_sql, json!([republish("b")]), "", [2, 0, 1, 1, 0]),
        (
            all(),
            json!([republish(&format!("${{{shadow}}}"))]),
            "a fault in the shadows",
            [2, 0, 2, 0, 0],
        ),
        (
            all(),
            json!([broken_role, republish("b")]),
            "a fault in the roles",
            [2, 0, 2, 0, 0],
        ),
        (
            all(),
            json!([republish("${thing}")]),
            "a fault in the republisher",
            [2, 0, 2, 0, 0],
        ),
        (
            all(),
            json!([broken_bucket]),
            "a fault in the target",
            [2, 0, 2, 0, 0],
        ),
        (
            all(),
            json!([s3(), broken_bucket, s3()]),
            "a fault in the target",
            [2, 0, 2, 0, 0],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_costs_the_action_of_one_message_and_nothing_else() {
    for (sql, actions, fault, expected) in faults() {
        let world = Arc::new(World::default());
        let delivery = engine(&world, |_| {});
        let members = json!({"actions": actions, "errorAction": republish("errors")});
        let handle = rule(&delivery, "r", &sql, members);
        let rules = set_of(&[&handle]);
        rules.offer(offer(br#"{"thing": "broken"}"#));
        delivery.idle().await;
        let told = errors(&world);
        assert_eq!(
            told.is_empty(),
            fault.is_empty(),
            "{sql} {actions}: {told:?}"
        );
        assert!(
            told.iter()
                .all(|text| text.contains("internal error of thingcore")
                    && text.contains(fault)
                    && text.ends_with("Message arrived on: a")),
            "{told:?}"
        );
        let failed = |handle: &rules::delivery::RuleHandle| -> u64 {
            let kinds = handle.counters().actions();
            kinds
                .iter()
                .map(|(_, counters)| counters.failure.count())
                .sum()
        };
        let before = failed(&handle);
        assert_eq!(before, u64::from(!fault.is_empty()), "{sql} {actions}");
        // The worker lives.
        rules.offer(offer(br#"{"thing": "lamp"}"#));
        delivery.idle().await;
        assert_eq!(counts(handle.counters()), expected, "{sql} {actions}");
        let always = u64::from(fault == "a fault in the roles");
        assert_eq!(failed(&handle), before + always, "{sql} {actions}");
    }
}

fn influx(more: &Value) -> Value {
    let mut action = json!({
        "destinationArn": INFLUX, "roleArn": ROLE, "databaseName": "db", "organization": "o",
        "tableName": "t",
    });
    for (name, value) in more.as_object().unwrap() {
        action[name] = value.clone();
    }
    json!({"influxDB": action})
}

/// The lines that an InfluxDB action writes for a message, or its error.
async fn check_lines(action: Value, payload: &str, expected: Result<&str, &str>) {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let members = json!({"actions": [influx(&action)], "errorAction": republish("errors")});
    let handle = rule(&delivery, "r", "SELECT * FROM 'a'", members);
    set_of(&[&handle]).offer(offer(payload.as_bytes()));
    delivery.idle().await;
    let sent: Vec<String> = world
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|body| String::from_utf8(body.to_vec()).unwrap())
        .collect();
    let told = errors(&world);
    match expected {
        Ok(lines) => assert_eq!(sent, [lines], "{action} {payload}: {told:?}"),
        Err(why) => {
            let text = format!("{why}. Message arrived on: a");
            assert_eq!((sent, told), (vec![], vec![text]), "{action} {payload}");
        }
    }
}

#[tokio::test]
async fn points_are_what_the_developer_guide_says() {
    let plain = json!({});
    let two = r#"[{"kind":"temperature","room":"kitchen","timestamp":1,"value":23.5},
        {"kind":"humidity","room":"","timestamp":2,"value":60.1}]"#;
    let by_element = json!({"tableName": "@{kind}", "tags": {"room": "@{room}"}});
    let rows = [
        (
            json!({"tags": {"b": "${topic()}", "a": "${clientid()}"}}),
            r#"{"timestamp":1700000000000,"temperature":23.5,"battery":87}"#,
            Ok("t,a=device,b=a temperature=23.5,battery=87i 1700000000000"),
        ),
        (
            by_element.clone(),
            two,
            Ok("temperature,room=kitchen value=23.5 1\nhumidity value=60.1 2"),
        ),
        // What is table or tag is no field, nor is null.
        (
            json!({"tableName": "${kind}", "tags": {"x": "r-@{room.no}"}}),
            r#"{"kind":"k","room":{"no":7},"v":true,"n":null,"timestamp":3}"#,
            Ok(r#"k,x=r-7 room="{\"no\":7}",v=t 3"#),
        ),
        (
            plain.clone(),
            r#"{"v":1}"#,
            Err("the result has no `timestamp`"),
        ),
        (
            plain.clone(),
            r#"{"v":1,"timestamp":"1"}"#,
            Err(r#"`timestamp` is not an integer: "1""#),
        ),
        (
            plain.clone(),
            r#"{"v":null,"timestamp":1}"#,
            Err("the result has no fields beside its table, tags and timestamp"),
        ),
        (
            plain.clone(),
            r#"{"_v":1,"timestamp":1}"#,
            Err("the field `_v` is empty or begins with an underscore"),
        ),
        (
            plain.clone(),
            r#"[{"v":1,"timestamp":1},7]"#,
            Err("the result must be an object, or an array of objects"),
        ),
        (plain.clone(), "[]", Err("the result is an empty array")),
        (
            plain,
            "text",
            Err("the result must be an object, or an array of objects"),
        ),
        (
            by_element,
            r#"{"room":"x","v":1,"timestamp":1}"#,
            Err("`tableName` has no value for an element"),
        ),
    ];
    for (action, payload, expected) in rows {
        check_lines(action, payload, expected).await;
    }
    let many: Vec<String> = (0..251).map(|n| format!(r#""f{n}":{n}"#)).collect();
    let many = format!(r#"{{"timestamp":1,{}}}"#, many.join(","));
    let why = "a point has more than 250 tags and fields";
    check_lines(json!({}), &many, Err(why)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_read_again_once() {
    // What InfluxDB answers, how often it is asked, and whether the points are in.
    let rows = [
        (vec![Ok(204)], 1, true),
        (vec![Ok(401), Ok(204)], 2, true),
        (vec![Ok(401), Ok(401)], 2, false),
        (vec![Ok(503), Ok(204)], 2, true),
        (vec![Ok(500)], 1, false),
        (vec![Ok(422)], 1, false),
    ];
    for (answers, asked, written) in rows {
        let world = Arc::new(World::default());
        world.answers.lock().unwrap().extend(answers.clone());
        let delivery = engine(&world, |_| {});
        let handle = rule(
            &delivery,
            "r",
            "SELECT * FROM 'a'",
            json!([influx(&json!({}))]),
        );
        set_of(&[&handle]).offer(offer(br#"{"v":1,"timestamp":1}"#));
        delivery.idle().await;
        let tokens = world.tokens.lock().unwrap().clone();
        assert_eq!(tokens, vec!["Token t0"; asked], "{answers:?}");
        let counters = handle.counters().action("influxDB");
        let counted = (counters.success.count(), counters.failure.count());
        assert_eq!(
            counted,
            (u64::from(written), u64::from(!written)),
            "{answers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn points_of_several_messages_are_written_together() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let action = influx(&json!({"batchConfig": {"maxBatchSize": 3, "maxBatchOpenMs": 50}}));
    let handle = rule(&delivery, "r", "SELECT * FROM 'a'", json!([action]));
    let rules = set_of(&[&handle]);
    // Two points in one message, then one, then one that waits for others in vain.
    for payload in [
        r#"[{"v":1,"timestamp":1},{"v":2,"timestamp":2}]"#,
        r#"{"v":3,"timestamp":3}"#,
        r#"{"v":4,"timestamp":4}"#,
    ] {
        rules.offer(offer(payload.as_bytes()));
    }
    delivery.idle().await;
    let sent = world.sent.lock().unwrap().clone();
    assert_eq!(sent, ["t v=1i 1\nt v=2i 2\nt v=3i 3", "t v=4i 4"]);
    assert_eq!(handle.counters().action("influxDB").success.count(), 3);
}

#[tokio::test]
async fn the_document_of_an_error_is_one_point_with_a_time_of_its_own() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let failing =
        json!({"republish": {"roleArn": "arn:aws:iam::123456789012:role/x", "topic": "b"}});
    let members = json!({
        "actions": [failing],
        "errorAction": influx(&json!({"timestampUnit": "s", "tags": {"topic": "${topic()}"}})),
    });
    let handle = rule(&delivery, "r", "SELECT * FROM 'a'", members);
    set_of(&[&handle]).offer(offer(b"{}"));
    delivery.idle().await;
    let sent = world.sent.lock().unwrap().clone();
    let line = std::str::from_utf8(&sent[0]).unwrap();
    assert!(
        line.starts_with(r#"t,topic=a ruleName="r",topic="a","#),
        "{line}"
    );
    assert!(
        line.contains(r#",failures="[{\"failedAction\":\"RepublishAction\","#),
        "{line}"
    );
    assert!(line.ends_with(" 1700000000"), "{line}");
}

fn kafka(more: &Value, properties: &Value) -> Value {
    let mut action = json!({
        "destinationArn": VPC, "topic": "T",
        "clientProperties": {"bootstrap.servers": "k:9092", "security.protocol": "PLAINTEXT"},
    });
    for (name, value) in more.as_object().unwrap() {
        action[name] = value.clone();
    }
    for (name, value) in properties.as_object().unwrap() {
        action["clientProperties"][name] = value.clone();
    }
    json!({"kafka": action})
}

#[tokio::test]
async fn a_record_has_topic_key_partition_and_headers_of_its_message() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let headers = json!([{"key": "source", "value": "${sourceip()}"}, {"key": "fix", "value": ""}]);
    let action = kafka(
        &json!({"topic": "T-${n}", "key": "${clientid()}", "partition": "${n}", "headers": headers}),
        &json!({
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.scram.username": "u", "sasl.scram.password": "p${n}", "compression.type": "zstd",
            "acks": "all", "key.serializer": "StringSerializer",
            "value.serializer": "org.apache.kafka.common.serialization.ByteBufferSerializer",
        }),
    );
    let members = json!({"actions": [action], "errorAction": republish("errors")});
    let handle = rule(&delivery, "r", "SELECT n FROM 'a'", members);
    set_of(&[&handle]).offer(offer(br#"{"n": 7, "m": 8}"#));
    delivery.idle().await;
    let record = world.produced.lock().unwrap().pop().unwrap();
    assert_eq!((&*record.topic, record.partition), ("T-7", Some(7)));
    assert_eq!(record.key.as_deref(), Some("device"));
    let headers = [("source", "127.0.0.1"), ("fix", "")];
    assert_eq!(
        record.headers,
        headers.map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    assert_eq!(
        (&*record.value, record.compression),
        (&b"{\"n\":7}"[..], Compression::Zstd)
    );
    let login = Sasl::ScramSha512 {
        username: "u".to_owned(),
        password: "p7".to_owned(),
    };
    assert_eq!(record.security.sasl, Some(login));
    assert_eq!(record.security.tls, None);
    assert_eq!(handle.counters().action("kafka").success.count(), 1);
    // A partition that is none fails the action, with its topic as the resource.
    set_of(&[&handle]).offer(offer(br#"{"n": -7}"#));
    delivery.idle().await;
    let why = "`partition`: `-7` is not the number of a partition. Message arrived on: a";
    assert_eq!(errors(&world), [why]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_down_is_tried_again() {
    let world = Arc::new(World::default());
    let down = Err("nobody is there");
    world
        .answers
        .lock()
        .unwrap()
        .extend([down, down, Ok(200), down, down, down, down]);
    let delivery = engine(&world, |_| {});
    let action = kafka(&json!({}), &json!({}));
    let members = json!({"actions": [action], "errorAction": republish("errors")});
    let handle = rule(&delivery, "r", "SELECT * FROM 'a'", members);
    for _ in 0..2 {
        set_of(&[&handle]).offer(offer(b"{}"));
        delivery.idle().await;
    }
    assert_eq!(world.produced.lock().unwrap().len(), 7);
    let told = "Failed to produce Kafka record. The error received was nobody is there. Message \
                arrived on: a, Action: kafka, Topic: T";
    assert_eq!(errors(&world), [told]);
}

/// Why a rule with this action is refused.
fn check_refused(action: &Value, expected: &str) {
    let payload = json!({
        "sql": "SELECT * FROM 'a'", "awsIotSqlVersion": "2016-03-23", "actions": [action],
    });
    let refused = Rule::compile("r", &payload).map(|_| ()).unwrap_err();
    let begin = "`actions.1.member.";
    let text = refused.to_string();
    assert_eq!(text.strip_prefix(begin), Some(expected), "{action}");
}

#[test]
fn kafka_actions_that_could_not_work_are_refused_at_once() {
    let none = json!({});
    let kafka_rows = [
        (
            json!({"topic": "a/b"}),
            none.clone(),
            "kafka.topic`: `a/b` is not the name of a Kafka topic",
        ),
        (
            json!({"partition": "x"}),
            none.clone(),
            "kafka.partition`: `x` is not the number of a partition",
        ),
        (
            none.clone(),
            json!({"bootstrap.servers": "k"}),
            "kafka.clientProperties.bootstrap.servers`: `k` is not a list of host:port",
        ),
        (
            none.clone(),
            json!({"acks": "2"}),
            "kafka.clientProperties.acks`: `2` is not one of -1, 0, 1, all",
        ),
        (
            none.clone(),
            json!({"linger.ms": "5"}),
            "kafka.clientProperties.linger.ms`: is not a parameter of this action",
        ),
        (
            none.clone(),
            json!({"security.protocol": "SSL"}),
            "kafka.clientProperties.ssl.keystore`: is missing, which the protocol SSL wants",
        ),
        (
            none.clone(),
            json!({"security.protocol": "SASL_SSL"}),
            "kafka.clientProperties.sasl.mechanism`: is missing, which a protocol with SASL wants",
        ),
        (
            none.clone(),
            json!({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}),
            "kafka.clientProperties.sasl.mechanism`: thingcore speaks no Kerberos: use PLAIN or \
             SCRAM-SHA-512",
        ),
        (
            none.clone(),
            json!({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}),
            "kafka.clientProperties.sasl.plain.username`: is missing",
        ),
        (
            none.clone(),
            json!({"security.protocol": "SASL_SSL", "ssl.truststore": "?"}),
            "kafka.clientProperties.ssl.truststore`: is neither PEM nor base64",
        ),
        (
            none,
            json!({"value.serializer": "StringSerializer"}),
            "kafka.clientProperties.value.serializer`: `StringSerializer` is not ByteBufferSerializer",
        ),
    ];
    for (more, properties, expected) in kafka_rows {
        check_refused(&kafka(&more, &properties), expected);
    }
}

#[test]
fn influxdb_actions_that_could_not_work_are_refused_at_once() {
    let influx_rows = [
        (
            json!({"databaseName": "_x"}),
            "databaseName`: `_x` is not the name of a database",
        ),
        (json!({"tableName": ""}), "tableName`: must not be empty"),
        (
            json!({"tableName": "@{a}@{b}"}),
            "tableName`: has more than one `@{...}`",
        ),
        (
            json!({"tableName": "${a}@{b}"}),
            "tableName`: `${...}` and `@{...}` cannot be in one value",
        ),
        (
            json!({"tags": {"a": "@{upper(b)}"}}),
            "tags`: between `@{` and `}` only the name of a field may stand",
        ),
        (
            json!({"tags": {"_a": "b"}}),
            "tags`: `_a` is empty or begins with an underscore",
        ),
        (
            json!({"timestampUnit": "h"}),
            "timestampUnit`: `h` is not one of s, ms, us, ns",
        ),
        (
            json!({"batchConfig": {"maxBatchSize": 501}}),
            "batchConfig.maxBatchSize`: must be a whole number of 1 to 500",
        ),
    ];
    for (more, expected) in influx_rows {
        check_refused(&influx(&more), &format!("influxDB.{expected}"));
    }
}
