//! Writes values as compact JSON.

use super::{Json, Kind};
use crate::sql::SqlVersion;
use crate::sql::error::EvalError;
use crate::sql::number::{Number, is_whole_text, parse_json};
use crate::sql::object::Object;
use crate::sql::value::Value;
use std::fmt::Write;

/// JSON being written, up to a limit.
pub(in crate::sql) struct Writer {
    text: String,
    version: SqlVersion,
    bytes_max: usize,
    what: &'static str,
}

impl Writer {
    /// A writer for `what`, a noun that the error has when it becomes too large.
    pub(in crate::sql) fn new(version: SqlVersion, what: &'static str, bytes_max: usize) -> Self {
        Self {
            text: String::with_capacity(128),
            version,
            bytes_max,
            what,
        }
    }

    pub(in crate::sql) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    pub(in crate::sql) fn into_text(self) -> String {
        self.text
    }

    pub(in crate::sql) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Puts a comma unless it is the first of several.
    pub(in crate::sql) fn comma(&mut self) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }

    fn check(&self) -> Result<(), EvalError> {
        if self.text.len() <= self.bytes_max {
            return Ok(());
        }
        Err(EvalError::TooLarge {
            what: self.what,
            bytes_max: self.bytes_max,
        })
    }

    /// Appends a value. Undefined is nothing at all; in an array or object it is left out.
    pub(in crate::sql) fn value(&mut self, value: &Value<'_>) -> Result<(), EvalError> {
        match value {
            Value::Undefined => {}
            Value::Null => self.raw("null"),
            Value::Bool(true) => self.raw("true"),
            Value::Bool(false) => self.raw("false"),
            Value::Int(number) => self.display(Number::Int(*number)),
            Value::Decimal(number) => self.display(Number::Decimal(*number)),
            Value::NumberText(text) => self.number(text),
            Value::Text(text) => self.string(text),
            Value::Json(json) => self.json(*json)?,
            Value::Array(items) => {
                self.raw("[");
                for item in items.iter().filter(|item| !item.is_undefined()) {
                    self.comma();
                    self.value(item)?;
                }
                self.raw("]");
            }
            Value::Object(object) => self.object(object)?,
        }
        self.check()
    }

    pub(in crate::sql) fn object(&mut self, object: &Object<'_>) -> Result<(), EvalError> {
        self.raw("{");
        for (name, member) in object.iter() {
            if !member.is_undefined() {
                self.comma();
                self.string(name);
                self.raw(":");
                self.value(member)?;
            }
        }
        self.raw("}");
        Ok(())
    }

    fn display(&mut self, number: Number) {
        // Writing to a string does not fail.
        let _ = write!(self.text, "{number}");
    }

    /// A number as it came, but a whole one as an Int where the version has it so.
    fn number(&mut self, text: &str) {
        if self.version >= SqlVersion::V2016 && !is_whole_text(text) {
            let number = parse_json(text).map(Number::whole_as_int);
            if let Some(whole @ Number::Int(_)) = number {
                return self.display(whole);
            }
        }
        self.raw(text);
    }

    fn json(&mut self, json: Json<'_>) -> Result<(), EvalError> {
        match json.kind() {
            Kind::Null | Kind::True | Kind::False => self.raw(json.text()),
            Kind::Number => self.number(json.text()),
            // What was escaped stays so: it means the same.
            Kind::Plain | Kind::Escaped => {
                self.raw("\"");
                self.raw(json.text());
                self.raw("\"");
            }
            Kind::Array => {
                self.raw("[");
                for item in json.items() {
                    self.comma();
                    self.json(item)?;
                }
                self.raw("]");
            }
            Kind::Object => {
                self.raw("{");
                for (name, member) in json.members() {
                    self.comma();
                    self.json(name)?;
                    self.raw(":");
                    self.json(member)?;
                }
                self.raw("}");
            }
        }
        self.check()
    }

    pub(in crate::sql) fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        let ends_plain = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        while let Some(at) = rest.as_bytes().iter().position(ends_plain) {
            self.text.push_str(&rest[..at]);
            self.escape(rest.as_bytes()[at]);
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.raw("\\\""),
            b'\\' => self.raw("\\\\"),
            b'\n' => self.raw("\\n"),
            b'\r' => self.raw("\\r"),
            b'\t' => self.raw("\\t"),
            8 => self.raw("\\b"),
            12 => self.raw("\\f"),
            other => {
                let _ = write!(self.text, "\\u{other:04x}");
            }
        }
    }
}
