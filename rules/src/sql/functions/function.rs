//! What a function of the rule SQL is.

use super::super::SqlVersion;
use super::super::ast::Expr;
use super::super::eval::{Arguments, Evaluated, Stop};
use std::fmt;

/// A function of the rule SQL.
pub struct Function {
    /// Its name; in statements upper and lower case are the same.
    pub name: &'static str,
    /// Its arguments as they are written, optional ones in brackets.
    pub arguments: &'static str,
    /// How many arguments it takes; a call with another number gives Undefined.
    pub arity: Arity,
    /// The first version that has it.
    pub since: SqlVersion,
    /// What it gives.
    pub summary: &'static str,
    /// Calls and what they give.
    pub examples: &'static [Example],
    pub(in crate::sql) body: Body,
    pub(in crate::sql) outside: Outside,
    /// Whether the first argument may not be a variable.
    pub(in crate::sql) constant_first: bool,
    /// What else a statement's arguments must keep to.
    pub(in crate::sql) check: Option<Check>,
}

/// What a function has to do with the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Outside {
    Nothing,
    /// It asks something outside, which may fail.
    Asked,
    /// It catches such failures in its first argument.
    Caught,
}

type Check = fn(&[Expr]) -> Result<(), String>;

type Body = for<'a, 'e, 'v> fn(&mut Arguments<'a, 'e, 'v>) -> Evaluated<'v>;

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// At least so many.
    pub least: usize,
    /// At most so many; `None` for any number.
    pub most: Option<usize>,
}

/// A call and what it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The expression.
    pub call: &'static str,
    /// Its value as JSON, or `Undefined`.
    pub gives: &'static str,
}

/// A function of 2015-10-08 that has nothing special about it, to be completed.
pub(super) const PLAIN: Function = Function {
    name: "",
    arguments: "",
    arity: Arity::exactly(1),
    since: SqlVersion::V2015,
    summary: "",
    examples: &[],
    body: nothing,
    outside: Outside::Nothing,
    constant_first: false,
    check: None,
};

fn nothing<'v>(_call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    Err(Stop::Undefined)
}

/// An example of a call.
pub(super) const fn eg(call: &'static str, gives: &'static str) -> Example {
    Example { call, gives }
}

impl Arity {
    pub(super) const fn exactly(count: usize) -> Self {
        Self::between(count, count)
    }

    pub(super) const fn between(least: usize, most: usize) -> Self {
        Self {
            least,
            most: Some(most),
        }
    }

    pub(super) const ANY: Self = Self {
        least: 0,
        most: None,
    };

    /// Whether a call may have so many arguments.
    #[must_use]
    pub fn allows(self, count: usize) -> bool {
        count >= self.least && self.most.is_none_or(|most| count <= most)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
