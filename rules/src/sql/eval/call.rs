//! How functions are called and get at their arguments.

use super::super::ast::{Call, Constant, Expr};
use super::super::error::EvalError;
use super::super::number::{Decimal, Number};
use super::super::value::{Text, Value};
use super::{Evaluated, Evaluator, Stop};

/// A call in evaluation. Arguments are evaluated when the function asks for them.
pub(in crate::sql) struct Arguments<'a, 'e, 'v> {
    pub(in crate::sql) call: &'v Call,
    pub(in crate::sql) evaluator: &'a mut Evaluator<'e, 'v>,
}

impl<'v> Evaluator<'_, 'v> {
    pub(super) fn call(&mut self, call: &'v Call) -> Result<Value<'v>, EvalError> {
        if !call.function.arity.allows(call.arguments.len()) {
            return Ok(Value::Undefined);
        }
        let mut arguments = Arguments {
            call,
            evaluator: self,
        };
        match (call.function.body)(&mut arguments) {
            Ok(value) => {
                if let Value::Text(Text::Shared(text)) = &value {
                    self.budget.built(text.len())?;
                }
                Ok(value)
            }
            Err(Stop::Undefined) => Ok(Value::Undefined),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl<'v> Arguments<'_, '_, 'v> {
    pub(in crate::sql) fn count(&self) -> usize {
        self.call.arguments.len()
    }

    /// Whether an argument is `*` and means the payload's bytes.
    pub(in crate::sql) fn is_payload(&self, place: usize) -> bool {
        let star = matches!(self.call.arguments.get(place), Some(Expr::Star));
        star && self.evaluator.star_is_payload()
    }

    pub(in crate::sql) fn value(&mut self, place: usize) -> Evaluated<'v> {
        match self.call.arguments.get(place) {
            Some(expr) => Ok(self.evaluator.value(expr)?),
            None => Ok(Value::Undefined),
        }
    }

    /// A number, or a text that says one.
    pub(in crate::sql) fn number(&mut self, place: usize) -> Result<Number, Stop> {
        let version = self.evaluator.version;
        self.value(place)?.to_number(version).ok_or(Stop::Undefined)
    }

    pub(in crate::sql) fn double(&mut self, place: usize) -> Result<f64, Stop> {
        self.number(place).map(Number::to_f64)
    }

    /// A number rounded down to an Int.
    pub(in crate::sql) fn int(&mut self, place: usize) -> Result<i128, Stop> {
        self.number(place)?.floor().ok_or(Stop::Undefined)
    }

    /// Anything that has a text.
    pub(in crate::sql) fn text(&mut self, place: usize) -> Result<Text<'v>, Stop> {
        let value = self.value(place)?;
        let text = self.evaluator.text(&value)?.ok_or(Stop::Undefined)?;
        self.evaluator.budget.work(text.len() / 4)?;
        Ok(text)
    }

    /// The text of an argument that is a constant.
    pub(in crate::sql) fn constant_text(&self, place: usize) -> Option<&'v str> {
        match self.call.arguments.get(place) {
            Some(Expr::Constant(Constant::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// A result; whole Decimals become Ints where the version has it so.
    pub(in crate::sql) fn give(&self, number: Option<Number>) -> Evaluated<'v> {
        Ok(self.evaluator.number(number))
    }

    /// A result in double precision; NaN and infinities are Undefined.
    pub(in crate::sql) fn give_double(&self, value: f64) -> Evaluated<'v> {
        self.give(Decimal::from_f64(value).map(Number::Decimal))
    }
}
