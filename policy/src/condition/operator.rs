//! The names of condition operators.

use crate::error::Problem;

/// What an operator compares (IAM user guide, condition operators).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    /// `ArnEquals` is the same: both take wildcards.
    ArnLike,
    Numeric(Relation),
    Date(Relation),
    IpAddress,
    Bool,
    BinaryEquals,
    Null,
}

/// How the request's value must stand to the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(crate) fn holds<T: PartialOrd>(self, request: &T, policy: &T) -> bool {
        match self {
            Relation::Equal => request == policy,
            Relation::Less => request < policy,
            Relation::LessOrEqual => request <= policy,
            Relation::Greater => request > policy,
            Relation::GreaterOrEqual => request >= policy,
        }
    }
}

/// How a key with several values is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Qualifier {
    /// No qualifier: the key is meant to have one value.
    Single,
    /// `ForAllValues:`, true if the key has none.
    ForAllValues,
    /// `ForAnyValue:`, false if the key has none.
    ForAnyValue,
}

/// What stands left of a condition's keys, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub qualifier: Qualifier,
    pub operator: Operator,
    /// `...Not...`: no value of the policy may compare.
    pub negated: bool,
    /// `...IfExists`: a key without values fulfils the condition.
    pub if_exists: bool,
}

impl Comparison {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let (qualifier, unqualified) = if let Some(rest) = text.strip_prefix("ForAllValues:") {
            (Qualifier::ForAllValues, rest)
        } else if let Some(rest) = text.strip_prefix("ForAnyValue:") {
            (Qualifier::ForAnyValue, rest)
        } else {
            (Qualifier::Single, text)
        };
        let (name, if_exists) = match unqualified.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (unqualified, false),
        };
        let known = OPERATORS.iter().find(|(known, ..)| *known == name);
        let &(_, operator, negated) = known.ok_or_else(|| unknown(text, name))?;
        if operator == Operator::Null && (if_exists || qualifier != Qualifier::Single) {
            return Err(Problem::NullModified(text.to_owned()));
        }
        Ok(Self {
            qualifier,
            operator,
            negated,
            if_exists,
        })
    }
}

fn unknown(text: &str, name: &str) -> Problem {
    let given = text.to_owned();
    match OPERATORS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
    {
        Some(&(meant, ..)) => Problem::OperatorCase { given, meant },
        None => Problem::Operator(given),
    }
}

/// Every operator by its name; the last member says whether it is negated.
const OPERATORS: [(&str, Operator, bool); 27] = [
    ("StringEquals", Operator::StringEquals, false),
    ("StringNotEquals", Operator::StringEquals, true),
    (
        "StringEqualsIgnoreCase",
        Operator::StringEqualsIgnoreCase,
        false,
    ),
    (
        "StringNotEqualsIgnoreCase",
        Operator::StringEqualsIgnoreCase,
        true,
    ),
    ("StringLike", Operator::StringLike, false),
    ("StringNotLike", Operator::StringLike, true),
    ("ArnEquals", Operator::ArnLike, false),
    ("ArnLike", Operator::ArnLike, false),
    ("ArnNotEquals", Operator::ArnLike, true),
    ("ArnNotLike", Operator::ArnLike, true),
    ("NumericEquals", Operator::Numeric(Relation::Equal), false),
    ("NumericNotEquals", Operator::Numeric(Relation::Equal), true),
    ("NumericLessThan", Operator::Numeric(Relation::Less), false),
    (
        "NumericLessThanEquals",
        Operator::Numeric(Relation::LessOrEqual),
        false,
    ),
    (
        "NumericGreaterThan",
        Operator::Numeric(Relation::Greater),
        false,
    ),
    (
        "NumericGreaterThanEquals",
        Operator::Numeric(Relation::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Operator::Date(Relation::Equal), false),
    ("DateNotEquals", Operator::Date(Relation::Equal), true),
    ("DateLessThan", Operator::Date(Relation::Less), false),
    (
        "DateLessThanEquals",
        Operator::Date(Relation::LessOrEqual),
        false,
    ),
    ("DateGreaterThan", Operator::Date(Relation::Greater), false),
    (
        "DateGreaterThanEquals",
        Operator::Date(Relation::GreaterOrEqual),
        false,
    ),
    ("IpAddress", Operator::IpAddress, false),
    ("NotIpAddress", Operator::IpAddress, true),
    ("Bool", Operator::Bool, false),
    ("BinaryEquals", Operator::BinaryEquals, false),
    ("Null", Operator::Null, false),
];
