//! JSON as DynamoDB attribute values (DynamoDB API reference, `AttributeValue`). Numbers keep
//! their digits: DynamoDB takes 38 of them, as text.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The attribute value of a JSON text.
pub(crate) fn attribute(json: &RawValue) -> Value {
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

/// The JSON of an item without attribute types, as `get_dynamodb` gives it.
pub(crate) fn plain(item: &Map<String, Value>) -> String {
    let members = item.iter().map(|(name, value)| {
        let value = plain_value(value);
        format!("{}:{value}", Value::from(name.as_str()))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Sets become arrays, binary stays base64; what is no attribute value becomes null.
fn plain_value(attribute: &Value) -> String {
    let typed = attribute.as_object().and_then(|typed| typed.iter().next());
    let Some((kind, value)) = typed else {
        return "null".to_owned();
    };
    let list = |each: &dyn Fn(&Value) -> String| {
        let elements = value.as_array().into_iter().flatten().map(each);
        format!("[{}]", elements.collect::<Vec<_>>().join(","))
    };
    // Numbers keep their digits.
    let number = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    match kind.as_str() {
        "S" | "B" | "BOOL" => value.to_string(),
        "N" => number(value),
        "L" => list(&plain_value),
        "SS" | "BS" => list(&|value: &Value| value.to_string()),
        "NS" => list(&number),
        "M" => value.as_object().map_or_else(|| "null".to_owned(), plain),
        _ => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        assert_eq!(attribute(raw).to_string(), expected, "{json}");
    }

    #[test]
    fn items_become_plain_json() {
        let item = json!({
            "s": {"S": "a\"b"}, "n": {"N": "12345678901234567890123"}, "b": {"BOOL": true},
            "z": {"NULL": true}, "l": {"L": [{"N": "1"}, {"S": "x"}]}, "ns": {"NS": ["1", "2"]},
            "m": {"M": {"k": {"B": "AAE="}}},
        });
        let expected = concat!(
            r#"{"s":"a\"b","n":12345678901234567890123,"b":true,"z":null,"#,
            r#""l":[1,"x"],"ns":[1,2],"m":{"k":"AAE="}}"#,
        );
        assert_eq!(plain(item.as_object().unwrap()), expected);
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
