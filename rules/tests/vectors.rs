//! Rule SQL and substitution templates by the vectors taken from AWS's documentation.

mod common;

use common::{Vector, evaluate};
use fancy_regex::Regex;
use rules::sql::{Context, Message, Outcome, SqlVersion, Statement};
use rules::template::Template;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Vectors marked uncertain that come out otherwise here, each with our reason.
const KNOWN_DIFFERENCES: [(&str, &str); 0] = [];

#[derive(Deserialize)]
struct Expect {
    matched: Option<bool>,
    output: Option<Value>,
    output_text: Option<String>,
    output_base64: Option<String>,
    #[serde(rename = "match")]
    patterns: Option<BTreeMap<String, String>>,
    tolerance: Option<f64>,
    #[serde(default)]
    parse_error: bool,
    #[serde(default)]
    rule_failed: bool,
}

#[test]
fn every_sql_vector_comes_out_as_documented() {
    check_all(include_str!("data/sql.json"), 873);
}

/// Of our own, from the same pages of the guide: each function with each kind of argument, and
/// where forms meet.
#[test]
fn every_further_sql_vector_comes_out_as_documented() {
    check_all(include_str!("data/sql_more.json"), 661);
}

fn check_all(document: &str, least: usize) {
    let vectors: Vec<Value> = serde_json::from_str(document).expect("the vectors are JSON");
    assert!(vectors.len() >= least);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let id = vector["id"].as_str().expect("vectors have an id");
        assert!(vector["source"].is_string(), "{id}");
        let problem = check(vector);
        let known = KNOWN_DIFFERENCES.iter().any(|(known, _)| *known == id);
        let uncertain = vector["uncertain"] == true;
        match problem {
            Some(problem) if !(known && uncertain) => {
                wrong.push(format!("{id}: {} {problem}", vector["sql"]));
            }
            None if known => wrong.push(format!("{id}: no longer a known difference")),
            Some(_) | None => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What is wrong with the outcome of a vector.
fn check(value: &Value) -> Option<String> {
    let vector = Vector::of(value);
    let expect = Expect::deserialize(&value["expect"]).expect("vectors expect something");
    let statement = match Statement::parse(&vector.sql, vector.version()) {
        Ok(statement) => statement,
        Err(error) if expect.parse_error => {
            return (error.line == 0 || error.column == 0).then(|| error.to_string());
        }
        Err(error) => return Some(error.to_string()),
    };
    if expect.parse_error {
        return Some("is not refused".to_owned());
    }
    let output = match evaluate(&vector, &statement) {
        Ok(Outcome::NotMatched) => {
            return (expect.matched != Some(false)).then(|| "does not match".to_owned());
        }
        Err(error) => return (!expect.rule_failed).then(|| error.to_string()),
        Ok(Outcome::Matched(output)) => output,
    };
    if expect.matched != Some(true) {
        return Some("matches".to_owned());
    }
    let text = String::from_utf8_lossy(&output).into_owned();
    let same = same_output(&expect, &output);
    (!same).then(|| format!("gives {text}, not {}", value["expect"]))
}

fn same_output(expect: &Expect, output: &[u8]) -> bool {
    if let Some(text) = &expect.output_text {
        return text.as_bytes() == output;
    }
    if let Some(base64) = &expect.output_base64 {
        return common::base64(base64) == output;
    }
    let Ok(json) = serde_json::from_slice::<Value>(output) else {
        return false;
    };
    if let Some(patterns) = &expect.patterns {
        return patterns.iter().all(|(member, pattern)| {
            let text = match &json[member] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            matches_whole(pattern, &text)
        });
    }
    let Some(expected) = &expect.output else {
        return false;
    };
    same_json(expected, &json, expect.tolerance)
}

fn matches_whole(pattern: &str, text: &str) -> bool {
    let regex = Regex::new(&format!("^(?:{pattern})$")).expect("vectors have valid patterns");
    regex.is_match(text).expect("the patterns are simple")
}

/// Numbers may differ by 1e-9 of themselves, or by the tolerance.
fn same_json(left: &Value, right: &Value, tolerance: Option<f64>) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let double = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
            let (left, right) = (double(left), double(right));
            let allowed = tolerance.unwrap_or(1e-9 * left.abs().max(right.abs()));
            (left - right).abs() <= allowed
        }
        (Value::Array(left), Value::Array(right)) => {
            let same = |(left, right)| same_json(left, right, tolerance);
            left.len() == right.len() && left.iter().zip(right).all(same)
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(name, left)| {
                let right = right.get(name);
                right.is_some_and(|right| same_json(left, right, tolerance))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        (left, right) => left == right,
    }
}

#[derive(Deserialize)]
struct TemplateVector {
    id: String,
    template: String,
    topic: String,
    payload: Value,
    payload_text: Option<String>,
    client_id: Option<String>,
    set: Option<BTreeMap<String, String>>,
    field: Option<String>,
    expect: Value,
}

#[test]
fn every_template_vector_comes_out_as_documented() {
    let documents = [
        (include_str!("data/templates.json"), 24),
        (include_str!("data/templates_more.json"), 27),
    ];
    for (document, least) in documents {
        let vectors: Vec<TemplateVector> = serde_json::from_str(document).unwrap();
        assert!(vectors.len() >= least);
        for vector in &vectors {
            check_template(vector);
        }
    }
}

fn check_template(vector: &TemplateVector) {
    let set = vector.set.iter().flatten();
    let set: Vec<String> = set
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let mut sql = "SELECT * FROM 'a/b'".to_owned();
    if !set.is_empty() {
        sql = format!("SET {} {sql}", set.join(", "));
    }
    let statement = Statement::parse(&sql, SqlVersion::V2016).expect("SET is valid");
    let payload = vector.payload_text.clone();
    let payload = payload.unwrap_or_else(|| vector.payload.to_string());
    let mut message = Message::new(&vector.topic, payload.as_bytes());
    message.client_id = vector.client_id.as_deref();
    let mut rng = common::rng();
    let mut context = Context::new(&message, common::NOW_MS, &mut rng);
    let outcome = statement.evaluate(&mut context);
    assert!(outcome.is_ok(), "{outcome:?}");
    let template =
        Template::parse_for(&vector.template, &statement).expect("the template is valid");
    let rendered = template.render(&mut context).map(|text| {
        // The republish action takes `$$` at the beginning for `$`.
        match vector.field.as_deref() {
            Some("republish.topic") if text.starts_with("$$") => text[1..].to_owned(),
            _ => text,
        }
    });
    let id = &vector.id;
    match (&vector.expect, rendered) {
        (Value::String(expected), Ok(text)) => assert_eq!(&text, expected, "{id}"),
        (Value::Object(expect), Ok(text)) => {
            let pattern = expect["match"].as_str().unwrap_or_default();
            assert!(matches_whole(pattern, &text), "{id}: {text}");
        }
        (Value::Object(expect), Err(_)) => assert_eq!(expect["action_fails"], true, "{id}"),
        (expect, rendered) => assert_eq!(format!("{rendered:?}"), expect.to_string(), "{id}"),
    }
}
