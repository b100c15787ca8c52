//! CloudFormation's functions: Ref, Fn::GetAtt, Fn::Sub and Fn::Join.

use super::SeedError;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of resources, parameters and pseudo parameters.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What `Ref` gives.
    pub(super) refs: BTreeMap<String, Value>,
    /// What `Fn::GetAtt` gives, by resource and attribute.
    pub(super) attributes: BTreeMap<(String, String), Value>,
}

impl Known {
    /// A value with every function in place of what it gives; `AWS::NoValue` takes the member
    /// away.
    pub(super) fn resolve(&self, at: &str, value: &Value) -> Result<Value, SeedError> {
        match value {
            Value::Object(members) => {
                if let (1, Some((name, argument))) = (members.len(), members.iter().next())
                    && is_function(name)
                {
                    return self.function(at, name, argument);
                }
                let mut resolved = Map::new();
                for (name, member) in members {
                    if !is_no_value(member) {
                        resolved.insert(name.clone(), self.resolve(at, member)?);
                    }
                }
                Ok(Value::Object(resolved))
            }
            Value::Array(items) => items
                .iter()
                .filter(|item| !is_no_value(item))
                .map(|item| self.resolve(at, item))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn function(&self, at: &str, name: &str, argument: &Value) -> Result<Value, SeedError> {
        let wrong = || {
            SeedError::new(
                at,
                format!("{name} has arguments that it cannot have: {argument}"),
            )
        };
        match (name, argument) {
            ("Ref", Value::String(name)) => self.reference(at, name),
            ("Fn::GetAtt", Value::String(text)) => {
                let (resource, attribute) = text.split_once('.').ok_or_else(wrong)?;
                self.attribute(at, resource, attribute)
            }
            ("Fn::GetAtt", Value::Array(parts)) => match &parts[..] {
                [Value::String(resource), Value::String(attribute)] => {
                    self.attribute(at, resource, attribute)
                }
                _ => Err(wrong()),
            },
            ("Fn::Join", Value::Array(parts)) => match &parts[..] {
                [Value::String(between), Value::Array(items)] => {
                    let items: Result<Vec<String>, SeedError> = items
                        .iter()
                        .map(|item| Ok(shown(&self.resolve(at, item)?)))
                        .collect();
                    Ok(items?.join(between).into())
                }
                _ => Err(wrong()),
            },
            ("Fn::Sub", Value::String(text)) => self.substitute(at, text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => match &parts[..] {
                [Value::String(text), Value::Object(own)] => self.substitute(at, text, own),
                _ => Err(wrong()),
            },
            _ => Err(SeedError::new(
                at,
                format!(
                    "{name} is not known here; there are Ref, Fn::GetAtt, Fn::Sub and Fn::Join"
                ),
            )),
        }
    }

    fn reference(&self, at: &str, name: &str) -> Result<Value, SeedError> {
        let missing = || SeedError::new(at, format!("Ref to `{name}`, which is not there"));
        self.refs.get(name).cloned().ok_or_else(missing)
    }

    fn attribute(&self, at: &str, resource: &str, attribute: &str) -> Result<Value, SeedError> {
        let key = (resource.to_owned(), attribute.to_owned());
        let found = self.attributes.get(&key).cloned();
        found.ok_or_else(|| {
            SeedError::new(at, format!("`{resource}` has no attribute `{attribute}`"))
        })
    }

    /// `${Name}` and `${Name.Attribute}`; `${!x}` stays as `${x}`, as policies need it.
    fn substitute(
        &self,
        at: &str,
        text: &str,
        own: &Map<String, Value>,
    ) -> Result<Value, SeedError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = behind.split_once('}') else {
                return Err(SeedError::new(at, "a ${ of Fn::Sub is not closed"));
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = match (own.get(name), name.split_once('.')) {
                (Some(value), _) => self.resolve(at, value)?,
                (None, Some((resource, attribute))) => self.attribute(at, resource, attribute)?,
                (None, None) => self.reference(at, name)?,
            };
            out.push_str(&shown(&value));
        }
        out.push_str(rest);
        Ok(out.into())
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

/// The names that a value refers to.
pub(super) fn references(value: &Value, into: &mut BTreeSet<String>) {
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
