//! Rule SQL and substitution templates.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;
use std::hint::black_box;
use std::time::Duration;

const TOPIC: &str = "building/7/floor/3/sensor/42";
const PAYLOAD: &[u8] = br#"{"temperature": 21.5, "humidity": 40, "name": "sensor-42",
    "location": {"building": 7, "floor": 3}, "tags": ["a", "b", "c"], "battery": 87}"#;
const NOW_MS: i64 = 1_700_000_000_000;

/// A device's report of exactly 200 bytes, and SQL over it as rules have it.
const REPORT: &[u8] = br#"{"t": 31.5, "a": "sensor-0042", "b": {"s": "on", "c": 17, "fan": "auto"}, "seq": 123456, "battery": 87, "rssi": -67, "firmware": "1.4.2-rc1", "site": "building-7", "up": 86400, "note": "all is well!"}"#;
const REPORT_TOPIC: &str = "x/device-42/y";
const SELECT_REPORT: &str = "SELECT a, b.c, topic(2) AS d FROM 'x/+/y' WHERE";

fn statement(sql: &str) -> Statement {
    Statement::parse(sql, SqlVersion::V2016).expect("rule SQL")
}

fn evaluation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evaluate SQL");
    for (name, sql, matches) in [
        ("SELECT *", "SELECT * FROM 'building/#'", true),
        (
            "WHERE is false",
            "SELECT * FROM 'building/#' WHERE temperature > 100",
            false,
        ),
        (
            "WHERE is false by topic()",
            "SELECT * FROM 'building/#' WHERE topic(2) = '8'",
            false,
        ),
        (
            "fields and functions",
            "SELECT temperature * 1.8 + 32 AS fahrenheit, topic(6) AS sensor, upper(name) AS name, \
             location.floor AS floor, timestamp() AS at FROM 'building/#' WHERE humidity < 50",
            true,
        ),
        (
            "objects and arrays",
            "SELECT {'where': location, 'first': get(tags, 0)} AS about, battery FROM 'building/#'",
            true,
        ),
    ] {
        evaluate(&mut group, name, sql, (TOPIC, PAYLOAD), matches);
    }
    group.finish();
    assert_eq!(REPORT.len(), 200);
    let mut group = criterion.benchmark_group("evaluate SQL over 200 bytes");
    for (name, condition, matches) in [
        ("WHERE is true", "t > 30 AND b.s = 'on'", true),
        ("WHERE is false at once", "t > 40 AND b.s = 'on'", false),
        ("WHERE is false at last", "t > 30 AND b.s = 'off'", false),
    ] {
        let sql = format!("{SELECT_REPORT} {condition}");
        evaluate(&mut group, name, &sql, (REPORT_TOPIC, REPORT), matches);
    }
    group.finish();
}

fn evaluate(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    sql: &str,
    (topic, payload): (&str, &[u8]),
    matches: bool,
) {
    let statement = statement(sql);
    let mut rng = SmallRng::seed_from_u64(1);
    let mut evaluate = |message: &Message<'_>| {
        let mut context = Context::new(message, NOW_MS, &mut rng);
        statement.evaluate(&mut context).expect("an outcome")
    };
    let outcome = evaluate(&Message::new(topic, payload));
    assert_eq!(outcome != Outcome::NotMatched, matches, "{name}");
    group.bench_function(name, |bencher| {
        // A new message each time, as every publish is one.
        bencher.iter(|| {
            black_box(evaluate(&Message::new(
                black_box(topic),
                black_box(payload),
            )))
        });
    });
}

fn templates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render a template");
    for (name, text, expected) in [
        ("no expression", "alerts/all", "alerts/all"),
        ("topic()", "alerts/${topic(2)}/${topic(4)}", "alerts/7/3"),
        ("fields", "${name}/${location.building}", "sensor-42/7"),
        (
            "timestamp()",
            "key-${timestamp()}.json",
            "key-1700000000000.json",
        ),
    ] {
        let template = Template::parse(text, SqlVersion::V2016).expect("a template");
        let mut rng = SmallRng::seed_from_u64(1);
        let mut render = |message: &Message<'_>| {
            let mut context = Context::new(message, NOW_MS, &mut rng);
            template.render(&mut context).expect("a text")
        };
        assert_eq!(render(&Message::new(TOPIC, PAYLOAD)), expected);
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(render(&Message::new(black_box(TOPIC), black_box(PAYLOAD)))));
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let sql = "SELECT temperature * 1.8 + 32 AS fahrenheit FROM 'building/#' WHERE humidity < 50";
    criterion.bench_function("parse SQL", |bencher| {
        bencher.iter(|| statement(black_box(sql)));
    });
}

criterion_group! {
    name = rule_sql;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500));
    targets = evaluation, templates, parsing
}
criterion_main!(rule_sql);
