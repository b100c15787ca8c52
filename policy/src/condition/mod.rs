//! The conditions of a statement: all of them must hold.

mod operands;
mod operator;
mod scalar;

use crate::error::{Place, PolicyError, Problem};
use crate::json::Node;
use crate::variables::{Variables, canonical_name};
use operands::Operands;
use operator::{Comparison, Qualifier};

/// A statement's `Condition`; without one, always true.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions(Box<[Condition]>);

/// One key under one operator.
#[derive(Clone, Debug)]
struct Condition {
    key: Box<str>,
    comparison: Comparison,
    operands: Operands,
}

impl Conditions {
    pub(crate) fn parse(node: &Node, at: &Place<'_>, variables: bool) -> Result<Self, PolicyError> {
        let mut conditions = Vec::new();
        for (name, keys) in node.object(at)? {
            let comparison = Comparison::parse(name).map_err(|problem| at.wrong(problem))?;
            let at = Place::Member(at, name);
            for (key, values) in keys.object(&at)? {
                let at = Place::Member(&at, key);
                let operands =
                    Operands::parse(comparison.operator, &texts(values, &at)?, variables)
                        .map_err(|problem| at.wrong(problem))?;
                let key = canonical_name(key).into();
                conditions.push(Condition {
                    key,
                    comparison,
                    operands,
                });
            }
        }
        Ok(Self(conditions.into()))
    }

    pub(crate) fn hold(&self, variables: &dyn Variables) -> bool {
        self.0.iter().all(|condition| condition.holds(variables))
    }
}

impl Condition {
    fn holds(&self, variables: &dyn Variables) -> bool {
        let Comparison {
            qualifier,
            negated,
            if_exists,
            ..
        } = self.comparison;
        let value = variables.value(&self.key).filter(|value| !value.is_empty());
        if let Operands::Absent(wanted) = &self.operands {
            return wanted.contains(&value.is_none());
        }
        let Some(value) = value else {
            return if_exists
                || match qualifier {
                    Qualifier::Single => negated,
                    Qualifier::ForAllValues => true,
                    Qualifier::ForAnyValue => false,
                };
        };
        let fits = |text: &str| self.operands.include(text, variables) != negated;
        match qualifier {
            Qualifier::ForAllValues => value.all(fits),
            Qualifier::ForAnyValue => value.any(fits),
            // A list under no qualifier is not defined by IAM: a positive operator asks for one
            // value that compares, so that its negation asks for none.
            Qualifier::Single if negated => value.all(fits),
            Qualifier::Single => value.any(fits),
        }
    }
}

/// A value or a list of them; numbers and booleans may stand without quotes.
fn texts<'n>(node: &'n Node, at: &Place<'_>) -> Result<Vec<&'n str>, PolicyError> {
    let text = |item: &'n Node| match item {
        Node::Text(text) | Node::Scalar(text) => Ok(text.as_str()),
        Node::Null | Node::List(_) | Node::Object(_) => Err(at.wrong(Problem::Type(
            "a string, a number, a boolean or a list of these",
        ))),
    };
    node.items().iter().map(text).collect()
}
