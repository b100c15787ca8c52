//! Evaluates a statement for one message.

mod budget;
mod call;
mod convert;
mod explain;
mod operator;
mod project;

pub(super) use budget::{Limited, RESULT_BYTES_MAX, VARIABLES_BYTES_MAX};
pub(super) use call::Arguments;
pub use explain::Unmet;

use super::ast::{Case, Constant, Expr};
use super::context::{Context, External, Message};
use super::error::EvalError;
use super::json::Json;
use super::number::Number;
use super::object::Object;
use super::value::{Text, Value};
use super::{SqlVersion, Variables};
use budget::Budget;
use rand::RngCore;
use std::cell::OnceCell;
use std::rc::Rc;

/// What ends the body of a function early.
pub(super) enum Stop {
    /// An argument has no value that the function takes: the result is Undefined.
    Undefined,
    /// The whole evaluation fails.
    Failed(EvalError),
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Self::Failed(error)
    }
}

/// The value of a function's body.
pub(super) type Evaluated<'v> = Result<Value<'v>, Stop>;

/// One evaluation. `'v` is how long message and statement live, `'e` the evaluation.
pub(super) struct Evaluator<'e, 'v> {
    pub(super) message: &'v Message<'v>,
    pub(super) version: SqlVersion,
    pub(super) now_ms: i64,
    pub(super) rng: &'e mut dyn RngCore,
    pub(super) external: Option<&'e mut (dyn External + 'e)>,
    pub(super) budget: Budget,
    root: OnceCell<Option<Json<'v>>>,
    /// The values of SET so far.
    variables: Vec<Value<'v>>,
    /// The elements that nested SELECT clauses are at, the innermost last.
    scopes: Vec<Scope<'v>>,
}

/// An element of the source of a nested SELECT.
struct Scope<'v> {
    element: Value<'v>,
    alias: Option<&'v str>,
}

impl<'e, 'v> Evaluator<'e, 'v> {
    pub(super) fn new<'a: 'e + 'v>(version: SqlVersion, context: &'e mut Context<'a>) -> Self {
        let external = context.external.as_mut();
        let external = external.map(|external| &mut **external as &mut (dyn External + 'e));
        Self {
            message: context.message,
            version,
            now_ms: context.now_ms,
            rng: &mut *context.rng,
            external,
            budget: Budget::default(),
            root: OnceCell::new(),
            variables: Vec::new(),
            scopes: Vec::new(),
        }
    }

    /// Evaluates SET.
    pub(super) fn set(&mut self, variables: &'v [(Box<str>, Expr)]) -> Result<(), EvalError> {
        let mut bytes = 0;
        for (_, expr) in variables {
            let value = self.value(expr)?;
            bytes += budget::check_variable(&value, self.version, bytes)?;
            self.variables.push(value);
        }
        Ok(())
    }

    /// Takes the variables that an evaluation left.
    pub(super) fn with_variables(mut self, variables: &Variables) -> Self {
        self.variables = variables.values();
        self
    }

    pub(super) fn variables(&self) -> Result<Variables, EvalError> {
        Variables::of(&self.variables, self.version)
    }

    /// Whether a condition lets the message through. A text "true" counts as true, as it does in
    /// AND and OR.
    pub(super) fn holds(&mut self, condition: Option<&'v Expr>) -> Result<bool, EvalError> {
        match condition {
            Some(condition) => Ok(self.value(condition)?.to_bool() == Some(true)),
            None => Ok(true),
        }
    }

    pub(super) fn value(&mut self, expr: &'v Expr) -> Result<Value<'v>, EvalError> {
        self.budget.step(1)?;
        match expr {
            Expr::Constant(constant) => Ok(constant_value(constant)),
            Expr::Path(path) => self.path(path),
            Expr::Star => Ok(self.star()),
            Expr::Variable(place) => {
                let value = self.variables.get(*place).cloned();
                Ok(value.unwrap_or(Value::Undefined))
            }
            Expr::Member(base, path) => {
                let base = self.value(base)?;
                self.members(base, path)
            }
            Expr::Not(operand) => {
                let operand = self.value(operand)?.to_bool();
                Ok(operand.map_or(Value::Undefined, |operand| (!operand).into()))
            }
            Expr::Negate(operand) => {
                let operand = self.value(operand)?.to_number(self.version);
                Ok(self.number(operand.map(Number::negate)))
            }
            Expr::And(sides) => self.and(&sides.left, &sides.right),
            Expr::Or(sides) => self.or(&sides.left, &sides.right),
            Expr::Binary(operator, left, right) => {
                let left = self.value(left)?;
                let right = self.value(right)?;
                self.binary(*operator, &left, &right)
            }
            Expr::Case(case) => self.case(case),
            Expr::Array(items) => self.array(items),
            Expr::Object(members) => self.object(members),
            Expr::Call(call) => self.call(call),
            Expr::Cast(value, cast_type) => {
                let value = self.value(value)?;
                self.cast(&value, *cast_type)
            }
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Exists(subquery) => self.exists(subquery).map(Value::Bool),
        }
    }

    /// `*`: the element of a nested SELECT, otherwise the payload if it is JSON.
    pub(super) fn star(&self) -> Value<'v> {
        match self.scopes.last() {
            Some(scope) => scope.element.clone(),
            None => self.root().map_or(Value::Undefined, Value::Json),
        }
    }

    /// The payload, if it is JSON.
    fn root(&self) -> Option<Json<'v>> {
        *self.root.get_or_init(|| self.message.json())
    }

    /// Whether `*` is the payload.
    pub(super) fn star_is_payload(&self) -> bool {
        self.scopes.is_empty()
    }

    fn path(&mut self, path: &'v [Box<str>]) -> Result<Value<'v>, EvalError> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(Value::Undefined);
        };
        let first = self.name(first)?;
        if rest.is_empty() {
            return Ok(first);
        }
        self.members(first, rest)
    }

    /// A name is looked for in the innermost element first. That names which an element does not
    /// have are those of the message is our choice: the guide does not say.
    fn name(&mut self, name: &str) -> Result<Value<'v>, EvalError> {
        for scope in self.scopes.iter().rev() {
            if scope.alias == Some(name) {
                return Ok(scope.element.clone());
            }
            self.budget.work(scope.element.size())?;
            let member = scope.element.member(name);
            if !member.is_undefined() {
                return Ok(member);
            }
        }
        let Some(root) = self.root() else {
            return Ok(Value::Undefined);
        };
        self.budget.work(root.count())?;
        Ok(root.member(name).map_or(Value::Undefined, Value::from))
    }

    fn members(&mut self, base: Value<'v>, path: &'v [Box<str>]) -> Result<Value<'v>, EvalError> {
        let mut value = base;
        for name in path {
            self.budget.work(value.size())?;
            value = value.member(name);
        }
        Ok(value)
    }

    /// The first branch that equals the operand. An Undefined operand gives Undefined, even with
    /// ELSE (developer guide, "Case statements").
    fn case(&mut self, case: &'v Case) -> Result<Value<'v>, EvalError> {
        let operand = self.value(&case.operand)?;
        if operand.is_undefined() {
            return Ok(Value::Undefined);
        }
        for (constant, result) in &case.branches {
            let constant = self.value(constant)?;
            if self.equal(&operand, &constant)? == Some(true) {
                return self.value(result);
            }
        }
        match &case.otherwise {
            Some(otherwise) => self.value(otherwise),
            None => Ok(Value::Undefined),
        }
    }

    /// Undefined elements are dropped.
    fn array(&mut self, items: &'v [Expr]) -> Result<Value<'v>, EvalError> {
        let mut array = Vec::with_capacity(items.len());
        for item in items {
            let item = self.value(item)?;
            if !item.is_undefined() {
                array.push(item);
            }
        }
        self.budget.values(array.len())?;
        Ok(Value::Array(array.into()))
    }

    fn object(&mut self, members: &'v [(Box<str>, Expr)]) -> Result<Value<'v>, EvalError> {
        let mut object = Object::default();
        for (name, member) in members {
            let member = self.value(member)?;
            if !member.is_undefined() {
                object.set(Text::Borrowed(name), member);
            }
        }
        self.budget.values(object.len())?;
        Ok(Value::Object(Rc::new(object)))
    }
}

fn constant_value(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Decimal(value) => Value::Decimal(*value),
        Constant::Text(text) => Value::Text(Text::Borrowed(text)),
    }
}
