//! Conversions: to text, and `cast` (developer guide, "Conversions").

use super::super::ast::CastType;
use super::super::error::EvalError;
use super::super::json::Writer;
use super::super::number::{Decimal, Number};
use super::super::value::{Text, Value};
use super::{Evaluator, RESULT_BYTES_MAX};

impl<'v> Evaluator<'_, 'v> {
    /// The text of a value ("str" in the function tables); Undefined and Null have none.
    pub(in crate::sql) fn text(
        &mut self,
        value: &Value<'v>,
    ) -> Result<Option<Text<'v>>, EvalError> {
        Ok(Some(match value {
            Value::Undefined | Value::Null => return Ok(None),
            Value::Bool(true) => Text::Borrowed("true"),
            Value::Bool(false) => Text::Borrowed("false"),
            Value::Text(text) => text.clone(),
            Value::NumberText(text) if super::super::number::is_whole_text(text) => {
                Text::Borrowed(text)
            }
            Value::Int(_) | Value::Decimal(_) | Value::NumberText(_) => {
                match value.as_number(self.version) {
                    Some(number) => Text::Shared(number.to_string().into()),
                    None => return Ok(None),
                }
            }
            Value::Array(_) | Value::Object(_) | Value::Json(_) => {
                let mut writer = Writer::new(self.version, "a text", RESULT_BYTES_MAX);
                writer.value(value)?;
                let text = writer.into_text();
                self.budget.built(text.len())?;
                Text::Shared(text.into())
            }
        }))
    }

    pub(super) fn cast(
        &mut self,
        value: &Value<'v>,
        cast_type: CastType,
    ) -> Result<Value<'v>, EvalError> {
        let number = match value {
            Value::Bool(flag) => Some(Number::Int(i128::from(*flag))),
            _ => value.to_number(self.version),
        };
        Ok(match cast_type {
            CastType::Int => self.number(number.and_then(Number::floor).and_then(Number::int)),
            CastType::Decimal => self.number(number),
            // Double precision, but Ints stay exact as all doubles do that are printed.
            CastType::Double => self.number(number.and_then(|number| match number {
                Number::Int(_) => Some(number),
                Number::Decimal(value) => Decimal::from_f64(value.to_f64()).map(Number::Decimal),
            })),
            CastType::Bool => match (value.to_bool(), value.as_number(self.version)) {
                (Some(flag), _) => Value::Bool(flag),
                (None, Some(number)) => Value::Bool(!number.is_zero()),
                (None, None) => Value::Undefined,
            },
            CastType::Text => self.text(value)?.map_or(Value::Undefined, Value::Text),
        })
    }
}
