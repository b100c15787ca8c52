//! Why a condition does not let a message through.

use super::super::ast::Expr;
use super::super::error::EvalError;
use super::super::json::Writer;
use super::super::value::{Type, Value};
use super::{Evaluator, RESULT_BYTES_MAX};

/// A part of a condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The part as it was written.
    pub part: String,
    /// Its value as JSON; nothing for Undefined.
    pub value: Option<String>,
    /// For a comparison, what its sides are, as JSON; nothing for Undefined.
    pub sides: Option<[Option<String>; 2]>,
}

impl<'v> Evaluator<'_, 'v> {
    /// Gathers the parts of a condition, joined by AND and OR, that are not true.
    pub(in crate::sql) fn unmet(
        &mut self,
        expr: &'v Expr,
        source: &str,
        found: &mut Vec<Unmet>,
    ) -> Result<(), EvalError> {
        let value = self.value(expr)?;
        if value.to_bool() == Some(true) {
            return Ok(());
        }
        match expr {
            Expr::And(sides) | Expr::Or(sides) => {
                let [left, right] = &sides.sources;
                self.unmet(&sides.left, left, found)?;
                self.unmet(&sides.right, right, found)
            }
            Expr::Binary(_, left, right) => {
                let sides = [self.value(left)?, self.value(right)?];
                let [left, right] = sides.map(|side| self.shown(&side));
                found.push(Unmet {
                    part: source.to_owned(),
                    value: self.shown(&value)?,
                    sides: Some([left?, right?]),
                });
                Ok(())
            }
            _ => {
                let value = self.shown(&value)?;
                let part = source.to_owned();
                found.push(Unmet {
                    part,
                    value,
                    sides: None,
                });
                Ok(())
            }
        }
    }

    fn shown(&self, value: &Value<'v>) -> Result<Option<String>, EvalError> {
        if value.kind() == Type::Undefined {
            return Ok(None);
        }
        let mut writer = Writer::new(self.version, "a part of WHERE", RESULT_BYTES_MAX);
        writer.value(value)?;
        Ok(Some(writer.into_text()))
    }
}
