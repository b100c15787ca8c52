//! The control plane vectors, as far as no door is part of them. Statuses and patterns of names are
//! the door's.

use crate::calls::call;
use crate::certificates::check_named;
use crate::world::{self, UserCa, code};
use fancy_regex::Regex;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use things::Things;

#[test]
fn vectors_hold() {
    let things = world::in_memory();
    let file: Value = serde_json::from_str(include_str!("../data/control.json")).unwrap();
    let csr_key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let csr = CertificateParams::default()
        .serialize_request(&csr_key)
        .unwrap()
        .pem()
        .unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 49);
    for (number, vector) in vectors.iter().enumerate() {
        let mut names = Names::new(number, &csr);
        for (step, what) in vector["steps"].as_array().unwrap().iter().enumerate() {
            let at = format!("{} step {}", vector["id"], step + 1);
            check_step(&things, what, &mut names, &at);
        }
    }
}

/// What placeholders stand for in one vector.
struct Names(BTreeMap<String, String>);

impl Names {
    fn new(number: usize, csr: &str) -> Self {
        let mut names = BTreeMap::new();
        for letter in ["a", "b", "t", "g", "h", "p", "u", "r"] {
            names.insert(format!("%{letter}"), format!("{letter}{number}"));
        }
        let mut set = |name: &str, text: String| names.insert(name.to_owned(), text);
        set("%doc", world::POLICY.to_owned());
        set("%csr", csr.to_owned());
        set("%selfsigned", world::self_signed("one"));
        set("%selfsigned2", world::self_signed("two"));
        set("%ca2", UserCa::new("second").pem);
        Self(names)
    }

    /// Whole strings first, then names inside them, the longest first.
    fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.resolve_text(text)),
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.resolve(member)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn resolve_text(&self, text: &str) -> String {
        if let Some(whole) = self.0.get(text) {
            return whole.clone();
        }
        let mut text = text.to_owned();
        for (name, stands_for) in self.0.iter().filter(|(name, _)| name.len() == 2) {
            text = text.replace(name, stands_for);
        }
        text
    }
}

fn check_step(things: &Things, step: &Value, names: &mut Names, at: &str) {
    let operation = step["op"].as_str().unwrap();
    let expect = names.resolve(&step["expect"]);
    let outcome = call(things, operation, &names.resolve(&step["params"]));
    if let Some(wanted) = expect["error"].as_str() {
        let error = outcome.expect_err(at);
        let known = wanted.split('|').any(|one| one == code(&error));
        assert!(known, "{at}: {wanted}, not {error:?}");
        let part = expect["message_contains"].as_str().unwrap_or_default();
        assert!(error.to_string().contains(part), "{at}: {part} in {error}");
        return;
    }
    let answer = outcome.unwrap_or_else(|error| panic!("{at}: {error:?}"));
    check_answer(&answer, &expect, at);
    for (name, member) in members(&step["save"]) {
        let saved = text_at(&answer, member.as_str().unwrap());
        names.0.insert(format!("${name}"), saved);
    }
}

fn check_answer(answer: &Value, expect: &Value, at: &str) {
    let with = format!("{at}: {answer}");
    for (name, wanted) in members(&expect["subset"]) {
        assert_eq!(&answer[name], wanted, "{with}");
    }
    for (path, wanted) in members(&expect["contains_path"]) {
        assert_eq!(&value_at(answer, path), wanted, "{with}");
    }
    let regex = members(&expect["regex"]).chain(members(&expect["regex_path"]));
    for (path, pattern) in regex {
        let regex = Regex::new(pattern.as_str().unwrap()).unwrap();
        let text = text_at(answer, path);
        assert!(regex.is_match(&text).unwrap(), "{with}: {path} {pattern}");
    }
    for name in expect["present"].as_array().into_iter().flatten() {
        assert!(!answer[name.as_str().unwrap()].is_null(), "{with}: {name}");
    }
    for name in expect["absent"].as_array().into_iter().flatten() {
        assert!(answer[name.as_str().unwrap()].is_null(), "{with}: {name}");
    }
    for (name, length) in members(&expect["length"]) {
        let list = answer[name].as_array().expect(&with);
        assert_eq!(list.len() as u64, length.as_u64().unwrap(), "{with}");
    }
    for (name, other) in members(&expect["not_equal"]) {
        assert_ne!(&answer[name], other, "{with}");
    }
    for check in expect["checks"].as_array().into_iter().flatten() {
        check_named(check.as_str().unwrap(), answer);
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn value_at(answer: &Value, path: &str) -> Value {
    path.split('.')
        .fold(answer.clone(), |value, name| match name.parse::<usize>() {
            Ok(index) => value[index].clone(),
            Err(_) => value[name].clone(),
        })
}

fn text_at(answer: &Value, path: &str) -> String {
    value_at(answer, path).as_str().expect(path).to_owned()
}
