//! The payloads of requests.

use super::{ShadowError, ShadowRejected};
use serde_json::{Map, Value};

/// Most bytes of a client token.
const CLIENT_TOKEN_BYTES_MAX: usize = 64;
/// Most objects and arrays inside each other, a section itself included.
const DEPTH_MAX: usize = 6;

/// What an update asks for.
#[derive(Debug)]
pub(super) struct UpdateRequest {
    /// `state` as it was sent: an object with at most the sections, or null.
    pub(super) state: Value,
    /// The version that the shadow must have.
    pub(super) version: Option<u64>,
    pub(super) client_token: Option<String>,
}

impl UpdateRequest {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ShadowRejected> {
        let (mut members, client_token) = open(payload)?;
        match check(&members) {
            Ok(version) => Ok(Self {
                state: members.remove("state").unwrap_or_default(),
                version,
                client_token,
            }),
            Err(error) => Err(ShadowRejected {
                error,
                client_token,
            }),
        }
    }

    /// What is sent for a section: nothing, null, or members.
    pub(super) fn section(&self, name: &str) -> Option<&Value> {
        self.state.get(name)
    }
}

/// The client token of a request that says nothing else; its payload may be empty.
pub(super) fn client_token(payload: &[u8]) -> Result<Option<String>, ShadowRejected> {
    if payload.is_empty() {
        return Ok(None);
    }
    Ok(open(payload)?.1)
}

/// Reads a payload as an object with a client token.
fn open(payload: &[u8]) -> Result<(Map<String, Value>, Option<String>), ShadowRejected> {
    let text = str::from_utf8(payload).map_err(|_| ShadowError::Encoding)?;
    let members = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(ShadowError::InvalidJson.into()),
        Err(error) if error.to_string().starts_with("recursion limit") => {
            return Err(ShadowError::TooDeep.into());
        }
        Err(_) => return Err(ShadowError::InvalidJson.into()),
    };
    let token = match members.get("clientToken") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) if token.len() <= CLIENT_TOKEN_BYTES_MAX => Some(token.clone()),
        Some(_) => return Err(ShadowError::InvalidClientToken.into()),
    };
    Ok((members, token))
}

/// Checks an update; gives its version.
fn check(members: &Map<String, Value>) -> Result<Option<u64>, ShadowError> {
    let version = match members.get("version") {
        None | Some(Value::Null) => None,
        Some(version) => Some(version.as_u64().ok_or(ShadowError::InvalidVersion)?),
    };
    match members.get("state") {
        None => return Err(ShadowError::StateMissing),
        Some(Value::Null) => {}
        Some(Value::Object(sections)) => {
            for (name, section) in sections {
                check_section(name, section)?;
            }
        }
        Some(_) => return Err(ShadowError::StateNotObject),
    }
    Ok(version)
}

fn check_section(name: &str, section: &Value) -> Result<(), ShadowError> {
    let not_object = match name {
        "desired" => ShadowError::DesiredNotObject,
        "reported" => ShadowError::ReportedNotObject,
        other => return Err(ShadowError::InvalidNode(other.to_owned())),
    };
    match section {
        Value::Null => Ok(()),
        Value::Object(_) => check_node(section, 1, false),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(not_object),
    }
}

/// Checks a value that is so many levels below the section, the first of which is the section.
fn check_node(value: &Value, level: usize, in_array: bool) -> Result<(), ShadowError> {
    if level > DEPTH_MAX && (value.is_object() || value.is_array()) {
        return Err(ShadowError::TooDeep);
    }
    match value {
        Value::Null if in_array => Err(ShadowError::NullInArray),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_node(item, level + 1, true)),
        Value::Object(members) => members
            .values()
            .try_for_each(|member| check_node(member, level + 1, in_array)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: &Result<Option<u64>, ShadowError>) {
        let parsed = UpdateRequest::parse(payload.as_bytes());
        let found = parsed
            .map(|request| request.version)
            .map_err(|rejected| rejected.error);
        assert_eq!(found, *expected, "{payload}");
    }

    #[test]
    fn an_update_is_an_object_with_state() {
        check(r#"{"state":{}}"#, &Ok(None));
        check(r#"{"state":null,"version":null}"#, &Ok(None));
        check(r#"{"state":{"desired":{}},"version":3}"#, &Ok(Some(3)));
        check("", &Err(ShadowError::InvalidJson));
        check("7", &Err(ShadowError::InvalidJson));
        check("{}", &Err(ShadowError::StateMissing));
        check(
            r#"{"state":{},"version":1.5}"#,
            &Err(ShadowError::InvalidVersion),
        );
        check(
            r#"{"state":{},"version":"1"}"#,
            &Err(ShadowError::InvalidVersion),
        );
        let array = r#"{"state":{"desired":{"a":[{"b":null}]}}}"#;
        check(array, &Err(ShadowError::NullInArray));
    }

    #[test]
    fn nesting_has_an_end_in_arrays_too() {
        let nested = |open: &str, close: &str, levels: usize| {
            let (open, close) = (open.repeat(levels), close.repeat(levels));
            format!(r#"{{"state":{{"desired":{{"a":{open}1{close}}}}}}}"#)
        };
        check(&nested("[", "]", 5), &Ok(None));
        check(&nested("[", "]", 6), &Err(ShadowError::TooDeep));
        check(&nested(r#"{"a":"#, "}", 5), &Ok(None));
        check(&nested(r#"{"a":"#, "}", 6), &Err(ShadowError::TooDeep));
        check(&nested("[", "]", 5000), &Err(ShadowError::TooDeep));
    }

    #[test]
    fn a_client_token_is_a_short_text() {
        let token = |payload: &str| client_token(payload.as_bytes()).map_err(|r| r.error);
        let long = |bytes: usize| format!(r#"{{"clientToken":"{}"}}"#, "x".repeat(bytes));
        assert_eq!(token(""), Ok(None));
        assert_eq!(token("{}"), Ok(None));
        assert_eq!(token(&long(64)), Ok(Some("x".repeat(64))));
        assert_eq!(token(&long(65)), Err(ShadowError::InvalidClientToken));
        assert_eq!(
            token(r#"{"clientToken":1}"#),
            Err(ShadowError::InvalidClientToken)
        );
        assert_eq!(token("hello"), Err(ShadowError::InvalidJson));
        assert_eq!(
            client_token(b"\xff").map_err(|r| r.error),
            Err(ShadowError::Encoding)
        );
    }
}
