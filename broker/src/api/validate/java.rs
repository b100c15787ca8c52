//! Values as AWS's errors write them.

use serde_json::Value;
use std::fmt::Write;

/// Longest text of a value that an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 2048;

/// A value in Java's words, cut to a bearable length.
pub(super) fn shown(value: &Value) -> String {
    let mut text = String::new();
    write_java(value, &mut text);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn write_java(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write_java(item, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, item)) in members.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                // Writing to a String cannot fail.
                let _ = write!(text, "{comma}{name}=");
                write_java(item, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
}
