//! The vectors of device shadows, as far as no door is part of them, and what outlives a restart.

use crate::world::{self, NOW_MS};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use things::{ShadowName, ShadowRejected, Shadows, Things};

const THING: &str = "thing-1";
const NOW_S: u64 = NOW_MS / 1000;

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
    shadow: Option<String>,
    payload: Option<Value>,
    payload_raw: Option<String>,
    payload_hex: Option<String>,
    expect_messages: Vec<Message>,
    expect_http: Option<Http>,
}

#[derive(Deserialize)]
struct Message {
    topic_suffix: String,
    payload_subset: Map<String, Value>,
    #[serde(default)]
    payload_absent: Vec<String>,
}

#[derive(Deserialize)]
struct Http {
    status: u16,
    payload_subset: Option<Map<String, Value>>,
    message: Option<String>,
    #[serde(default)]
    unordered: Map<String, Value>,
}

impl Step {
    fn payload(&self) -> Vec<u8> {
        if let Some(hex) = &self.payload_hex {
            let digits: Vec<u8> = hex
                .bytes()
                .map(|c| (c as char).to_digit(16).unwrap() as u8)
                .collect();
            return digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect();
        }
        let raw = self.payload_raw.clone();
        raw.or_else(|| self.payload.as_ref().map(Value::to_string))
            .unwrap_or_default()
            .into_bytes()
    }
}

/// What came of a request: messages by topic, and the answer over HTTP.
struct Outcome {
    messages: Vec<(String, Value)>,
    status: u16,
    body: Value,
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn rejected(operation: &str, rejected: ShadowRejected) -> Outcome {
    let (code, message) = (rejected.error.code(), rejected.error.to_string());
    let mut body = json!({"code": code, "message": message});
    if let Some(token) = rejected.client_token {
        body["clientToken"] = token.into();
    }
    Outcome {
        messages: vec![(format!("{operation}/rejected"), body.clone())],
        status: code,
        body,
    }
}

fn accepted(operation: &str, answer: Result<String, ShadowRejected>) -> Outcome {
    match answer {
        Ok(text) => {
            let body = parsed(&text);
            Outcome {
                messages: vec![(format!("{operation}/accepted"), body.clone())],
                status: 200,
                body,
            }
        }
        Err(why) => rejected(operation, why),
    }
}

fn perform(shadows: &Shadows, step: &Step) -> Outcome {
    let (door, operation) = step.op.split_once('_').unwrap();
    let payload = step.payload();
    if operation == "list" {
        let results = shadows.list_named(THING, None, 100).items;
        let body = json!({"results": results, "timestamp": NOW_S});
        return Outcome {
            messages: vec![],
            status: 200,
            body,
        };
    }
    let name = ShadowName::new(THING, step.shadow.as_deref()).unwrap();
    let mut outcome = match operation {
        "get" => accepted("get", shadows.get(&name, &payload, NOW_MS)),
        "delete" => accepted("delete", shadows.delete(&name, &payload, NOW_MS)),
        "update" => match shadows.update(&name, &payload, NOW_MS) {
            Ok(update) => {
                let mut outcome = accepted("update", Ok(update.accepted));
                let more = [
                    ("update/documents", Some(update.documents)),
                    ("update/delta", update.delta),
                ];
                let more = more.iter().filter_map(|(topic, text)| {
                    Some(((*topic).to_owned(), parsed(text.as_ref()?)))
                });
                outcome.messages.extend(more);
                outcome
            }
            Err(why) => rejected("update", why),
        },
        other => panic!("{other}"),
    };
    // Devices hear nothing of what is only read or fails over HTTP.
    if door == "http" && (operation == "get" || outcome.status != 200) {
        outcome.messages.clear();
    }
    outcome
}

fn fits(wanted: &Value, found: &Value) -> bool {
    match wanted {
        Value::String(text) if text == "<ts>" => found.as_u64() == Some(NOW_S),
        Value::String(text) if text == "<any>" => !found.is_null(),
        Value::String(text) if text.starts_with("<gt:") => {
            let least: u64 = text
                .trim_start_matches("<gt:")
                .trim_end_matches('>')
                .parse()
                .unwrap();
            found.as_u64().is_some_and(|found| found > least)
        }
        Value::String(text) => found.as_str() == Some(&text.replace("<thing>", THING)),
        Value::Object(wanted) => found.as_object().is_some_and(|found| {
            found.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|(name, wanted)| found.get(name).is_some_and(|found| fits(wanted, found)))
        }),
        Value::Array(wanted) => found.as_array().is_some_and(|found| {
            found.len() == wanted.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| fits(wanted, found))
        }),
        Value::Number(_) | Value::Bool(_) | Value::Null => wanted == found,
    }
}

fn holds(wanted: &Message, found: &Value) -> bool {
    wanted
        .payload_subset
        .iter()
        .all(|(name, wanted)| found.get(name).is_some_and(|found| fits(wanted, found)))
        && wanted
            .payload_absent
            .iter()
            .all(|pointer| found.pointer(pointer).is_none())
}

fn check(shadows: &Shadows, step: &Step, at: &str) {
    let outcome = perform(shadows, step);
    let shown = || {
        format!(
            "{at}: {:?} {} {}",
            outcome.messages, outcome.status, outcome.body
        )
    };
    assert_eq!(
        outcome.messages.len(),
        step.expect_messages.len(),
        "{}",
        shown()
    );
    for wanted in &step.expect_messages {
        let of_topic = |(topic, _): &&(String, Value)| *topic == wanted.topic_suffix;
        let found = outcome.messages.iter().find(of_topic);
        assert!(
            found.is_some_and(|(_, found)| holds(wanted, found)),
            "{} {}",
            wanted.topic_suffix,
            shown()
        );
    }
    let Some(wanted) = &step.expect_http else {
        return;
    };
    assert_eq!(outcome.status, wanted.status, "{}", shown());
    for (name, wanted) in wanted.payload_subset.iter().flatten() {
        assert!(fits(wanted, &outcome.body[name]), "{name} {}", shown());
    }
    for (name, wanted) in &wanted.unordered {
        assert_eq!(&outcome.body[name], wanted, "{name} {}", shown());
    }
    if let Some(message) = &wanted.message {
        assert!(
            fits(&message.as_str().into(), &outcome.body["message"]),
            "{}",
            shown()
        );
    }
}

#[test]
fn vectors_hold() {
    let file: File = serde_json::from_str(include_str!("../data/shadow.json")).unwrap();
    assert_eq!(file.vectors.len(), 67);
    for vector in &file.vectors {
        let things = world::in_memory();
        for (number, step) in vector.steps.iter().enumerate() {
            check(
                things.shadows(),
                step,
                &format!("{} step {}", vector.id, number + 1),
            );
        }
    }
}

fn name(shadow: Option<&str>) -> ShadowName {
    ShadowName::new(THING, shadow).unwrap()
}

fn update(
    things: &Things,
    shadow: Option<&str>,
    request: &Value,
    now_ms: u64,
) -> Result<u64, String> {
    let updated = things
        .shadows()
        .update(&name(shadow), request.to_string().as_bytes(), now_ms);
    updated
        .map(|update| parsed(&update.accepted)["version"].as_u64().unwrap())
        .map_err(|rejected| rejected.error.to_string())
}

#[test]
fn shadows_and_the_versions_of_deleted_ones_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let things = world::in_directory(directory.path());
    let lamp = json!({"state": {"desired": {"on": true}}});
    for shadow in [None, Some("a"), Some("b")] {
        assert_eq!(update(&things, shadow, &lamp, NOW_MS), Ok(1));
    }
    things
        .shadows()
        .delete(&name(Some("b")), b"", NOW_MS)
        .unwrap();
    let seen = |things: &Things| {
        let shadows = things.shadows();
        let documents =
            [None, Some("a"), Some("b")].map(|shadow| shadows.document(THING, shadow, NOW_MS));
        (
            documents,
            shadows.list_named(THING, None, 10),
            shadows.count(),
        )
    };
    let before = seen(&things);
    assert_eq!(
        before.0[0].as_ref().unwrap()["state"]["delta"],
        json!({"on": true})
    );
    assert_eq!(before.1.items, ["a"]);
    drop(things);
    let things = world::in_directory(directory.path());
    assert_eq!(seen(&things), before);
    assert_eq!(update(&things, Some("b"), &lamp, NOW_MS), Ok(2));
    things.reset().unwrap();
    assert_eq!(things.shadows().count(), 0);
    drop(things);
    let things = world::in_directory(directory.path());
    assert_eq!(update(&things, Some("b"), &lamp, NOW_MS), Ok(1));
}

#[test]
fn a_deleted_shadow_s_version_goes_on_for_two_days() {
    const HOUR_MS: u64 = 3_600_000;
    let things = world::in_memory();
    let state = json!({"state": {}});
    assert_eq!(update(&things, None, &state, NOW_MS), Ok(1));
    things.shadows().delete(&name(None), b"", NOW_MS).unwrap();
    assert_eq!(update(&things, None, &state, NOW_MS + 47 * HOUR_MS), Ok(2));
    things.shadows().delete(&name(None), b"", NOW_MS).unwrap();
    assert_eq!(update(&things, None, &state, NOW_MS + 48 * HOUR_MS), Ok(1));
    assert_eq!(things.shadows().count(), 1);
}

#[test]
fn a_shadow_that_is_not_there_has_version_0() {
    let things = world::in_memory();
    let at = |version: u64| json!({"state": {}, "version": version});
    assert_eq!(
        update(&things, None, &at(1), NOW_MS),
        Err("Version conflict".to_owned())
    );
    assert_eq!(update(&things, None, &at(0), NOW_MS), Ok(1));
    assert_eq!(
        update(&things, None, &at(0), NOW_MS),
        Err("Version conflict".to_owned())
    );
    assert_eq!(update(&things, None, &at(1), NOW_MS), Ok(2));
}

#[test]
fn named_shadows_are_listed_in_pages() {
    let things = world::in_memory();
    let state = json!({"state": {}});
    for shadow in [None, Some("b"), Some("a"), Some("$c")] {
        update(&things, shadow, &state, NOW_MS).unwrap();
    }
    for other in ["thing-10", "thing-1-2", "thing"] {
        let other = ShadowName::new(other, Some("z")).unwrap();
        things
            .shadows()
            .update(&other, state.to_string().as_bytes(), NOW_MS)
            .unwrap();
    }
    let page = |after: Option<&str>, limit| {
        let page = things.shadows().list_named(THING, after, limit);
        (page.items.join(" "), page.next)
    };
    assert_eq!(page(None, 2), ("$c a".to_owned(), Some("a".to_owned())));
    assert_eq!(page(Some("a"), 2), ("b".to_owned(), None));
    assert_eq!(page(None, 3), ("$c a b".to_owned(), None));
}
