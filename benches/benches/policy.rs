//! Decisions by policies: what a publish costs whose decision is not cached.

use criterion::{Criterion, criterion_group, criterion_main};
use policy::{Document, Request, VariableMap, evaluate};
use std::hint::black_box;
use std::time::Duration;

/// The policy of the AWS IoT tutorial ("Connect a device").
const TUTORIAL: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive", "iot:PublishRetain"],
     "Resource": ["arn:aws:iot:us-east-1:000000000000:topic/test/topic"]},
    {"Effect": "Allow", "Action": "iot:Subscribe",
     "Resource": ["arn:aws:iot:us-east-1:000000000000:topicfilter/test/topic"]},
    {"Effect": "Allow", "Action": "iot:Connect",
     "Resource": ["arn:aws:iot:us-east-1:000000000000:client/test-*"]}]}"#;

/// One of ten policies of a device: its own topics by its thing's name, under one of ten roots.
fn with_variables(nth: usize) -> String {
    let arn = "arn:aws:iot:us-east-1:000000000000";
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [
        {{"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
          "Resource": "{arn}:topic/root-{nth}/${{iot:Connection.Thing.ThingName}}/*"}},
        {{"Effect": "Deny", "Action": "iot:Publish",
          "Resource": "{arn}:topic/root-{nth}/*/secret",
          "Condition": {{"StringNotEquals": {{"iot:ClientId": "admin"}}}}}}]}}"#
    )
}

fn document(text: &str) -> Document {
    Document::parse(text).expect("a policy")
}

fn variables() -> VariableMap {
    let mut variables = VariableMap::new();
    variables.set("iot:ClientId", "test-1");
    variables.set("iot:Connection.Thing.ThingName", "sensor-1");
    variables.set("iot:Connection.Thing.IsAttached", "true");
    variables
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evaluate");
    let variables = variables();
    let tutorial = [document(TUTORIAL)];
    let ten: Vec<Document> = (0..10).map(|nth| document(&with_variables(nth))).collect();
    let arn = "arn:aws:iot:us-east-1:000000000000:topic";
    for (name, documents, topic, allowed) in [
        ("tutorial, allowed", &tutorial[..], "test/topic", true),
        (
            "tutorial, not mentioned",
            &tutorial[..],
            "test/other",
            false,
        ),
        (
            "ten with variables, allowed by the last",
            &ten[..],
            "root-9/sensor-1/a",
            true,
        ),
        (
            "ten with variables, denied by the last",
            &ten[..],
            "root-9/sensor-1/secret",
            false,
        ),
    ] {
        let resource = format!("{arn}/{topic}");
        let request = Request {
            action: "iot:Publish",
            resource: &resource,
            variables: &variables,
        };
        assert_eq!(
            evaluate(documents, &request).is_allowed(),
            allowed,
            "{name}"
        );
        group.bench_function(format!("{name}, compiled"), |bencher| {
            bencher.iter(|| evaluate(black_box(documents), black_box(&request)).is_allowed());
        });
    }
    group.finish();
}

/// The first decision after a policy has changed: it is parsed, too.
fn cold(criterion: &mut Criterion) {
    let variables = variables();
    let request = Request {
        action: "iot:Publish",
        resource: "arn:aws:iot:us-east-1:000000000000:topic/test/topic",
        variables: &variables,
    };
    criterion.bench_function("evaluate/tutorial, cold", |bencher| {
        bencher.iter(|| evaluate(&[document(black_box(TUTORIAL))], &request).is_allowed());
    });
}

fn parsing(criterion: &mut Criterion) {
    criterion.bench_function("parse the tutorial's policy", |bencher| {
        bencher.iter(|| document(black_box(TUTORIAL)));
    });
}

criterion_group! {
    name = policies;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500));
    targets = decisions, cold, parsing
}
criterion_main!(policies);
