//! A rule's SELECT statement: read once, evaluated for each message.

use super::ast::Query;
use super::eval::Evaluator;
use super::parse::parse_statement;
use super::{Context, EvalError, SqlError, SqlVersion, Unmet};

/// A rule's SQL, ready to be evaluated.
#[derive(Debug)]
pub struct Statement {
    query: Query,
    version: SqlVersion,
}

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// WHERE was false or Undefined: no action runs.
    NotMatched,
    /// The bytes that the actions get.
    Matched(Vec<u8>),
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// The first thing that is not rule SQL of this version, with its position.
    pub fn parse(sql: &str, version: SqlVersion) -> Result<Self, SqlError> {
        let query = parse_statement(sql, version)?;
        Ok(Self { query, version })
    }

    /// The filter after FROM; a rule without one is reached by Basic Ingest alone.
    #[must_use]
    pub fn topic_filter(&self) -> Option<&str> {
        self.query.filter.as_deref()
    }

    /// The version that it was read as.
    #[must_use]
    pub fn version(&self) -> SqlVersion {
        self.version
    }

    /// Names of the variables of SET, without `@`.
    pub(crate) fn variable_names(&self) -> Vec<Box<str>> {
        let names = self.query.variables.iter();
        names.map(|(name, _)| name.clone()).collect()
    }

    /// Whether it calls functions that ask the outside: evaluating it may have to wait.
    pub(crate) fn asks_outside(&self) -> bool {
        self.query.asks_outside
    }

    /// Evaluates the statement for a message whose topic its filter matches, which is not looked
    /// at again, and leaves the variables of SET and the number of steps in the context.
    ///
    /// # Errors
    /// What makes the rule fail without any action, by AWS or to bound the work.
    pub fn evaluate(&self, context: &mut Context<'_>) -> Result<Outcome, EvalError> {
        let mut evaluator = Evaluator::new(self.version, context);
        let outcome = self.run(&mut evaluator);
        let steps = evaluator.budget.used();
        let kept = match outcome {
            Ok(Outcome::Matched(_)) if !self.query.variables.is_empty() => {
                Some(evaluator.variables()?)
            }
            Ok(Outcome::Matched(_) | Outcome::NotMatched) | Err(_) => None,
        };
        context.steps = steps;
        if let Some(variables) = kept {
            context.variables = variables;
        }
        outcome
    }

    /// The parts of WHERE, joined by AND and OR, that do not hold for a message; none if it does.
    ///
    /// # Errors
    /// As [`Statement::evaluate`].
    pub fn unmet(&self, context: &mut Context<'_>) -> Result<Vec<Unmet>, EvalError> {
        let mut evaluator = Evaluator::new(self.version, context);
        evaluator.set(&self.query.variables)?;
        let mut unmet = Vec::new();
        if let Some(condition) = &self.query.condition
            && !evaluator.holds(Some(condition))?
        {
            evaluator.unmet(condition, &self.query.condition_source, &mut unmet)?;
        }
        Ok(unmet)
    }

    fn run<'v>(&'v self, evaluator: &mut Evaluator<'_, 'v>) -> Result<Outcome, EvalError> {
        // SET, then WHERE, then SELECT (developer guide, "Rules for AWS IoT").
        evaluator.set(&self.query.variables)?;
        if !evaluator.holds(self.query.condition.as_ref())? {
            return Ok(Outcome::NotMatched);
        }
        evaluator.select(&self.query.select)
    }
}
