//! The values of a statement's SET clause, kept for the templates of its actions.

use super::SqlVersion;
use super::error::EvalError;
use super::eval::VARIABLES_BYTES_MAX;
use super::json::Writer;
use super::value::{Value, from_json_text};

/// The evaluated variables of one statement for one message.
#[derive(Clone, Debug, Default)]
pub struct Variables(
    // As JSON, in the order of SET; Undefined is empty.
    Vec<Box<str>>,
);

impl Variables {
    pub(super) fn of(values: &[Value<'_>], version: SqlVersion) -> Result<Self, EvalError> {
        let json = |value| {
            let mut writer = Writer::new(version, "a variable", VARIABLES_BYTES_MAX);
            writer.value(value)?;
            Ok(writer.into_text().into())
        };
        values.iter().map(json).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn values<'v>(&self) -> Vec<Value<'v>> {
        let values = self.0.iter().map(|json| from_json_text(json));
        values
            .map(|value| value.unwrap_or(Value::Undefined))
            .collect()
    }
}
