//! What SELECT makes of a message, or of the elements of a nested SELECT.

use super::super::ast::{Expr, Item, Select, Subquery};
use super::super::error::EvalError;
use super::super::json::Writer;
use super::super::object::Object;
use super::super::value::{Text, Type, Value};
use super::super::{Outcome, SqlVersion};
use super::{Evaluator, RESULT_BYTES_MAX, Scope};
use std::rc::Rc;

impl<'v> Evaluator<'_, 'v> {
    /// The bytes that the actions get.
    pub(in crate::sql) fn select(&mut self, select: &'v Select) -> Result<Outcome, EvalError> {
        let mut writer = Writer::new(self.version, "the result", RESULT_BYTES_MAX);
        match select {
            // Nothing to change: the bytes go on, JSON or not.
            Select::Everything | Select::Value(Expr::Star) => {
                return Ok(Outcome::Matched(self.message.payload().to_vec()));
            }
            Select::Value(expr) => {
                let value = self.value(expr)?;
                // Arrays at the top level need 2016-03-23; what the older version does instead of
                // them is not documented.
                if self.version >= SqlVersion::V2016 || value.kind() != Type::Array {
                    writer.value(&value)?;
                }
            }
            Select::Members(members) => {
                writer.raw("{");
                for (member, expr) in members {
                    let value = self.value(expr)?;
                    if !value.is_undefined() {
                        writer.comma();
                        writer.raw(&member.json);
                        writer.value(&value)?;
                    }
                }
                writer.raw("}");
            }
            Select::Items(items) => {
                let object = self.items(items)?;
                writer.object(&object)?;
            }
        }
        Ok(Outcome::Matched(writer.into_bytes()))
    }

    /// Undefined items are left out.
    fn items(&mut self, items: &'v [Item]) -> Result<Object<'v>, EvalError> {
        let mut object = Object::default();
        for item in items {
            match item {
                Item::Spread(expr) => {
                    let value = self.value(expr)?;
                    self.budget.values(value.size())?;
                    self.budget.work(value.size())?;
                    object.extend(value.members().into_iter().flatten());
                }
                Item::Named { path, value } => {
                    let value = self.value(value)?;
                    if !value.is_undefined() {
                        object.set_path(path, value);
                    }
                }
            }
        }
        self.budget.values(object.len())?;
        Ok(object)
    }

    /// What a nested SELECT makes of the element in the innermost scope.
    fn row(&mut self, select: &'v Select) -> Result<Value<'v>, EvalError> {
        match select {
            Select::Everything => Ok(self.star()),
            Select::Value(expr) => self.value(expr),
            Select::Members(members) => {
                let mut object = Object::default();
                for (member, expr) in members {
                    let value = self.value(expr)?;
                    if !value.is_undefined() {
                        object.set(Text::Borrowed(&member.name), value);
                    }
                }
                self.budget.values(object.len() + 1)?;
                Ok(Value::Object(Rc::new(object)))
            }
            Select::Items(items) => {
                let object = self.items(items)?;
                Ok(Value::Object(Rc::new(object)))
            }
        }
    }

    /// Of an array the rows of its elements; of an object its own row, not in an array; of
    /// anything else Undefined.
    pub(super) fn subquery(&mut self, query: &'v Subquery) -> Result<Value<'v>, EvalError> {
        let source = self.value(&query.source)?;
        if source.kind() == Type::Object {
            let row = self.row_of(query, source)?;
            return Ok(row.unwrap_or(Value::Undefined));
        }
        let Some(elements) = source.elements() else {
            return Ok(Value::Undefined);
        };
        let mut rows = Vec::new();
        for element in elements {
            if let Some(row) = self.row_of(query, element)?
                && !row.is_undefined()
            {
                rows.push(row);
                self.budget.values(1)?;
            }
        }
        Ok(Value::Array(rows.into()))
    }

    pub(super) fn exists(&mut self, query: &'v Subquery) -> Result<bool, EvalError> {
        let source = self.value(&query.source)?;
        if source.kind() == Type::Object {
            return Ok(self.row_of(query, source)?.is_some());
        }
        for element in source.elements().into_iter().flatten() {
            if let Some(row) = self.row_of(query, element)?
                && !row.is_undefined()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row of one element; nothing if WHERE leaves it out.
    fn row_of(
        &mut self,
        query: &'v Subquery,
        element: Value<'v>,
    ) -> Result<Option<Value<'v>>, EvalError> {
        self.budget.step(1)?;
        self.scopes.push(Scope {
            element,
            alias: query.alias.as_deref(),
        });
        let row = match self.holds(query.condition.as_ref()) {
            Ok(true) => self.row(&query.select).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        self.scopes.pop();
        row
    }
}
