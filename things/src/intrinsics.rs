//! CloudFormation's intrinsic functions, as templates of resources and of provisioning have them:
//! Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select, Fn::Split and Fn::FindInMap.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that the functions of one value may write: functions inside functions could double a text
/// with each level.
const WRITTEN_MAX: usize = 1 << 20;

/// What a function cannot do, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IntrinsicError(String);

/// What functions can refer to.
#[derive(Clone, Debug, Default)]
pub struct Intrinsics {
    /// What `Ref` gives: parameters, pseudo parameters and resources by name.
    pub refs: BTreeMap<String, Value>,
    /// What `Fn::GetAtt` gives, by resource and attribute.
    pub attributes: BTreeMap<(String, String), Value>,
    /// What `Fn::FindInMap` looks in: two levels of names.
    pub mappings: Map<String, Value>,
}

impl Intrinsics {
    /// A value with every function in place of what it gives; `AWS::NoValue` takes the member
    /// away.
    ///
    /// # Errors
    /// A function that is not known, has the wrong arguments, refers to what is not there, or
    /// writes too much.
    pub fn resolve(&self, value: &Value) -> Result<Value, IntrinsicError> {
        let mut resolver = Resolver {
            known: self,
            written: 0,
        };
        resolver.value(value)
    }
}

/// The work on one value.
struct Resolver<'k> {
    known: &'k Intrinsics,
    /// Bytes that functions have written.
    written: usize,
}

type Resolved = Result<Value, IntrinsicError>;

impl Resolver<'_> {
    fn value(&mut self, value: &Value) -> Resolved {
        match value {
            Value::Object(members) => {
                if let (1, Some((name, argument))) = (members.len(), members.iter().next())
                    && is_function(name)
                {
                    return self.function(name, argument);
                }
                let mut resolved = Map::new();
                for (name, member) in members {
                    if !is_no_value(member) {
                        resolved.insert(name.clone(), self.value(member)?);
                    }
                }
                Ok(Value::Object(resolved))
            }
            Value::Array(items) => items
                .iter()
                .filter(|item| !is_no_value(item))
                .map(|item| self.value(item))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn function(&mut self, name: &str, argument: &Value) -> Resolved {
        let given = match (name, argument) {
            ("Ref", Value::String(name)) => self.reference(name),
            ("Fn::GetAtt", Value::String(text)) => match text.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute),
                None => Err(wrong(name, argument)),
            },
            ("Fn::GetAtt", Value::Array(parts)) => match &parts[..] {
                [Value::String(resource), Value::String(attribute)] => {
                    self.attribute(resource, attribute)
                }
                _ => Err(wrong(name, argument)),
            },
            ("Fn::Sub", Value::String(text)) => self.substitute(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => match &parts[..] {
                [Value::String(text), Value::Object(own)] => self.substitute(text, own),
                _ => Err(wrong(name, argument)),
            },
            ("Fn::Join", Value::Array(parts)) => self.join(parts, argument),
            ("Fn::Select", Value::Array(parts)) => self.select(parts, argument),
            ("Fn::Split", Value::Array(parts)) => self.split(parts, argument),
            ("Fn::FindInMap", Value::Array(parts)) => self.find_in_map(parts, argument),
            (name, _) if KNOWN.contains(&name) => Err(wrong(name, argument)),
            _ => Err(IntrinsicError(format!(
                "{name} is not known here; there are {}",
                KNOWN.join(", ")
            ))),
        }?;
        self.written += size(&given);
        if self.written > WRITTEN_MAX {
            let why = format!("functions write more than {WRITTEN_MAX} bytes");
            return Err(IntrinsicError(why));
        }
        Ok(given)
    }

    fn reference(&self, name: &str) -> Resolved {
        let missing = || IntrinsicError(format!("Ref to `{name}`, which is not there"));
        self.known.refs.get(name).cloned().ok_or_else(missing)
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Resolved {
        let key = (resource.to_owned(), attribute.to_owned());
        let found = self.known.attributes.get(&key).cloned();
        found.ok_or_else(|| IntrinsicError(format!("`{resource}` has no attribute `{attribute}`")))
    }

    /// `[between, list]`.
    fn join(&mut self, parts: &[Value], argument: &Value) -> Resolved {
        let [Value::String(between), list] = parts else {
            return Err(wrong("Fn::Join", argument));
        };
        let Value::Array(items) = self.value(list)? else {
            return Err(wrong("Fn::Join", argument));
        };
        let items: Vec<String> = items.iter().map(shown).collect();
        Ok(items.join(between).into())
    }

    /// `[index, list]`; the index is a number or its text.
    fn select(&mut self, parts: &[Value], argument: &Value) -> Resolved {
        let [index, list] = parts else {
            return Err(wrong("Fn::Select", argument));
        };
        let index = shown(&self.value(index)?);
        let index: usize = index.parse().map_err(|_| wrong("Fn::Select", argument))?;
        let Value::Array(mut items) = self.value(list)? else {
            return Err(wrong("Fn::Select", argument));
        };
        let count = items.len();
        if index >= count {
            return Err(IntrinsicError(format!(
                "Fn::Select asks for item {index} of a list of {count}"
            )));
        }
        match items.swap_remove(index) {
            Value::Null => Err(IntrinsicError(format!(
                "Fn::Select asks for item {index}, which is null"
            ))),
            item => Ok(item),
        }
    }

    /// `[delimiter, text]`.
    fn split(&mut self, parts: &[Value], argument: &Value) -> Resolved {
        let [Value::String(delimiter), text] = parts else {
            return Err(wrong("Fn::Split", argument));
        };
        let Value::String(text) = self.value(text)? else {
            return Err(wrong("Fn::Split", argument));
        };
        if delimiter.is_empty() {
            return Err(wrong("Fn::Split", argument));
        }
        Ok(text.split(delimiter.as_str()).map(Value::from).collect())
    }

    /// `[map, name, name]`.
    fn find_in_map(&mut self, parts: &[Value], argument: &Value) -> Resolved {
        let [map, top, second] = parts else {
            return Err(wrong("Fn::FindInMap", argument));
        };
        let names = [map, top, second].map(|part| self.value(part).map(|name| shown(&name)));
        let [map, top, second] = names;
        let (map, top, second) = (map?, top?, second?);
        let found = self
            .known
            .mappings
            .get(&map)
            .and_then(|map| map.get(&top)?.get(&second));
        found.cloned().ok_or_else(|| {
            IntrinsicError(format!(
                "Fn::FindInMap finds no `{second}` of `{top}` in the mapping `{map}`"
            ))
        })
    }

    /// `${Name}` and `${Name.Attribute}`; `${!x}` stays as `${x}`, as policies need it.
    fn substitute(&mut self, text: &str, own: &Map<String, Value>) -> Resolved {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(IntrinsicError("a ${ of Fn::Sub is not closed".to_owned()));
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = match (own.get(name), self.known.refs.get(name)) {
                (Some(value), _) => self.value(value)?,
                (None, Some(value)) => value.clone(),
                (None, None) => match name.split_once('.') {
                    Some((resource, attribute)) => self.attribute(resource, attribute)?,
                    None => self.reference(name)?,
                },
            };
            out.push_str(&shown(&value));
            if out.len() > WRITTEN_MAX {
                break;
            }
        }
        out.push_str(rest);
        Ok(out.into())
    }
}

const KNOWN: [&str; 7] = [
    "Ref",
    "Fn::GetAtt",
    "Fn::Join",
    "Fn::Sub",
    "Fn::Select",
    "Fn::Split",
    "Fn::FindInMap",
];

fn wrong(name: &str, argument: &Value) -> IntrinsicError {
    IntrinsicError(format!(
        "{name} has arguments that it cannot have: {argument}"
    ))
}

/// About as many bytes as a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum::<usize>() + items.len(),
        Value::Object(members) => members.iter().map(|(k, v)| k.len() + size(v)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || name.starts_with("Fn::")
}

fn is_no_value(value: &Value) -> bool {
    value.get("Ref").is_some_and(|name| name == "AWS::NoValue")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Adds the names that a value refers to.
pub fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("Ref", Value::String(name)) => drop(into.insert(name.clone())),
                    ("Fn::GetAtt", Value::String(text)) => {
                        let resource = text.split('.').next().unwrap_or_default();
                        into.insert(resource.to_owned());
                    }
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        into.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(text)) => in_text(text, into),
                    ("Fn::Sub", Value::Array(parts)) => {
                        if let Some(text) = parts.first().and_then(Value::as_str) {
                            in_text(text, into);
                        }
                        parts.iter().for_each(|part| references(part, into));
                    }
                    (_, member) => references(member, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_text(text: &str, into: &mut BTreeSet<String>) {
    for part in text.split("${").skip(1) {
        let name = part.split(['}', '.']).next().unwrap_or_default();
        into.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Intrinsics {
        let mut known = Intrinsics::default();
        known.refs.insert("A".to_owned(), "a".into());
        known.refs.insert("List".to_owned(), "x,y".into());
        known
            .refs
            .insert("AWS::IoT::Certificate::Id".to_owned(), "id".into());
        let thing = ("Thing".to_owned(), "Arn".to_owned());
        known.attributes.insert(thing, "arn:thing".into());
        if let Value::Object(mappings) = json!({"M": {"a": {"v": "found", "n": [1]}}}) {
            known.mappings = mappings;
        }
        known
    }

    #[test]
    fn functions_stand_for_what_they_give() {
        let check = |value: Value, expected: Value| {
            assert_eq!(known().resolve(&value), Ok(expected), "{value}");
        };
        check(json!({"x": [{"Ref": "A"}, 1]}), json!({"x": ["a", 1]}));
        check(json!({"Fn::GetAtt": "Thing.Arn"}), json!("arn:thing"));
        check(json!({"Fn::GetAtt": ["Thing", "Arn"]}), json!("arn:thing"));
        check(
            json!({"Fn::Join": ["-", ["x", {"Ref": "A"}, 3]]}),
            json!("x-a-3"),
        );
        check(
            json!({"Fn::Join": ["", {"Fn::Split": [",", {"Ref": "List"}]}]}),
            json!("xy"),
        );
        check(json!({"Fn::Select": ["1", ["x", "y"]]}), json!("y"));
        check(
            json!({"Fn::Select": [0, {"Fn::Split": ["|", "p|q"]}]}),
            json!("p"),
        );
        check(
            json!({"Fn::Split": [",", {"Ref": "List"}]}),
            json!(["x", "y"]),
        );
        check(
            json!({"Fn::FindInMap": ["M", {"Ref": "A"}, "v"]}),
            json!("found"),
        );
        check(json!({"Fn::FindInMap": ["M", "a", "n"]}), json!([1]));
        check(
            json!({"Fn::Sub": "${A}/${Thing.Arn}/${!iot:ClientId}"}),
            json!("a/arn:thing/${iot:ClientId}"),
        );
        check(
            json!({"Fn::Sub": "${AWS::IoT::Certificate::Id}"}),
            json!("id"),
        );
        check(
            json!({"Fn::Sub": ["${B}${A}", {"B": {"Ref": "A"}}]}),
            json!("aa"),
        );
        check(
            json!({"x": {"Ref": "AWS::NoValue"}, "y": 1}),
            json!({"y": 1}),
        );
        // More members than one: not a function.
        check(
            json!({"Ref": "A", "Other": 1}),
            json!({"Ref": "A", "Other": 1}),
        );
    }

    #[test]
    fn what_a_function_cannot_do_is_said() {
        let check = |value: Value, expected: &str| {
            let why = known().resolve(&value).unwrap_err().to_string();
            assert!(why.contains(expected), "{value}: {why}");
        };
        check(json!({"Ref": "B"}), "Ref to `B`, which is not there");
        check(
            json!({"Ref": 1}),
            "Ref has arguments that it cannot have: 1",
        );
        check(
            json!({"Fn::GetAtt": "Thing.Id"}),
            "`Thing` has no attribute `Id`",
        );
        check(json!({"Fn::If": []}), "Fn::If is not known here");
        check(json!({"Fn::Sub": "${A"}), "not closed");
        check(json!({"Fn::Sub": "${B}"}), "Ref to `B`");
        check(
            json!({"Fn::Select": ["2", ["x", "y"]]}),
            "item 2 of a list of 2",
        );
        check(json!({"Fn::Select": ["0", [null]]}), "which is null");
        check(json!({"Fn::Select": ["x", []]}), "Fn::Select has arguments");
        check(json!({"Fn::Split": ["", "x"]}), "Fn::Split has arguments");
        check(
            json!({"Fn::FindInMap": ["M", "a", "w"]}),
            "finds no `w` of `a`",
        );
        check(
            json!({"Fn::FindInMap": ["M", "a"]}),
            "Fn::FindInMap has arguments",
        );
    }

    #[test]
    fn functions_inside_each_other_do_not_fill_the_memory() {
        let mut value = json!({"Fn::Sub": "0123456789"});
        for _ in 0..60 {
            value = json!({"Fn::Sub": ["${a}${a}", {"a": value}]});
        }
        let why = known().resolve(&value).unwrap_err().to_string();
        assert!(why.contains("more than"), "{why}");
    }
}
