//! The vectors of the control plane: calls in order, with what AWS answers.

use super::expect::failures;
use super::placeholders::Values;
use super::request::{send, signed};
use super::world::world;
use crate::api::model::{MODEL, Service};
use crate::api::operations;
use crate::world::World;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    op: String,
    #[serde(default)]
    service: Option<String>,
    params: Map<String, Value>,
    expect: Map<String, Value>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

impl Step {
    fn service(&self) -> Service {
        match self.service.as_deref() {
            None => Service::Iot,
            Some("iot-data") => Service::IotData,
            Some(other) => panic!("{other}"),
        }
    }

    fn is_built(&self) -> bool {
        let operation = MODEL.operation(self.service(), &self.op);
        operations::handler(operation.unwrap()).is_some()
    }
}

/// Operations of the vectors that are not built yet; vectors that need one are not run.
const NOT_BUILT: [&str; 0] = [];

/// Vectors that are run.
const RAN: usize = 66;

#[tokio::test]
async fn calls_are_answered_as_aws_does() {
    let text = include_str!("../../../tests/data/control.json");
    let file: File = serde_json::from_str(text).unwrap();
    let world = world(None);
    let mut not_built = BTreeSet::new();
    let (mut failed, mut ran) = (Vec::new(), 0);
    for (number, vector) in file.vectors.iter().enumerate() {
        let missing = vector.steps.iter().filter(|step| !step.is_built());
        let missing: Vec<&str> = missing.map(|step| step.op.as_str()).collect();
        if missing.is_empty() {
            ran += 1;
            failed.extend(run(&world, vector, number).await);
        }
        not_built.extend(missing);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let expected: BTreeSet<&str> = NOT_BUILT.into_iter().collect();
    assert_eq!(not_built, expected);
    assert_eq!(ran, RAN);
}

/// Runs a vector; says where its first step that fails went wrong.
async fn run(world: &Arc<World>, vector: &Vector, number: usize) -> Option<String> {
    let mut values = Values::new(number);
    for (at, step) in vector.steps.iter().enumerate() {
        let params = values.fill(&Value::Object(step.params.clone()));
        let params = params.as_object().unwrap();
        let answered = send(world, signed(step.service(), &step.op, params)).await;
        let failures = failures(&step.expect, &answered, &mut values);
        if !failures.is_empty() {
            let why = failures.join("; ");
            return Some(format!(
                "{} step {} {}: {why}\n    {answered:?}",
                vector.id,
                at + 1,
                step.op
            ));
        }
        for (name, member) in &step.save {
            values.save(name, &answered.body[member]);
        }
    }
    None
}
