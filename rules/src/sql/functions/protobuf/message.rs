//! Messages to values, by the JSON mapping of proto3 as Java prints it: names in lower camel
//! case, 64-bit integers and bytes as strings, fields that are not there left out.
//!
//! AWS does not document its mapping; its rules engine is known to be in Java.

use super::DEPTH_MAX;
use super::descriptor::{Field, Message, Schema};
use super::wire::{Reader, Wire};
use crate::sql::number::Decimal;
use crate::sql::object::Object;
use crate::sql::value::{Text, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::rc::Rc;

type Decoded<'v> = Result<Value<'v>, &'static str>;

const MALFORMED: &str = "the bytes are no message of this type";

/// Decodes a message of a type that a proto file defines.
pub(in crate::sql) fn decode<'v>(
    schema: &Schema,
    file: &str,
    message: &str,
    bytes: &[u8],
) -> Decoded<'v> {
    let full_name = schema.find(file, message)?;
    self::message(schema, full_name, bytes, 0)
}

fn message<'v>(schema: &Schema, full_name: &str, bytes: &[u8], depth: usize) -> Decoded<'v> {
    if depth > DEPTH_MAX {
        return Err("the message is nested too deeply");
    }
    let message = schema.message_of(full_name)?;
    let values = values(schema, message, bytes, depth)?;
    let mut object = Object::default();
    for (number, mut values) in values {
        let Some(field) = message.fields.get(&number) else {
            continue;
        };
        let value = if is_map(schema, field) {
            map(&values)
        } else if field.repeated {
            Value::Array(values.into())
        } else {
            values.pop().ok_or(MALFORMED)?
        };
        object.set(Text::Shared(field.name.as_str().into()), value);
    }
    Ok(Value::Object(Rc::new(object)))
}

/// The values of each field, in the order of their numbers.
fn values<'v>(
    schema: &Schema,
    message: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<BTreeMap<u32, Vec<Value<'v>>>, &'static str> {
    let mut values: BTreeMap<u32, Vec<Value<'v>>> = BTreeMap::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field()? {
        // Unknown fields are of a newer version of the message.
        let Some(field) = message.fields.get(&number) else {
            continue;
        };
        let values = values.entry(number).or_default();
        match (wire, field.kind) {
            (Wire::Bytes(packed), 1..=8 | 13..=18) => {
                let mut packed = Reader::new(packed);
                while !packed.is_empty() {
                    values.push(packed_value(schema, field, &mut packed).ok_or(MALFORMED)?);
                }
            }
            (wire, _) => values.push(value(schema, field, wire, depth)?),
        }
        if !field.repeated && values.len() > 1 {
            // The last one counts.
            values.drain(..values.len() - 1);
        }
    }
    values.retain(|_, values| !values.is_empty());
    Ok(values)
}

fn packed_value<'v>(schema: &Schema, field: &Field, packed: &mut Reader<'_>) -> Option<Value<'v>> {
    let wire = match field.kind {
        1 | 6 | 16 => Wire::Fixed64(packed.fixed64()?),
        2 | 7 | 15 => Wire::Fixed32(packed.fixed32()?),
        _ => Wire::Varint(packed.varint()?),
    };
    scalar(schema, field, wire)
}

fn value<'v>(schema: &Schema, field: &Field, wire: Wire<'_>, depth: usize) -> Decoded<'v> {
    match (field.kind, wire) {
        (9, Wire::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| MALFORMED)?;
            Ok(text.to_owned().into())
        }
        (12, Wire::Bytes(bytes)) => Ok(STANDARD.encode(bytes).into()),
        (11, Wire::Bytes(bytes)) | (10, Wire::Group(bytes)) => {
            message(schema, &field.type_name, bytes, depth + 1)
        }
        (_, wire) => scalar(schema, field, wire).ok_or(MALFORMED),
    }
}

/// A value that is a number in one way or another.
fn scalar<'v>(schema: &Schema, field: &Field, wire: Wire<'_>) -> Option<Value<'v>> {
    let long = |value: i128| Some(Value::from(value.to_string()));
    let int = |value: i32| Some(Value::Int(i128::from(value)));
    match (field.kind, wire) {
        (1, Wire::Fixed64(bits)) => {
            let value = f64::from_bits(bits);
            Some(float(value, &format!("{value:e}")))
        }
        (2, Wire::Fixed32(bits)) => {
            let value = f32::from_bits(bits);
            Some(float(f64::from(value), &format!("{value:e}")))
        }
        (3, Wire::Varint(value)) | (16, Wire::Fixed64(value)) => {
            long(i128::from(value.cast_signed()))
        }
        (4, Wire::Varint(value)) | (6, Wire::Fixed64(value)) => long(i128::from(value)),
        (18, Wire::Varint(value)) => long(i128::from(zigzag(value))),
        (5, Wire::Varint(value)) => int(value as i32),
        (15, Wire::Fixed32(value)) => int(value.cast_signed()),
        (17, Wire::Varint(value)) => int(zigzag(value) as i32),
        (7, Wire::Fixed32(value)) => Some(Value::Int(i128::from(value))),
        (13, Wire::Varint(value)) => Some(Value::Int(i128::from(value as u32))),
        (8, Wire::Varint(value)) => Some(Value::Bool(value != 0)),
        (14, Wire::Varint(value)) => {
            let number = value as i32;
            match schema.choice_name(&field.type_name, number) {
                Some(name) => Some(name.to_owned().into()),
                None => int(number),
            }
        }
        _ => None,
    }
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// A floating-point number by its shortest text; JSON has no infinities.
fn float<'v>(value: f64, shortest: &str) -> Value<'v> {
    if value.is_nan() {
        return "NaN".into();
    }
    match Decimal::from_shortest(shortest) {
        Some(decimal) => Value::Decimal(decimal),
        None if value < 0.0 => "-Infinity".into(),
        None => "Infinity".into(),
    }
}

fn is_map(schema: &Schema, field: &Field) -> bool {
    let message = schema.message_of(&field.type_name);
    field.repeated && field.kind == 11 && message.is_ok_and(|message| message.is_entry)
}

/// An object of the entries of a map, whose keys become texts.
fn map<'v>(entries: &[Value<'v>]) -> Value<'v> {
    let mut object = Object::default();
    for entry in entries {
        let name = match entry.member("key") {
            Value::Text(text) => text,
            Value::Int(key) => Text::Shared(key.to_string().into()),
            Value::Bool(key) => Text::Shared(key.to_string().into()),
            Value::Undefined | Value::Null | Value::Decimal(_) => Text::Borrowed(""),
            Value::NumberText(_) | Value::Array(_) => Text::Borrowed(""),
            Value::Object(_) | Value::Json(_) => Text::Borrowed(""),
        };
        object.set(name, entry.member("value"));
    }
    Value::Object(Rc::new(object))
}
