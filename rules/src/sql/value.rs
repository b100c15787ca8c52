//! The values of the rule SQL and the conversions between their types.

use super::SqlVersion;
use super::json::{Json, Kind, unescape};
use super::number::{Decimal, Number, parse_json, parse_text};
use super::object::Object;
use std::ops::Deref;
use std::rc::Rc;

/// A value. What comes from a message or a statement is borrowed.
#[derive(Clone, Debug)]
pub(super) enum Value<'v> {
    /// What is missing, or what an operation gives that has no value.
    Undefined,
    Null,
    Bool(bool),
    /// An Int of at most 34 digits.
    Int(i128),
    Decimal(Decimal),
    /// A number as a message has it, read when somebody computes with it.
    NumberText(&'v str),
    Text(Text<'v>),
    Array(Rc<[Value<'v>]>),
    Object(Rc<Object<'v>>),
    /// An array or an object of a message.
    Json(Json<'v>),
}

/// A string, cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Text<'v> {
    Borrowed(&'v str),
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Text::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Text::Shared(text.into()))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Value<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(value) => Self::Int(value),
            Number::Decimal(value) => Self::Decimal(value),
        }
    }
}

impl<'v> From<Json<'v>> for Value<'v> {
    fn from(json: Json<'v>) -> Self {
        match json.kind() {
            Kind::Null => Self::Null,
            Kind::True => Self::Bool(true),
            Kind::False => Self::Bool(false),
            Kind::Number => Self::NumberText(json.text()),
            Kind::Plain => Self::Text(Text::Borrowed(json.text())),
            Kind::Escaped => unescape(json.text()).into_owned().into(),
            Kind::Array | Kind::Object => Self::Json(json),
        }
    }
}

/// The kinds of values that `=` tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Undefined,
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

impl<'v> Value<'v> {
    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Undefined => Type::Undefined,
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => Type::Number,
            Self::Text(_) => Type::Text,
            Self::Array(_) => Type::Array,
            Self::Object(_) => Type::Object,
            Self::Json(json) if json.kind() == Kind::Array => Type::Array,
            Self::Json(_) => Type::Object,
        }
    }

    /// The number that it is, in this version; a text is none.
    pub(super) fn as_number(&self, version: SqlVersion) -> Option<Number> {
        let number = match self {
            Self::Int(value) => return Some(Number::Int(*value)),
            Self::Decimal(value) => Number::Decimal(*value),
            Self::NumberText(text) => parse_json(text)?,
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Text(_) => return None,
            Self::Array(_) | Self::Object(_) | Self::Json(_) => return None,
        };
        Some(settled(number, version))
    }

    /// The number that it is or that its text says ("num" in the function tables).
    pub(super) fn to_number(&self, version: SqlVersion) -> Option<Number> {
        match self {
            Self::Text(text) => parse_text(text).map(|number| settled(number, version)),
            Self::Undefined | Self::Null | Self::Bool(_) => None,
            Self::Array(_) | Self::Object(_) | Self::Json(_) => None,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => self.as_number(version),
        }
    }

    /// True or false, or a text that says so in any case.
    pub(super) fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::Text(_) | Self::Undefined | Self::Null | Self::Int(_) => None,
            Self::Decimal(_) | Self::NumberText(_) => None,
            Self::Array(_) | Self::Object(_) | Self::Json(_) => None,
        }
    }

    /// The elements of an array, in order.
    pub(super) fn elements(&self) -> Option<Box<dyn Iterator<Item = Value<'v>> + '_>> {
        match self {
            Self::Array(items) => Some(Box::new(items.iter().cloned())),
            Self::Json(json) if json.kind() == Kind::Array => {
                Some(Box::new(json.items().map(Value::from)))
            }
            Self::Json(_) | Self::Object(_) | Self::Text(_) => None,
            Self::Undefined | Self::Null | Self::Bool(_) => None,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => None,
        }
    }

    /// Names and values of an object, in order. A name that JSON has twice comes twice.
    pub(super) fn members(&self) -> Option<Box<dyn Iterator<Item = (Text<'v>, Value<'v>)> + '_>> {
        match self {
            Self::Object(object) => Some(Box::new(object.iter().cloned())),
            Self::Json(json) if json.kind() == Kind::Object => {
                let named = |(name, value): (Json<'v>, Json<'v>)| (name_of(name), value.into());
                Some(Box::new(json.members().map(named)))
            }
            Self::Json(_) | Self::Array(_) | Self::Text(_) => None,
            Self::Undefined | Self::Null | Self::Bool(_) => None,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => None,
        }
    }

    /// The member of this name; Undefined if there is none, or this is no object.
    pub(super) fn member(&self, name: &str) -> Value<'v> {
        match self {
            Self::Json(json) => json.member(name).map_or(Self::Undefined, Self::from),
            Self::Object(object) => object.get(name).cloned().unwrap_or(Self::Undefined),
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Text(_) => Self::Undefined,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => Self::Undefined,
            Self::Array(_) => Self::Undefined,
        }
    }

    /// How much work it is to go through it.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Json(json) => json.count(),
            Self::Array(items) => items.len(),
            Self::Object(object) => object.len(),
            Self::Text(text) => text.len() / 16,
            Self::Undefined | Self::Null | Self::Bool(_) => 1,
            Self::Int(_) | Self::Decimal(_) | Self::NumberText(_) => 1,
        }
    }
}

/// The name of a member, read from JSON.
fn name_of(name: Json<'_>) -> Text<'_> {
    match Value::from(name) {
        Value::Text(text) => text,
        Value::Undefined | Value::Null | Value::Bool(_) | Value::Int(_) => Text::Borrowed(""),
        Value::Decimal(_) | Value::NumberText(_) => Text::Borrowed(""),
        Value::Array(_) | Value::Object(_) | Value::Json(_) => Text::Borrowed(""),
    }
}

/// A number as its version has it: whole Decimals become Int from 2016-03-23 on.
pub(super) fn settled(number: Number, version: SqlVersion) -> Number {
    match version {
        SqlVersion::V2015 => number,
        SqlVersion::V2016 | SqlVersion::Beta => number.whole_as_int(),
    }
}

/// Reads JSON into a value of its own, as for what `decode` gives.
pub(super) fn from_json_text<'v>(text: &str) -> Option<Value<'v>> {
    let index = super::json::Index::of_text(text)?;
    Some(owned(index.root(text)))
}

/// A copy that borrows nothing. The index bounds the depth.
fn owned<'v>(json: Json<'_>) -> Value<'v> {
    match json.kind() {
        Kind::Null => Value::Null,
        Kind::True => Value::Bool(true),
        Kind::False => Value::Bool(false),
        Kind::Number => match parse_json(json.text()) {
            Some(number) => number.into(),
            None => Value::Undefined,
        },
        Kind::Plain | Kind::Escaped => unescape(json.text()).into_owned().into(),
        Kind::Array => Value::Array(json.items().map(owned).collect()),
        Kind::Object => {
            let mut object = Object::default();
            for (name, member) in json.members() {
                let name = unescape(name.text()).into_owned();
                object.set(Text::Shared(name.into()), owned(member));
            }
            Value::Object(Rc::new(object))
        }
    }
}
