//! Every constraint of every member of the operations that are built, from the model: a request
//! that breaks one is refused in AWS's words, and one that keeps to all of them is not.

use super::request::{Answered, send, signed};
use super::world::world;
use crate::api::model::{Kind, Location, MODEL, Member, Operation, Shape};
use crate::api::operations;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Longest text that is tried: what is longer does not fit into a request.
const TEXT_MAX: f64 = 900_000.0;

/// How deep structures are entered; rule actions are the deepest that the API has.
const DEPTH_MAX: usize = 6;

/// Texts of which some are right and some wrong for every pattern of the model.
const TEXTS: [&str; 20] = [
    "a",
    "1",
    "A",
    "a1b2c3d4-0000-4000-8000-000000000000",
    "0123456789abcdef",
    "arn:aws:iam::000000000000:role/r",
    "arn:aws:lambda:us-east-1:000000000000:function:f",
    "arn:aws:acm:us-east-1:000000000000:certificate/a1b2c3d4-0000-4000-8000-000000000000",
    "us-east-1:a1b2c3d4",
    "https://example.com/a",
    "example.com",
    "${newuuid()}",
    "bQ==",
    "1.0",
    "p99",
    ",",
    "https://ingestion-a.b.sfdcnow.com/streams/a/b/event",
    " ",
    "\u{7f}",
    "é",
];

/// A value that breaks one constraint.
struct Broken {
    value: Value,
    /// Where, below the member: `.tags.1.member.key`.
    path: String,
    expected: Expected,
}

enum Expected {
    /// The constraint's words.
    Constraint(String),
    /// Something that cannot be read.
    Type,
}

#[tokio::test]
async fn a_request_that_breaks_a_constraint_is_told_which() {
    let world = world(None);
    let (mut wrong, mut tried) = (Vec::new(), 0);
    let built = MODEL.operations.iter();
    for operation in built.filter(|operation| operations::handler(operation).is_some()) {
        let minimal = minimal(operation);
        let answered = call(&world, operation, &minimal).await;
        if message(&answered).contains("failed to satisfy constraint") {
            wrong.push(format!("{} {minimal:?}: {answered:?}", operation.name));
        }
        for member in &operation.input {
            for broken in broken_member(operation, member) {
                let mut members = minimal.clone();
                match &broken.value {
                    Value::Null => drop(members.remove(&member.name)),
                    value => drop(members.insert(member.name.clone(), value.clone())),
                }
                let answered = call(&world, operation, &members).await;
                tried += 1;
                if let Some(why) = failure(&broken, member, &answered) {
                    let message: String = message(&answered).chars().take(300).collect();
                    let name = &operation.name;
                    wrong.push(format!("{name} {why}, but {}: {message}", answered.status));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried}: {}",
        wrong.len(),
        wrong.join("\n")
    );
    // The model's constraints are there to be broken.
    assert!(tried > 2000, "{tried}");
}

async fn call(world: &Arc<World>, operation: &Operation, members: &Map<String, Value>) -> Answered {
    send(world, signed(operation.service, &operation.name, members)).await
}

fn message(answered: &Answered) -> &str {
    answered.body["message"].as_str().unwrap_or_default()
}

/// What is not as expected.
fn failure(broken: &Broken, member: &Member, answered: &Answered) -> Option<String> {
    let path = format!("{}{}", member.name, broken.path);
    let (code, part) = match &broken.expected {
        Expected::Constraint(constraint) => (
            "InvalidRequestException",
            format!("at '{path}' failed to satisfy constraint: {constraint}"),
        ),
        Expected::Type => ("SerializationException", String::new()),
    };
    let found = answered.error.as_deref();
    let fits = found == Some(code) && answered.status == 400 && message(answered).contains(&part);
    (!fits).then(|| format!("should say {code} {part}"))
}

/// The required members alone.
fn minimal(operation: &Operation) -> Map<String, Value> {
    let required = operation.input.iter().filter(|member| member.required);
    required
        .map(|member| (member.name.clone(), example(MODEL.shape(&member.shape))))
        .collect()
}

/// A value that keeps to everything.
fn example(shape: &Shape) -> Value {
    match &shape.kind {
        Kind::String => right(shape).into(),
        Kind::Boolean => true.into(),
        Kind::Integer | Kind::Long | Kind::Double => {
            json!(shape.min.unwrap_or(1.0).max(1.0) as i64)
        }
        Kind::Timestamp => 1_700_000_000.into(),
        Kind::Blob => "bQ==".into(),
        Kind::List { member } => vec![example(MODEL.shape(member)); least(shape)].into(),
        Kind::Map { key, value } => {
            let key = right(MODEL.shape(key));
            json!({key: example(MODEL.shape(value))})
        }
        Kind::Structure { required, members } => {
            let required = members.iter().filter(|(name, _)| required.contains(name));
            let required = required.map(|(name, of)| (name.clone(), example(MODEL.shape(of))));
            Value::Object(required.collect())
        }
    }
}

fn right(shape: &Shape) -> String {
    text(shape, true).unwrap_or_else(|| panic!("TEXTS has nothing for {shape:?}"))
}

/// Items of the shortest list that is not empty.
fn least(shape: &Shape) -> usize {
    shape.min.map_or(1, |min| (min as usize).max(1))
}

/// A text of a length that fits, which the pattern and the names of an enum take or do not take.
fn text(shape: &Shape, right: bool) -> Option<String> {
    if let Some(values) = &shape.values {
        let wrong = "NOT_ONE_OF_THESE".to_owned();
        return Some(if right { values[0].clone() } else { wrong });
    }
    let (min, max) = (shape.min.unwrap_or(0.0), shape.max.unwrap_or(TEXT_MAX));
    let fits = |text: &String| {
        let length = text.chars().count() as f64;
        let matches = shape.pattern.as_ref().is_none_or(|p| p.matches(text));
        (min..=max).contains(&length) && matches == right
    };
    let longer = |text: &&str| text.repeat((min as usize).div_ceil(text.chars().count()).max(1));
    TEXTS.iter().map(longer).find(fits)
}

fn broken_member(operation: &Operation, member: &Member) -> Vec<Broken> {
    let shape = MODEL.shape(&member.shape);
    if operation.raw_payload() == Some(&member.name) {
        return Vec::new();
    }
    let mut all = broken(shape, 0);
    if member.required {
        all.push(missing(Value::Null, String::new()));
    }
    match member.location {
        Location::Body => {}
        // An empty label, or none, is another path; a header has no control characters.
        Location::Uri => all.retain(|broken| {
            let empty = broken.value.as_str().is_some_and(str::is_empty);
            !empty && !broken.value.is_null() && matches!(broken.expected, Expected::Constraint(_))
        }),
        Location::Querystring | Location::Header => all.retain(|broken| {
            let sendable = broken
                .value
                .as_str()
                .is_none_or(|text| !text.contains('\u{7f}'));
            sendable && matches!(broken.expected, Expected::Constraint(_))
        }),
    }
    all
}

fn missing(value: Value, path: String) -> Broken {
    let expected = Expected::Constraint("Member must not be null".to_owned());
    Broken {
        value,
        path,
        expected,
    }
}

fn here(value: impl Into<Value>, constraint: String) -> Broken {
    Broken {
        value: value.into(),
        path: String::new(),
        expected: Expected::Constraint(constraint),
    }
}

/// Every way to break a value of this shape.
fn broken(shape: &Shape, depth: usize) -> Vec<Broken> {
    if depth > DEPTH_MAX {
        return Vec::new();
    }
    let mut all = match &shape.kind {
        Kind::String => broken_text(shape),
        Kind::Integer | Kind::Long | Kind::Double => broken_number(shape),
        Kind::Boolean | Kind::Timestamp | Kind::Blob => Vec::new(),
        Kind::List { member } => broken_list(shape, member, depth),
        Kind::Map { key, value } => broken_map(MODEL.shape(key), MODEL.shape(value), depth),
        Kind::Structure { required, members } => broken_structure(required, members, shape, depth),
    };
    all.push(Broken {
        value: match shape.kind {
            Kind::Boolean | Kind::Timestamp => json!([]),
            _ => true.into(),
        },
        path: String::new(),
        expected: Expected::Type,
    });
    all
}

fn broken_text(shape: &Shape) -> Vec<Broken> {
    let mut all = Vec::new();
    if let Some(max) = shape.max.filter(|max| *max < TEXT_MAX) {
        let constraint = format!("Member must have length less than or equal to {max}");
        let right = text(shape, true).unwrap_or_default();
        let longer = right.chars().cycle().take(max as usize + 1);
        all.push(here(longer.collect::<String>(), constraint));
    }
    if let Some(min) = shape.min.filter(|min| *min > 0.0) {
        let constraint = format!("Member must have length greater than or equal to {min}");
        let right = text(shape, true).unwrap_or_default();
        let shorter: String = right.chars().take(min as usize - 1).collect();
        all.push(here(shorter, constraint));
    }
    let wrong = text(shape, false);
    if let (Some(pattern), Some(wrong)) = (&shape.pattern, &wrong) {
        let text = &pattern.text;
        let constraint = format!("Member must satisfy regular expression pattern: {text}");
        all.push(here(wrong.clone(), constraint));
    }
    if let Some(values) = &shape.values {
        let names = values.join(", ");
        let constraint = format!("Member must satisfy enum value set: [{names}]");
        all.push(here(wrong.unwrap_or_default(), constraint));
    }
    all
}

fn broken_number(shape: &Shape) -> Vec<Broken> {
    let less = shape.min.map(|min| {
        let constraint = format!("Member must have value greater than or equal to {min}");
        here(min as i64 - 1, constraint)
    });
    let more = shape
        .max
        .filter(|max| *max < f64::from(i32::MAX))
        .map(|max| {
            let constraint = format!("Member must have value less than or equal to {max}");
            here(max as i64 + 1, constraint)
        });
    less.into_iter().chain(more).collect()
}

fn broken_list(shape: &Shape, member: &str, depth: usize) -> Vec<Broken> {
    let of = MODEL.shape(member);
    let mut all = Vec::new();
    if let Some(max) = shape.max.filter(|max| *max < 10_000.0) {
        let constraint = format!("Member must have length less than or equal to {max}");
        all.push(here(vec![example(of); max as usize + 1], constraint));
    }
    if let Some(min) = shape.min.filter(|min| *min > 0.0) {
        let constraint = format!("Member must have length greater than or equal to {min}");
        all.push(here(vec![example(of); min as usize - 1], constraint));
    }
    let below = broken(of, depth + 1).into_iter().map(|item| {
        let mut items = vec![example(of); least(shape)];
        items[0] = item.value;
        let path = format!(".1.member{}", item.path);
        Broken {
            value: items.into(),
            path,
            expected: item.expected,
        }
    });
    all.extend(below);
    all
}

fn broken_map(key: &Shape, of: &Shape, depth: usize) -> Vec<Broken> {
    let right = text(key, true).unwrap_or_default();
    let keys = broken_text(key).into_iter().map(|broken| {
        let name = broken.value.as_str().unwrap_or_default().to_owned();
        (json!({name: example(of)}), "keys", broken)
    });
    let simple = matches!(of.kind, Kind::String);
    let values = if simple { broken_text(of) } else { Vec::new() };
    let values = values
        .into_iter()
        .map(|broken| (json!({right.clone(): broken.value}), "value", broken));
    let mut all: Vec<Broken> = keys
        .chain(values)
        .map(|(value, part, broken)| {
            // All that is wrong with a key stands in the same brackets.
            let expected = match broken.expected {
                Expected::Constraint(_) => {
                    Expected::Constraint(format!("Map {part} must satisfy constraint: ["))
                }
                Expected::Type => Expected::Type,
            };
            Broken {
                value,
                path: String::new(),
                expected,
            }
        })
        .collect();
    if !simple {
        all.extend(broken(of, depth + 1).into_iter().map(|below| Broken {
            value: json!({right.clone(): below.value}),
            path: format!(".{right}.member{}", below.path),
            expected: below.expected,
        }));
    }
    all
}

fn broken_structure(
    required: &[String],
    members: &[(String, String)],
    shape: &Shape,
    depth: usize,
) -> Vec<Broken> {
    let right = example(shape);
    let mut all = Vec::new();
    for (name, of) in members {
        let with = |value: Value| {
            let mut whole = right.clone();
            whole[name] = value;
            whole
        };
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let path: String = first.into_iter().chain(letters).collect();
        if required.contains(name) {
            all.push(missing(with(Value::Null), format!(".{path}")));
        }
        all.extend(
            broken(MODEL.shape(of), depth + 1)
                .into_iter()
                .map(|below| Broken {
                    value: with(below.value),
                    path: format!(".{path}{}", below.path),
                    expected: below.expected,
                }),
        );
    }
    all
}
