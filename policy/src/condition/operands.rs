//! The values that a condition names, read as what its operator compares.

use super::operator::{Operator, Relation};
use super::scalar::{Network, binary, instant, number};
use crate::arn::{Arn, ArnPattern};
use crate::error::Problem;
use crate::pattern::{Case, Pattern, Syntax};
use crate::variables::Variables;
use std::net::IpAddr;

/// A condition's values. One that cannot be compared with the request's value is no match.
#[derive(Clone, Debug)]
pub(crate) enum Operands {
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Pattern]>),
    Arns(Box<[ArnPattern]>),
    Numbers(Relation, Box<[f64]>),
    /// Nanoseconds since the epoch.
    Instants(Relation, Box<[i128]>),
    Networks(Box<[Network]>),
    Booleans(Box<[Pattern]>),
    Binaries(Box<[Vec<u8>]>),
    /// Of `Null`: whether the key may be absent.
    Absent(Box<[bool]>),
}

impl Operands {
    /// Reads the values; `variables` says whether the document's version has variables. They can
    /// stand in texts, ARNs and booleans alone (IAM user guide, policy variables).
    pub(crate) fn parse(
        operator: Operator,
        values: &[&str],
        variables: bool,
    ) -> Result<Self, Problem> {
        let exact = Syntax {
            variables,
            wildcards: false,
        };
        let like = Syntax {
            variables,
            wildcards: true,
        };
        Ok(match operator {
            Operator::StringEquals => Self::Text(each(values, |v| Pattern::parse(v, exact))?),
            Operator::StringLike => Self::Text(each(values, |v| Pattern::parse(v, like))?),
            Operator::StringEqualsIgnoreCase => {
                Self::TextIgnoringCase(each(values, |v| Pattern::parse(v, exact))?)
            }
            Operator::ArnLike => {
                Self::Arns(each(values, |v| ArnPattern::of_condition(v, variables))?)
            }
            Operator::Numeric(relation) => {
                Self::Numbers(relation, each(values, |v| constant(v, number, "a number"))?)
            }
            Operator::Date(relation) => {
                let expected = "a date such as `2026-01-31T08:00:00Z` or seconds since 1970";
                Self::Instants(relation, each(values, |v| constant(v, instant, expected))?)
            }
            Operator::IpAddress => {
                let expected = "an address or range such as `203.0.113.0/24`";
                Self::Networks(each(values, |v| constant(v, Network::parse, expected))?)
            }
            Operator::Bool => Self::Booleans(each(values, |v| boolean_pattern(v, exact))?),
            Operator::BinaryEquals => {
                Self::Binaries(each(values, |v| constant(v, binary, "base64"))?)
            }
            Operator::Null => {
                Self::Absent(each(values, |v| constant(v, boolean, "`true` or `false`"))?)
            }
        })
    }

    /// Whether one of the values compares with the request's value.
    pub(crate) fn include(&self, value: &str, variables: &dyn Variables) -> bool {
        let fits = |case| move |pattern: &Pattern| pattern.matches(value, case, variables);
        match self {
            Self::Text(patterns) => patterns.iter().any(fits(Case::Sensitive)),
            Self::Booleans(patterns) => patterns.iter().any(fits(Case::IgnoreAscii)),
            Self::TextIgnoringCase(patterns) => patterns
                .iter()
                .any(|pattern| pattern.equals_ignoring_case(value, variables)),
            Self::Arns(patterns) => {
                let arn = Arn::split(value);
                patterns
                    .iter()
                    .any(|pattern| pattern.matches(arn.as_ref(), variables))
            }
            Self::Numbers(relation, numbers) => number(value)
                .is_some_and(|value| numbers.iter().any(|other| relation.holds(&value, other))),
            Self::Instants(relation, instants) => instant(value)
                .is_some_and(|value| instants.iter().any(|other| relation.holds(&value, other))),
            Self::Networks(networks) => value.parse().is_ok_and(|address: IpAddr| {
                networks.iter().any(|network| network.contains(address))
            }),
            Self::Binaries(binaries) => {
                binary(value).is_some_and(|value| binaries.contains(&value))
            }
            // The key is there, so only a value that asks for that includes it.
            Self::Absent(wanted) => wanted.contains(&false),
        }
    }
}

fn each<T>(
    values: &[&str],
    parse: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Box<[T]>, Problem> {
    values.iter().map(|value| parse(value)).collect()
}

/// A value that must be readable when the policy is stored: a range that is no range would make
/// a deny never deny.
fn constant<T>(
    value: &str,
    parse: impl Fn(&str) -> Option<T>,
    expected: &'static str,
) -> Result<T, Problem> {
    parse(value).ok_or_else(|| Problem::Operand {
        value: value.to_owned(),
        expected,
    })
}

fn boolean(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    value.eq_ignore_ascii_case("false").then_some(false)
}

fn boolean_pattern(value: &str, syntax: Syntax) -> Result<Pattern, Problem> {
    let pattern = Pattern::parse(value, syntax)?;
    if !pattern.has_variables() {
        constant(value, boolean, "`true` or `false`")?;
    }
    Ok(pattern)
}
