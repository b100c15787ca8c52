//! Operators (developer guide, "Operators").

use super::super::ast::{BinaryOperator, Expr};
use super::super::error::EvalError;
use super::super::number::Number;
use super::super::value::{Type, Value};
use super::Evaluator;
use std::cmp::Ordering;

impl<'v> Evaluator<'_, 'v> {
    /// False with anything that is no Boolean, to the right of false: it makes no difference to
    /// WHERE, and follows OR.
    pub(super) fn and(&mut self, left: &'v Expr, right: &'v Expr) -> Result<Value<'v>, EvalError> {
        match self.value(left)?.to_bool() {
            Some(false) => Ok(Value::Bool(false)),
            Some(true) => Ok(boolean(self.value(right)?.to_bool())),
            None => Ok(Value::Undefined),
        }
    }

    /// True, whatever is to the right of true. The operator table says Undefined, but rules that
    /// are in use on AWS begin with `isUndefined(x) OR x > 0` and act on messages without x.
    pub(super) fn or(&mut self, left: &'v Expr, right: &'v Expr) -> Result<Value<'v>, EvalError> {
        match self.value(left)?.to_bool() {
            Some(true) => Ok(Value::Bool(true)),
            Some(false) => Ok(boolean(self.value(right)?.to_bool())),
            None => Ok(Value::Undefined),
        }
    }

    pub(super) fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Value<'v>,
        right: &Value<'v>,
    ) -> Result<Value<'v>, EvalError> {
        use BinaryOperator as Op;
        Ok(match operator {
            Op::Add => return self.add(left, right),
            Op::Subtract => self.arithmetic(left, right, |a, b| a.add(b.negate())),
            Op::Multiply => self.arithmetic(left, right, Number::multiply),
            Op::Divide => self.arithmetic(left, right, Number::divide),
            Op::Remainder => self.arithmetic(left, right, Number::remainder),
            Op::Equal => boolean(self.equal(left, right)?),
            Op::NotEqual => boolean(self.equal(left, right)?.map(|equal| !equal)),
            Op::Less => self.order(left, right, Ordering::is_lt),
            Op::LessEqual => self.order(left, right, Ordering::is_le),
            Op::Greater => self.order(left, right, Ordering::is_gt),
            Op::GreaterEqual => self.order(left, right, Ordering::is_ge),
            Op::In => boolean(self.contains(left, right)?),
        })
    }

    /// A number as the version has it; Undefined for none.
    pub(in crate::sql) fn number(&self, number: Option<Number>) -> Value<'v> {
        number.map_or(Value::Undefined, |number| {
            super::super::value::settled(number, self.version).into()
        })
    }

    /// Joins texts where one side is a text, otherwise adds.
    fn add(&mut self, left: &Value<'v>, right: &Value<'v>) -> Result<Value<'v>, EvalError> {
        if left.kind() == Type::Text || right.kind() == Type::Text {
            let (Some(left), Some(right)) = (self.text(left)?, self.text(right)?) else {
                return Ok(Value::Undefined);
            };
            self.budget.built(left.len() + right.len())?;
            return Ok([&*left, &*right].concat().into());
        }
        Ok(self.arithmetic(left, right, Number::add))
    }

    fn arithmetic(
        &self,
        left: &Value<'v>,
        right: &Value<'v>,
        operation: fn(Number, Number) -> Option<Number>,
    ) -> Value<'v> {
        let numbers = left
            .to_number(self.version)
            .zip(right.to_number(self.version));
        self.number(numbers.and_then(|(left, right)| operation(left, right)))
    }

    /// Numbers and texts that say numbers are ordered; nothing else is.
    fn order(&self, left: &Value<'v>, right: &Value<'v>, holds: fn(Ordering) -> bool) -> Value<'v> {
        let numbers = left
            .to_number(self.version)
            .zip(right.to_number(self.version));
        boolean(numbers.map(|(left, right)| holds(left.compare(right))))
    }

    /// Whether two values are the same; nothing if one is Undefined. Values of different kinds
    /// differ.
    pub(in crate::sql) fn equal(
        &mut self,
        left: &Value<'v>,
        right: &Value<'v>,
    ) -> Result<Option<bool>, EvalError> {
        let kind = left.kind();
        if kind == Type::Undefined || right.kind() == Type::Undefined {
            return Ok(None);
        }
        if kind != right.kind() {
            return Ok(Some(false));
        }
        Ok(Some(match kind {
            Type::Undefined | Type::Null => true,
            Type::Bool => left.to_bool() == right.to_bool(),
            Type::Number => {
                let numbers = left
                    .as_number(self.version)
                    .zip(right.as_number(self.version));
                numbers.is_some_and(|(left, right)| left.compare(right).is_eq())
            }
            Type::Text => match (left, right) {
                (Value::Text(left), Value::Text(right)) => **left == **right,
                _ => false,
            },
            Type::Array => self.equal_arrays(left, right)?,
            Type::Object => self.equal_objects(left, right)?,
        }))
    }

    fn equal_arrays(&mut self, left: &Value<'v>, right: &Value<'v>) -> Result<bool, EvalError> {
        let (Some(mut left), Some(mut right)) = (left.elements(), right.elements()) else {
            return Ok(false);
        };
        loop {
            self.budget.step(1)?;
            match (left.next(), right.next()) {
                (None, None) => return Ok(true),
                (Some(left), Some(right)) => {
                    if self.equal(&left, &right)? != Some(true) {
                        return Ok(false);
                    }
                }
                (Some(_), None) | (None, Some(_)) => return Ok(false),
            }
        }
    }

    /// Whatever the order of the members.
    fn equal_objects(&mut self, left: &Value<'v>, right: &Value<'v>) -> Result<bool, EvalError> {
        let (Some(members), Some(others)) = (left.members(), right.members()) else {
            return Ok(false);
        };
        let mut count = others.count();
        for (name, member) in members {
            self.budget.step(1)?;
            self.budget.work(right.size())?;
            let other = right.member(&name);
            if self.equal(&member, &other)? != Some(true) {
                return Ok(false);
            }
            let Some(left) = count.checked_sub(1) else {
                return Ok(false);
            };
            count = left;
        }
        Ok(count == 0)
    }

    /// IN: whether an element of the array on the right equals the left side.
    fn contains(&mut self, left: &Value<'v>, right: &Value<'v>) -> Result<Option<bool>, EvalError> {
        let Some(elements) = right.elements() else {
            return Ok(None);
        };
        if left.is_undefined() {
            return Ok(None);
        }
        for element in elements {
            self.budget.step(1)?;
            if self.equal(left, &element)? == Some(true) {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }
}

fn boolean<'v>(value: Option<bool>) -> Value<'v> {
    value.map_or(Value::Undefined, Value::Bool)
}
