//! `/_thingcore/sql/`: what `thingcore rules test` and `thingcore rules functions` say, for those
//! who have a browser.

use super::response::{json, refused};
use crate::trial::{self, Line};
use ::rules::sql::{Function, functions};
use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

/// Evaluates the SQL of a rule, or a template, for a message: one line of `thingcore rules test
/// --stdin`. When no action would run, `reasons` says why.
pub(super) fn test(body: &Bytes) -> Response<Body> {
    match tried(body) {
        Ok(answer) => json(StatusCode::OK, &Value::Object(answer)),
        Err(why) => refused(StatusCode::BAD_REQUEST, &format!("{why:#}")),
    }
}

fn tried(body: &Bytes) -> anyhow::Result<Map<String, Value>> {
    let line: Line<'_> = serde_json::from_slice(body)?;
    let mut answer = Vec::new();
    trial::answer(&line, &mut answer)?;
    let mut answer: Map<String, Value> = serde_json::from_slice(&answer)?;
    let reasons = trial::reasons(&line)?;
    if !reasons.is_empty() {
        answer.insert("reasons".to_owned(), reasons.into());
    }
    Ok(answer)
}

/// All functions, with what they take and give.
pub(super) fn list() -> Response<Body> {
    let functions: Vec<Value> = functions().into_iter().map(shown).collect();
    json(StatusCode::OK, &json!({"functions": functions}))
}

fn shown(function: &Function) -> Value {
    let examples = function.examples.iter();
    let examples: Vec<Value> = examples
        .map(|example| json!({"call": example.call, "gives": example.gives}))
        .collect();
    json!({
        "name": function.name,
        "arguments": function.arguments,
        "since": function.since.name(),
        "summary": function.summary,
        "examples": examples,
    })
}
