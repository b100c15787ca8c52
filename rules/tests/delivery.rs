//! From an offered message to what its rules did: counts that add up, order, limits, targets that
//! fail, and the end of it all.

#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use rules::delivery::{Outcome, RecordQuery, RuleHandle, RuleSet};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use world::{ROLE, TargetAnswer, World, counts, engine, offer, republish, rule, s3, set_of};

#[tokio::test]
async fn all_rules_of_a_topic_see_each_message_and_the_counts_add_up() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let rules = [
        ("all", "SELECT * FROM 'a'"),
        ("hot", "SELECT t FROM 'a' WHERE t > 1"),
        ("cold", "SELECT t FROM 'a' WHERE t < 0"),
        (
            "fails",
            "SELECT get_dynamodb('t', 'k', t, 'arn:aws:iam::123456789012:role/r') FROM 'a'",
        ),
    ];
    let handles: Vec<RuleHandle> = rules
        .iter()
        .map(|(name, sql)| rule(&delivery, name, sql, json!([republish(name)])))
        .collect();
    let set = RuleSet::new(&"a".into(), handles.clone());
    for t in 0..4 {
        set.offer(offer(format!(r#"{{"t": {t}}}"#).as_bytes()));
    }
    delivery.idle().await;
    let counted: Vec<_> = handles.iter().map(|h| counts(h.counters())).collect();
    assert_eq!(
        counted,
        [
            [4, 0, 4, 0, 0],
            [4, 2, 2, 0, 0],
            [4, 4, 0, 0, 0],
            [4, 0, 0, 4, 0]
        ]
    );
    let mut hot = world.published();
    hot.retain(|(topic, _)| topic == "hot");
    let payloads: Vec<&str> = hot.iter().map(|(_, payload)| payload.as_str()).collect();
    assert_eq!(payloads, [r#"{"t":2}"#, r#"{"t":3}"#]);
}

#[tokio::test]
async fn republished_messages_keep_the_order_of_what_they_come_from() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let rule = rule(&delivery, "r", "SELECT * FROM 'a'", json!([republish("b")]));
    let set = set_of(&[&rule]);
    for number in 0..500 {
        set.offer(offer(number.to_string().as_bytes()));
    }
    delivery.idle().await;
    let expected: Vec<_> = (0..500).map(|n| ("b".to_owned(), n.to_string())).collect();
    assert_eq!(world.published(), expected);
}

#[tokio::test]
async fn a_rule_whose_sql_takes_long_is_evaluated_apart_and_stays_right() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let slow = "SELECT (SELECT VALUE (SELECT VALUE y FROM z.x AS y) FROM z.x) AS n FROM 'a'";
    let slow = rule(&delivery, "slow", slow, json!([republish("b")]));
    let set = set_of(&[&slow]);
    let payload = format!(r#"{{"z": {{"x": [{}]}}}}"#, vec!["1"; 200].join(","));
    for _ in 0..3 {
        set.offer(offer(payload.as_bytes()));
    }
    delivery.idle().await;
    assert_eq!(counts(slow.counters()), [3, 0, 3, 0, 0]);
    let published = world.published();
    assert_eq!(published.len(), 3);
    assert!(published.iter().all(|one| *one == published[0]));
}

#[tokio::test]
async fn more_than_fits_is_dropped_and_counted_for_each_rule() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |settings| settings.intake_messages = 10);
    let one = rule(
        &delivery,
        "one",
        "SELECT * FROM 'a'",
        json!([republish("b")]),
    );
    let two = rule(&delivery, "two", "SELECT * FROM 'a' WHERE false", json!([]));
    let set = set_of(&[&one, &two]);
    // Nothing is taken out in between: the test has the only thread.
    for _ in 0..15 {
        set.offer(offer(b"{}"));
    }
    delivery.idle().await;
    assert_eq!(counts(one.counters()), [15, 0, 10, 0, 5]);
    assert_eq!(counts(two.counters()), [15, 10, 0, 0, 5]);
    set.offer(offer(b"{}"));
    delivery.idle().await;
    assert_eq!(counts(one.counters()), [16, 0, 11, 0, 5]);
}

#[tokio::test]
async fn the_bytes_that_wait_are_bounded() {
    for bytes in ["intake", "queue", "total"] {
        let world = Arc::new(World {
            gate: Some(Semaphore::new(0)),
            ..World::default()
        });
        let delivery = engine(&world, |settings| match bytes {
            "intake" => settings.intake_bytes = 2500,
            "queue" => settings.queue_bytes = 5000,
            _ => settings.total_bytes = 5000,
        });
        let handle = rule(&delivery, "r", "SELECT * FROM 'a'", json!([s3()]));
        let set = set_of(&[&handle]);
        for _ in 0..5 {
            set.offer(offer(&[b'x'; 1000]));
        }
        // One rule does not keep all from another.
        let other = rule(&delivery, "other", "SELECT * FROM 'a'", json!([s3()]));
        if bytes == "total" {
            set_of(&[&other]).offer(offer(&[b'x'; 9000]));
        }
        world.gate.as_ref().unwrap().add_permits(100);
        delivery.idle().await;
        // The queue holds message and result.
        assert_eq!(counts(handle.counters()), [5, 0, 2, 0, 3], "{bytes}");
        if bytes == "total" {
            assert_eq!(counts(other.counters()), [1, 0, 1, 0, 0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_is_asked_again_and_then_the_error_action_runs_once() {
    // What the target answers, and how often it is asked; AWS's texts in the error action.
    let rows: [(&[TargetAnswer], usize, Option<&str>); 5] = [
        (&[Ok(200)], 1, None),
        (&[Ok(503), Err("reset"), Ok(200)], 3, None),
        (
            &[Ok(500), Ok(500), Ok(500), Ok(500)],
            4,
            Some(
                "Failed to put S3 object. The error received was Internal Server Error (Service: \
                 Amazon S3; Status Code: 500; Error Code: null). Message arrived on: a, Action: \
                 s3, Bucket: bucket, Key: k",
            ),
        ),
        (
            &[Ok(403)],
            1,
            Some(
                "Failed to put S3 object. The error received was Forbidden (Service: Amazon S3; \
                 Status Code: 403; Error Code: null). Message arrived on: a, Action: s3, Bucket: \
                 bucket, Key: k",
            ),
        ),
        (
            &[Err("hung"), Err("hung"), Err("hung"), Err("cut")],
            4,
            Some(
                "Failed to put S3 object. The error received was cut. Message arrived on: a, \
                 Action: s3, Bucket: bucket, Key: k",
            ),
        ),
    ];
    for (answers, attempts, error) in rows {
        let world = Arc::new(World::default());
        world.answers.lock().unwrap().extend(answers);
        let delivery = engine(&world, |_| {});
        let actions = json!({"actions": [s3()], "errorAction": republish("errors")});
        let handle = rule(&delivery, "r", "SELECT * FROM 'a'", actions);
        set_of(&[&handle]).offer(offer(b"{}"));
        delivery.idle().await;
        assert_eq!(world.sent.lock().unwrap().len(), attempts);
        let published = world.published();
        let got = published.first().map(|(topic, payload)| {
            assert_eq!(topic, "errors");
            let mut error: Value = serde_json::from_str(payload).unwrap();
            let trace_id = error.as_object_mut().unwrap().remove("cloudwatchTraceId");
            assert_eq!(trace_id.unwrap().as_str().unwrap().len(), 36);
            error
        });
        let expected = error.map(|error| {
            json!({
                "ruleName": "r", "topic": "a", "clientId": "device", "sourceIp": "127.0.0.1",
                "base64OriginalPayload": "e30=",
                "failures": [{"failedAction": "S3Action", "failedResource": "bucket",
                    "errorMessage": error}],
            })
        });
        assert_eq!(got, expected);
        let counters = handle.counters().action("s3");
        let failed = u64::from(error.is_some());
        assert_eq!(counters.failure.count(), failed);
        assert_eq!(counters.success.count(), 1 - failed);
        let errors = handle.counters().action("republish");
        assert_eq!(errors.error_action_success.count(), failed);
    }
}

#[tokio::test]
async fn a_target_that_hangs_holds_up_neither_other_rules_nor_publishers() {
    let world = Arc::new(World {
        gate: Some(Semaphore::new(0)),
        ..World::default()
    });
    let delivery = engine(&world, |settings| settings.queue_messages = 20);
    let stuck = rule(&delivery, "stuck", "SELECT * FROM 'a'", json!([s3()]));
    let free = rule(
        &delivery,
        "free",
        "SELECT * FROM 'a'",
        json!([republish("b")]),
    );
    let set = set_of(&[&stuck, &free]);
    for _ in 0..100 {
        set.offer(offer(b"{}"));
        // So that the workers run.
        tokio::task::yield_now().await;
    }
    while free.counters().executed.count() < 100 {
        tokio::task::yield_now().await;
    }
    world.gate.as_ref().unwrap().add_permits(1000);
    delivery.idle().await;
    let [matched, _, executed, _, throttled] = counts(stuck.counters());
    assert_eq!((matched, executed + throttled), (100, 100));
    // Those that waited, one that the worker held, and those that were worked on.
    assert!((36..=37).contains(&executed), "{executed}");
    assert_eq!(world.sent.lock().unwrap().len() as u64, executed);
    let sent = stuck.counters().action("s3");
    assert_eq!(sent.success.count(), executed);
}

#[tokio::test]
async fn the_end_lets_out_what_was_taken_and_takes_no_more() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let handle = rule(
        &delivery,
        "r",
        "SELECT * FROM 'a'",
        json!([republish("b"), s3()]),
    );
    let set = set_of(&[&handle]);
    for _ in 0..300 {
        set.offer(offer(b"{}"));
    }
    assert_eq!(delivery.drain(Duration::from_secs(60)).await, 0);
    assert_eq!(world.published().len(), 300);
    assert_eq!(world.sent.lock().unwrap().len(), 300);
    set.offer(offer(b"{}"));
    assert_eq!(counts(handle.counters()), [300, 0, 300, 0, 0]);
}

#[tokio::test]
async fn records_are_bounded_by_their_number_and_their_bytes() {
    for (records, bytes, kept) in [(5, usize::MAX, 5), (1000, 10_000, 4), (1000, 10, 1)] {
        let world = Arc::new(World::default());
        let delivery = engine(&world, |settings| {
            settings.records = records;
            settings.records_bytes = bytes;
        });
        let rule = rule(&delivery, "r", "SELECT * FROM 'a'", json!([republish("b")]));
        let set = set_of(&[&rule]);
        for _ in 0..20 {
            set.offer(offer(&[b'x'; 1000]));
        }
        delivery.idle().await;
        let query = RecordQuery {
            limit: 100,
            ..RecordQuery::default()
        };
        let numbers: Vec<u64> = delivery
            .records()
            .page(&query)
            .iter()
            .map(|r| r.seq)
            .collect();
        let newest: Vec<u64> = (21 - kept..=20).collect();
        assert_eq!(numbers, newest, "{records} {bytes}");
    }
}

#[tokio::test]
async fn a_loop_of_republish_actions_ends() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |settings| settings.hops_max = 3);
    let rule = rule(&delivery, "r", "SELECT * FROM 'a'", json!([republish("a")]));
    let set = set_of(&[&rule]);
    for hops in 0..5 {
        let mut offer = offer(b"{}");
        offer.publisher.hops = hops;
        set.offer(offer);
    }
    delivery.idle().await;
    assert_eq!(world.published().len(), 3);
    let query = RecordQuery {
        limit: 10,
        ..RecordQuery::default()
    };
    let records = delivery.records().page(&query);
    let reason = "the message went through 3 republish actions already".to_owned();
    assert_eq!(records[4].outcome, Outcome::Failed { reason });
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_in_sql_and_templates_ask_outside_without_holding_up_others() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let sql = format!("SELECT get_thing_shadow(thing, '{ROLE}').of AS s FROM 'a'");
    let asks = rule(&delivery, "asks", &sql, json!([republish("b")]));
    let topic = format!("c/${{get_thing_shadow(thing, '{ROLE}').of}}");
    let in_template = rule(
        &delivery,
        "template",
        "SELECT 1 AS one FROM 'a'",
        json!([republish(&topic)]),
    );
    set_of(&[&asks, &in_template]).offer(offer(br#"{"thing": "lamp"}"#));
    delivery.idle().await;
    let mut published = world.published();
    published.sort();
    let expected = [("b", r#"{"s":"lamp"}"#), ("c/lamp", r#"{"one":1}"#)];
    assert_eq!(
        published,
        expected.map(|(t, p)| (t.to_owned(), p.to_owned()))
    );
}

/// An HTTP action with these members too.
fn http(more: &[(&str, Value)]) -> Value {
    let mut action = json!({"url": "https://a.test/x", "confirmationUrl": "https://a.test"});
    for (name, value) in more {
        action[name] = value.clone();
    }
    json!({"http": action})
}

#[tokio::test(start_paused = true)]
async fn messages_of_an_http_action_go_in_batches_and_fail_together() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let batch = json!({"maxBatchSize": 3});
    let action = http(&[("enableBatching", true.into()), ("batchConfig", batch)]);
    let actions = json!({"actions": [action], "errorAction": republish("errors")});
    let handle = rule(&delivery, "r", "SELECT n FROM 'a'", actions);
    let rules = set_of(&[&handle]);
    for n in 0..7 {
        rules.offer(offer(format!(r#"{{"n": {n}}}"#).as_bytes()));
    }
    delivery.idle().await;
    let sent: Vec<Bytes> = world.sent.lock().unwrap().drain(..).collect();
    let expected = [
        r#"[{"n":0},{"n":1},{"n":2}]"#,
        r#"[{"n":3},{"n":4},{"n":5}]"#,
        r#"[{"n":6}]"#,
    ];
    assert_eq!(sent, expected);
    assert_eq!(handle.counters().action("http").success.count(), 7);
    world.answers.lock().unwrap().extend([Ok(500); 3]);
    for n in 0..3 {
        rules.offer(offer(format!(r#"{{"n": {n}}}"#).as_bytes()));
    }
    delivery.idle().await;
    assert_eq!(handle.counters().action("http").failure.count(), 3);
    let published = world.published();
    assert_eq!(published.len(), 1, "{published:?}");
    let error: Value = serde_json::from_str(&published[0].1).unwrap();
    assert_eq!(error["payloadsWithMetadata"].as_array().unwrap().len(), 3);
    assert_eq!(
        error["payloadsWithMetadata"][2]["base64OriginalPayload"],
        "eyJuIjogMn0="
    );
    let message = "HttpAction failed to make a request to the specified endpoint. \
                   StatusCode: 500. Reason: Internal Server Error.";
    let failure = json!({"affectedIds": [1, 2, 3], "failedAction": "HttpAction",
        "failedResource": "https://a.test/x", "errorMessage": message});
    assert_eq!(error["failures"], json!([failure]));
}

#[tokio::test]
async fn an_http_action_needs_a_destination_that_is_enabled() {
    let world = Arc::new(World::default());
    let delivery = engine(&world, |_| {});
    let other = json!({"http": {"url": "https://b.test"}});
    let rules = [
        rule(
            &delivery,
            "enabled",
            "SELECT * FROM 'a'",
            json!([http(&[])]),
        ),
        rule(&delivery, "other", "SELECT * FROM 'a'", json!([other])),
    ];
    set_of(&[&rules[0], &rules[1]]).offer(offer(b"{}"));
    delivery.idle().await;
    let failed: Vec<u64> = rules
        .iter()
        .map(|rule| rule.counters().action("http").failure.count())
        .collect();
    assert_eq!(failed, [0, 1]);
    assert_eq!(world.sent.lock().unwrap().len(), 1);
}
