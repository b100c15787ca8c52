//! JSON as DynamoDB attribute values (DynamoDB API reference, `AttributeValue`). Numbers keep
//! their digits: DynamoDB takes 38 of them, as text.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The attribute value of a JSON text.
pub(super) fn attribute(json: &RawValue) -> Value {
    let text = json.get();
    match text.as_bytes().first() {
        Some(b'{') => json!({"M": members(text).unwrap_or_default()}),
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            json!({"L": elements.into_iter().map(attribute).collect::<Vec<_>>()})
        }
        Some(b'"') => json!({"S": serde_json::from_str::<String>(text).unwrap_or_default()}),
        Some(b't' | b'f') => json!({"BOOL": text == "true"}),
        Some(b'n') => json!({"NULL": true}),
        Some(_) | None => json!({"N": text}),
    }
}

/// The members of a JSON object as attribute values; `None` when it is no object.
pub(super) fn members(text: &str) -> Option<Map<String, Value>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    Some(
        members
            .into_iter()
            .map(|(name, value)| (name, attribute(value)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        assert_eq!(attribute(raw).to_string(), expected, "{json}");
    }

    #[test]
    fn json_becomes_attribute_values() {
        check(
            "12345678901234567890123",
            r#"{"N":"12345678901234567890123"}"#,
        );
        check("-1.50", r#"{"N":"-1.50"}"#);
        check(r#""a\nb""#, r#"{"S":"a\nb"}"#);
        check("true", r#"{"BOOL":true}"#);
        check("null", r#"{"NULL":true}"#);
        check(r#"[1,"x",[]]"#, r#"{"L":[{"N":"1"},{"S":"x"},{"L":[]}]}"#);
        check(
            r#"{"a":{"b":false}}"#,
            r#"{"M":{"a":{"M":{"b":{"BOOL":false}}}}}"#,
        );
    }
}
