//! Every vector of `data/policy.json`: AWS's documented examples and what follows from them.

use policy::{Document, PolicyError, Request, VariableMap, evaluate, evaluate_joint};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Vector {
    id: String,
    policies: Vec<serde_json::Value>,
    iam_policies: Option<Vec<serde_json::Value>>,
    context: Context,
    request: Wanted,
    expect: String,
}

#[derive(Deserialize)]
struct Context {
    variables: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Wanted {
    action: String,
    resource: String,
}

#[test]
fn every_vector_is_decided_as_aws_decides_it() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("data/policy.json")).unwrap();
    let wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| match decide(vector) {
            Ok(decision) if decision == vector.expect => None,
            other => Some(format!("{}: {other:?}, not {}", vector.id, vector.expect)),
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        vectors.len(),
        wrong.join("\n")
    );
}

fn decide(vector: &Vector) -> Result<&'static str, PolicyError> {
    let mut variables = VariableMap::new();
    for (name, values) in &vector.context.variables {
        match values {
            Values::One(value) => variables.set(name, value),
            Values::Many(list) => variables.set_list(name, list.clone()),
        }
    }
    let Wanted { action, resource } = &vector.request;
    let request = Request {
        action,
        resource,
        variables: &variables,
    };
    let iot = documents(&vector.policies)?;
    let allowed = match &vector.iam_policies {
        Some(iam) => evaluate_joint(&iot, &documents(iam)?, &request).is_allowed(),
        None => evaluate(&iot, &request).is_allowed(),
    };
    Ok(if allowed { "allow" } else { "deny" })
}

fn documents(list: &[serde_json::Value]) -> Result<Vec<Document>, PolicyError> {
    list.iter()
        .map(|document| Document::parse(&document.to_string()))
        .collect()
}
