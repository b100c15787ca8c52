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
use std::collections::BTreeMap;
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
            Some("iot-jobs-data") => Service::IotJobsData,
            Some(other) => panic!("{other}"),
        }
    }

    fn is_built(&self) -> bool {
        let operation = MODEL.operation(self.service(), &self.op);
        operations::handler(operation.unwrap()).is_some()
    }
}

#[tokio::test]
async fn calls_are_answered_as_aws_does() {
    check_all(include_str!("../../../tests/data/control.json")).await;
}

#[tokio::test]
async fn errors_have_the_code_and_the_text_of_aws() {
    check_all(include_str!("../../../tests/data/errors.json")).await;
}

/// Runs a file's vectors.
async fn check_all(file: &str) {
    let file: File = serde_json::from_str(file).unwrap();
    let world = world(None);
    let mut failed = Vec::new();
    for (number, vector) in file.vectors.iter().enumerate() {
        let missing = vector.steps.iter().filter(|step| !step.is_built());
        let missing: Vec<&str> = missing.map(|step| step.op.as_str()).collect();
        assert!(missing.is_empty(), "{} needs {missing:?}", vector.id);
        failed.extend(run(&world, vector, number).await);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
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
