//! Substitution templates: `${expression}` in the fields of an action.

use crate::sql::{
    Context, EvalError, SqlError, SqlVersion, Statement, TemplateExpression, UndefinedInTemplate,
};
use std::ops::Range;

/// A field of an action, with the expressions that it contains.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Expression {
        source: Box<str>,
        expression: TemplateExpression,
    },
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
    pub fn parse(text: &str, version: SqlVersion) -> Result<Self, SqlError> {
        Self::parse_with(text, version, &[])
    }

    /// Reads a field of an action of the rule that has this statement: its version holds, and
    /// only the variables of its SET are known.
    ///
    /// # Errors
    /// As [`Template::parse`], and a variable that the statement does not set.
    pub fn parse_for(text: &str, statement: &Statement) -> Result<Self, SqlError> {
        Self::parse_with(text, statement.version(), &statement.variable_names())
    }

    fn parse_with(
        text: &str,
        version: SqlVersion,
        variables: &[Box<str>],
    ) -> Result<Self, SqlError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(opening) = text[at..].find("${") {
            let start = at + opening;
            refuse_element_fields(text, at..start)?;
            let (expression, end) =
                TemplateExpression::parse(text, start + 2, version, variables.to_vec())?;
            if opening > 0 {
                parts.push(Part::Text(text[at..start].into()));
            }
            at = end + 1;
            parts.push(Part::Expression {
                source: text[start..at].into(),
                expression,
            });
        }
        refuse_element_fields(text, at..text.len())?;
        if at < text.len() || parts.is_empty() {
            parts.push(Part::Text(text[at..].into()));
        }
        Ok(Self { parts })
    }

    /// The text if there is no expression in it, so that it can be checked once and for all.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether an expression in it asks the outside: rendering may have to wait.
    pub(crate) fn asks_outside(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Expression { expression, .. } => expression.asks_outside(),
        })
    }

    /// Names of the message's members that stand in it alone, as in `${room}`.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression { expression, .. } => expression.attribute(),
        })
    }

    /// The text for a message: the one that was published, not what SELECT made of it.
    ///
    /// # Errors
    /// An expression without a value (see `Settings::undefined_in_template`) or one that fails.
    pub fn render(&self, context: &mut Context<'_>) -> Result<String, TemplateError> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Expression { source, expression } => {
                    match (
                        expression.render(context)?,
                        context.settings.undefined_in_template,
                    ) {
                        (Some(text), _) => rendered.push_str(&text),
                        (None, UndefinedInTemplate::Empty) => {}
                        (None, UndefinedInTemplate::Fail) => {
                            return Err(TemplateError::Undefined(source.to_string()));
                        }
                    }
                }
            }
        }
        Ok(rendered)
    }
}

/// `@{field}` is for the elements that an InfluxDB action writes; anywhere else AWS refuses the
/// rule (developer guide, "InfluxDB").
fn refuse_element_fields(text: &str, part: Range<usize>) -> Result<(), SqlError> {
    match text[part.clone()].find("@{") {
        None => Ok(()),
        Some(found) => Err(SqlError::at(
            text,
            part.start + found,
            "`@{...}` is for the InfluxDB action only: write ${...}",
        )),
    }
}
