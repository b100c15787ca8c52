//! A query as it is evaluated.

use super::facts::{Facts, Scalar};
use super::parse::parse;
use super::pattern::Pattern;
use crate::ThingsError;
use std::cmp::Ordering;

/// A query that was understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query(Node);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Term(Term),
}

/// A test of a field, or of every field of the registry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) field: Option<String>,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Fits(Pattern),
    Between(Limit, Limit),
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Limit {
    None,
    /// The value itself is in.
    With(String),
    /// It is not.
    Without(String),
}

/// Most terms of a query (AWS General Reference, fleet indexing quotas).
const TERMS_MAX: usize = 7;

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// InvalidQuery, saying what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, ThingsError> {
        let node = parse(text)
            .map_err(|why| ThingsError::InvalidQuery(format!("Invalid query: {why}")))?;
        let terms = node.terms();
        if terms > TERMS_MAX {
            return Err(ThingsError::InvalidQuery(format!(
                "Invalid query: it has {terms} terms and must have at most {TERMS_MAX}"
            )));
        }
        Ok(Self(node))
    }

    pub(super) fn holds(&self, facts: &dyn Facts) -> bool {
        self.0.holds(facts)
    }
}

impl Node {
    fn terms(&self) -> usize {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::terms).sum(),
            Self::Not(node) => node.terms(),
            Self::Term(_) => 1,
        }
    }

    fn holds(&self, facts: &dyn Facts) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(facts)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(facts)),
            Self::Not(node) => !node.holds(facts),
            Self::Term(term) => term.holds(facts),
        }
    }
}

impl Term {
    fn holds(&self, facts: &dyn Facts) -> bool {
        if let (None, Test::Fits(pattern)) = (&self.field, &self.test)
            && pattern.is_anything()
        {
            return true;
        }
        facts.any(self.field.as_deref(), &mut |value| self.test.holds(value))
    }
}

impl Test {
    fn holds(&self, value: Scalar<'_>) -> bool {
        match self {
            Self::Fits(pattern) => match value {
                Scalar::Text(text) => pattern.fits(text),
                Scalar::Bool(true) => pattern.fits("true"),
                Scalar::Bool(false) => pattern.fits("false"),
                Scalar::Number(number) => pattern.fits(&number.to_string()),
            },
            Self::Between(low, high) => {
                let above = match low {
                    Limit::None => true,
                    Limit::With(limit) => order(value, limit).is_some_and(Ordering::is_ge),
                    Limit::Without(limit) => order(value, limit).is_some_and(Ordering::is_gt),
                };
                above
                    && match high {
                        Limit::None => true,
                        Limit::With(limit) => order(value, limit).is_some_and(Ordering::is_le),
                        Limit::Without(limit) => order(value, limit).is_some_and(Ordering::is_lt),
                    }
            }
        }
    }
}

/// How a value stands to a limit: as numbers if both are some, else as text.
fn order(value: Scalar<'_>, limit: &str) -> Option<Ordering> {
    let number = limit.parse::<f64>().ok();
    match (value, number) {
        (Scalar::Number(value), Some(limit)) => value.partial_cmp(&limit),
        (Scalar::Text(text), Some(limit)) => match text.parse::<f64>() {
            Ok(value) => value.partial_cmp(&limit),
            Err(_) => None,
        },
        (Scalar::Text(text), None) => Some(text.to_lowercase().cmp(&limit.to_lowercase())),
        (Scalar::Number(_), None) | (Scalar::Bool(_), _) => None,
    }
}
