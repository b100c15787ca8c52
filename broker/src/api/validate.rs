//! Checks a request's members against AWS's service model and words what is wrong as AWS does.

mod java;
#[cfg(test)]
mod tests;

use self::java::shown;
use super::error::{ApiError, Code};
use super::model::{Kind, MODEL, Operation, Shape};
use serde_json::{Map, Value};

/// Refuses members that break the model.
///
/// # Errors
/// `SerializationException` for a member of another type; `InvalidRequestException` with one text
/// for all constraints that do not hold.
pub(crate) fn validate(
    operation: &Operation,
    members: &Map<String, Value>,
) -> Result<(), ApiError> {
    let mut found = Violations::default();
    for member in &operation.input {
        let shape = MODEL.shape(&member.shape);
        match members.get(&member.name) {
            // A raw payload is not among the members.
            None if member.required && !matches!(shape.kind, Kind::Blob) => {
                found.missing(&member.name);
            }
            None => {}
            Some(value) => found.check(shape, value, &member.name)?,
        }
    }
    found.into_result()
}

#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn into_result(self) -> Result<(), ApiError> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        let all = self.0.join("; ");
        Err(ApiError::invalid(format!(
            "{count} validation error{plural} detected: {all}"
        )))
    }

    fn missing(&mut self, path: &str) {
        self.0.push(format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ));
    }

    fn fails(&mut self, value: &Value, path: &str, constraint: &str) {
        let shown = shown(value);
        self.0.push(format!(
            "Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn check(&mut self, shape: &Shape, value: &Value, path: &str) -> Result<(), ApiError> {
        match (&shape.kind, value) {
            (Kind::String, Value::String(text)) => {
                for constraint in text_constraints(shape, text) {
                    self.fails(value, path, &constraint);
                }
            }
            (Kind::Integer | Kind::Long | Kind::Double, Value::Number(number)) => {
                self.range(shape, number.as_f64().unwrap_or(f64::MAX), value, path);
            }
            (Kind::Boolean, Value::Bool(_))
            | (Kind::Blob, Value::String(_))
            | (Kind::Timestamp, Value::Number(_) | Value::String(_)) => {}
            (Kind::List { member }, Value::Array(items)) => {
                self.list(shape, member, items, path)?;
            }
            (Kind::Map { key, value: of }, Value::Object(entries)) => {
                self.map(MODEL.shape(key), MODEL.shape(of), entries, path)?;
            }
            (Kind::Structure { required, members }, Value::Object(sent)) => {
                self.structure(required, members, sent, path)?;
            }
            (
                Kind::String
                | Kind::Boolean
                | Kind::Integer
                | Kind::Long
                | Kind::Double
                | Kind::Timestamp
                | Kind::Blob
                | Kind::List { .. }
                | Kind::Map { .. }
                | Kind::Structure { .. },
                _,
            ) => return Err(wrong_type(&shape.kind, value, path)),
        }
        Ok(())
    }

    fn range(&mut self, shape: &Shape, number: f64, value: &Value, path: &str) {
        if let Some(max) = shape.max.filter(|max| number > *max) {
            self.fails(
                value,
                path,
                &format!("Member must have value less than or equal to {max}"),
            );
        }
        if let Some(min) = shape.min.filter(|min| number < *min) {
            let constraint = format!("Member must have value greater than or equal to {min}");
            self.fails(value, path, &constraint);
        }
    }

    fn list(
        &mut self,
        shape: &Shape,
        member: &str,
        items: &[Value],
        path: &str,
    ) -> Result<(), ApiError> {
        for constraint in length_constraints(shape, items.len()) {
            self.fails(&Value::Array(items.to_vec()), path, &constraint);
        }
        let of = MODEL.shape(member);
        for (index, item) in items.iter().enumerate() {
            self.check(of, item, &format!("{path}.{}.member", index + 1))?;
        }
        Ok(())
    }

    /// Keys and simple values are told of together with the whole map, structures by their path.
    fn map(
        &mut self,
        key: &Shape,
        of: &Shape,
        entries: &Map<String, Value>,
        path: &str,
    ) -> Result<(), ApiError> {
        let whole = || Value::Object(entries.clone());
        for (name, value) in entries {
            let constraints = text_constraints(key, name);
            if !constraints.is_empty() {
                let all = constraints.join(", ");
                self.fails(
                    &whole(),
                    path,
                    &format!("Map keys must satisfy constraint: [{all}]"),
                );
            }
            let (Kind::String, Value::String(text)) = (&of.kind, value) else {
                self.check(of, value, &format!("{path}.{name}.member"))?;
                continue;
            };
            let constraints = text_constraints(of, text);
            if !constraints.is_empty() {
                let all = constraints.join(", ");
                self.fails(
                    &whole(),
                    path,
                    &format!("Map value must satisfy constraint: [{all}]"),
                );
            }
        }
        Ok(())
    }

    fn structure(
        &mut self,
        required: &[String],
        members: &[(String, String)],
        sent: &Map<String, Value>,
        path: &str,
    ) -> Result<(), ApiError> {
        for (name, shape) in members {
            let path = format!("{path}.{}", first_lower(name));
            match sent.get(name).filter(|value| !value.is_null()) {
                None if required.contains(name) => self.missing(&path),
                None => {}
                Some(value) => self.check(MODEL.shape(shape), value, &path)?,
            }
        }
        Ok(())
    }
}

fn text_constraints(shape: &Shape, text: &str) -> Vec<String> {
    let mut broken = length_constraints(shape, text.chars().count());
    if let Some(pattern) = shape
        .pattern
        .as_ref()
        .filter(|pattern| !pattern.matches(text))
    {
        broken.push(format!(
            "Member must satisfy regular expression pattern: {}",
            pattern.text
        ));
    }
    if let Some(values) = shape
        .values
        .as_ref()
        .filter(|values| !values.iter().any(|v| v == text))
    {
        broken.push(format!(
            "Member must satisfy enum value set: [{}]",
            values.join(", ")
        ));
    }
    broken
}

fn length_constraints(shape: &Shape, length: usize) -> Vec<String> {
    let mut broken = Vec::new();
    // Exact: lengths are far below 2^52.
    let length = length as f64;
    if let Some(max) = shape.max.filter(|max| length > *max) {
        broken.push(format!(
            "Member must have length less than or equal to {max}"
        ));
    }
    if let Some(min) = shape.min.filter(|min| length < *min) {
        broken.push(format!(
            "Member must have length greater than or equal to {min}"
        ));
    }
    broken
}

fn wrong_type(kind: &Kind, value: &Value, path: &str) -> ApiError {
    let expected = match kind {
        Kind::String | Kind::Blob => "a string",
        Kind::Boolean => "a boolean",
        Kind::Integer | Kind::Long | Kind::Double => "a number",
        Kind::Timestamp => "a timestamp",
        Kind::List { .. } => "a list",
        Kind::Map { .. } | Kind::Structure { .. } => "an object",
    };
    let shown = shown(value);
    ApiError::new(
        Code::Serialization,
        format!("Value '{shown}' at '{path}' must be {expected}"),
    )
}

/// AWS names the members of nested structures with a small first letter (`tags.1.member.key`).
fn first_lower(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
