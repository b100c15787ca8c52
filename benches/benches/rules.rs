//! Rule SQL and substitution templates.

use criterion::{Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;
use std::hint::black_box;

const TOPIC: &str = "building/7/floor/3/sensor/42";
const PAYLOAD: &[u8] = br#"{"temperature": 21.5, "humidity": 40, "name": "sensor-42",
    "location": {"building": 7, "floor": 3}, "tags": ["a", "b", "c"], "battery": 87}"#;
const NOW_MS: i64 = 1_700_000_000_000;

/// 200 bytes, as a gateway sends them.
const TYPICAL: &[u8] = br#"{"device": "pump-0042", "t": 42.7, "a": "north-hall", "seq": 184467, "b": {"s": "on", "c": 17, "mode": "auto"}, "battery": 87, "position": [52.5163, 13.3777], "firmware": "2.4.1", "unit": "celsius"  }"#;

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
        let statement = statement(sql);
        let message = Message::new(TOPIC, PAYLOAD);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut evaluate = |message: &Message<'_>| {
            let mut context = Context::new(message, NOW_MS, &mut rng);
            statement.evaluate(&mut context).expect("an outcome")
        };
        assert_eq!(evaluate(&message) != Outcome::NotMatched, matches, "{name}");
        group.bench_function(name, |bencher| {
            // A new message each time, as every publish is one.
            bencher.iter(|| {
                black_box(evaluate(&Message::new(
                    black_box(TOPIC),
                    black_box(PAYLOAD),
                )))
            });
        });
    }
    group.finish();
}

/// From the bytes of a message to the bytes that the actions get.
fn typical(criterion: &mut Criterion) {
    assert_eq!(TYPICAL.len(), 200);
    let mut group = criterion.benchmark_group("typical rule");
    for (name, least, matches) in [("WHERE is true", 30, true), ("WHERE is false", 50, false)] {
        let statement = statement(&format!(
            "SELECT a, b.c, topic(2) AS d FROM 'x/+/y' WHERE t > {least} AND b.s = 'on'"
        ));
        let mut rng = SmallRng::seed_from_u64(1);
        let mut evaluate = || {
            let message = Message::new(black_box("x/7/y"), black_box(TYPICAL));
            let mut context = Context::new(&message, NOW_MS, &mut rng);
            statement.evaluate(&mut context).expect("an outcome")
        };
        let expected = match matches {
            true => Outcome::Matched(br#"{"a":"north-hall","c":17,"d":"7"}"#.to_vec()),
            false => Outcome::NotMatched,
        };
        assert_eq!(evaluate(), expected);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(evaluate())));
    }
    group.finish();
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

criterion_group!(rule_sql, typical, evaluation, templates, parsing);
criterion_main!(rule_sql);
