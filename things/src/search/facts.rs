//! What queries ask about.

use serde_json::Value;

/// Whether a thing's client is connected, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connectivity {
    /// Whether it is connected.
    pub connected: bool,
    /// When it connected or went.
    pub since_ms: u64,
    /// Why it went (disconnectReason).
    pub disconnect_reason: Option<&'static str>,
}

/// A value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(f64),
    Bool(bool),
}

/// Something that can be searched.
pub(super) trait Facts {
    /// Whether a test holds for some value of a field, or of any field of the registry.
    fn any(&self, field: Option<&str>, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool;
}

/// Tests the values at a path of names in a JSON document; what is in arrays counts too.
pub(super) fn any_at(value: &Value, path: &str, test: &mut dyn FnMut(Scalar<'_>) -> bool) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().any(|item| any_at(item, path, test)),
        Value::Object(members) => {
            // A name may have dots in it.
            members.iter().any(|(name, member)| {
                let rest = path.strip_prefix(name.as_str());
                match rest {
                    Some("") => any_at(member, "", test),
                    Some(rest) => match rest.strip_prefix('.') {
                        Some(rest) => any_at(member, rest, test),
                        None => false,
                    },
                    None => false,
                }
            })
        }
        Value::Bool(value) => path.is_empty() && test(Scalar::Bool(*value)),
        Value::String(text) => path.is_empty() && test(Scalar::Text(text)),
        Value::Number(number) => {
            path.is_empty() && number.as_f64().is_some_and(|n| test(Scalar::Number(n)))
        }
    }
}
