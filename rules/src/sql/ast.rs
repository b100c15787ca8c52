//! A statement as the parser leaves it: names resolved to functions, constants folded.

use super::functions::Function;
use super::functions::regex::Pattern;
use super::number::Decimal;
use std::sync::OnceLock;

/// `SET ... SELECT ... FROM ... WHERE ...`.
#[derive(Debug)]
pub(super) struct Query {
    /// The variables of SET in their order, with their values.
    pub(super) variables: Vec<(Box<str>, Expr)>,
    pub(super) select: Select,
    pub(super) filter: Option<Box<str>>,
    pub(super) condition: Option<Expr>,
    /// The condition as it was written.
    pub(super) condition_source: Box<str>,
    /// Whether a function in it asks the outside.
    pub(super) asks_outside: bool,
}

/// What follows SELECT.
#[derive(Debug)]
pub(super) enum Select {
    /// `*` alone.
    Everything,
    /// `VALUE expr`.
    Value(Expr),
    /// Items that set one member each, all of them different: they can be written at once.
    Members(Vec<(Member, Expr)>),
    /// Anything else.
    Items(Vec<Item>),
}

/// A name of the result, and how it begins there in JSON: `"name":`.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    pub(super) json: Box<str>,
}

/// One item of a SELECT list.
#[derive(Debug)]
pub(super) enum Item {
    /// `*`, `path.*`, or an object literal without an alias: its members are members of the result.
    Spread(Expr),
    /// `expr AS a.b`, or with the name that an item without an alias has.
    Named { path: Box<[Box<str>]>, value: Expr },
}

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    Constant(Constant),
    /// `*`: the payload, or the element in a nested query.
    Star,
    /// `a.b.c`: a name of the message and names of members.
    Path(Box<[Box<str>]>),
    /// `@v`, by its place in SET.
    Variable(usize),
    /// `expr.b.c`.
    Member(Box<Expr>, Box<[Box<str>]>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Operands>),
    Or(Box<Operands>),
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    Case(Box<Case>),
    Array(Vec<Expr>),
    Object(Vec<(Box<str>, Expr)>),
    Call(Box<Call>),
    Cast(Box<Expr>, CastType),
    /// `(SELECT ... FROM path ...)`.
    Subquery(Box<Subquery>),
    Exists(Box<Subquery>),
}

/// The sides of AND or OR, as they are and as they were written.
#[derive(Debug)]
pub(super) struct Operands {
    pub(super) left: Expr,
    pub(super) right: Expr,
    pub(super) sources: [Box<str>; 2],
}

/// A constant of the statement's text.
#[derive(Debug)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i128),
    Decimal(Decimal),
    Text(Box<str>),
}

/// Operators that need both their operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

/// `CASE operand WHEN ... THEN ... ELSE ... END`.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) operand: Expr,
    pub(super) branches: Vec<(Expr, Expr)>,
    pub(super) otherwise: Option<Expr>,
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Vec<Expr>,
    /// The second argument as a regular expression, where it is a constant and has been used.
    pub(super) pattern: OnceLock<Option<Pattern>>,
}

/// The types of `cast(x AS type)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CastType {
    Decimal,
    Double,
    Int,
    Bool,
    Text,
}

/// `SELECT ... FROM source AS alias WHERE ...` inside an expression.
#[derive(Debug)]
pub(super) struct Subquery {
    pub(super) select: Select,
    pub(super) source: Expr,
    pub(super) alias: Option<Box<str>>,
    pub(super) condition: Option<Expr>,
}
