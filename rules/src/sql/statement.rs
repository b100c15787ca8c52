//! A rule's SELECT statement: read once, evaluated for each message.

use super::{Context, EvalError, SqlError, SqlVersion};

/// A rule's SQL, ready to be evaluated.
#[derive(Debug)]
pub struct Statement {
    filter: Option<Box<str>>,
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
    pub fn parse(_sql: &str, version: SqlVersion) -> Result<Self, SqlError> {
        Err(SqlError {
            message: format!("SQL {} cannot be read yet", version.name()),
            line: 1,
            column: 1,
        })
    }

    /// The filter after FROM; a rule without one is reached by Basic Ingest alone.
    #[must_use]
    pub fn topic_filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// Evaluates the statement for a message whose topic its filter matches, which is not looked
    /// at again, and leaves the variables of SET in the context.
    ///
    /// # Errors
    /// What makes the rule fail without any action, by AWS or to bound the work.
    pub fn evaluate(&self, _context: &mut Context<'_>) -> Result<Outcome, EvalError> {
        Ok(Outcome::NotMatched)
    }
}
