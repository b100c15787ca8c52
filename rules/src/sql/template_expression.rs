//! The expression between `${` and `}` of a substitution template.

use super::ast::Expr;
use super::eval::Evaluator;
use super::parse::parse_template_expression;
use super::{Context, EvalError, SqlError, SqlVersion};

/// An expression that is evaluated to a text.
#[derive(Debug)]
pub(crate) struct TemplateExpression {
    expr: Expr,
    version: SqlVersion,
    asks_outside: bool,
}

impl TemplateExpression {
    /// Reads the expression that begins at a byte of the text; gives where its `}` is.
    pub(crate) fn parse(
        text: &str,
        start: usize,
        version: SqlVersion,
        variables: Vec<Box<str>>,
    ) -> Result<(Self, usize), SqlError> {
        let (expr, end, asks_outside) = parse_template_expression(text, start, version, variables)?;
        let expression = Self {
            expr,
            version,
            asks_outside,
        };
        Ok((expression, end))
    }

    /// Whether it calls functions that ask the outside.
    pub(crate) fn asks_outside(&self) -> bool {
        self.asks_outside
    }

    /// The member of the message that it is, if it is nothing else.
    pub(crate) fn attribute(&self) -> Option<&str> {
        let Expr::Path(path) = &self.expr else {
            return None;
        };
        match &**path {
            [name] => Some(name),
            _ => None,
        }
    }

    /// The text of its value; nothing for Undefined and Null.
    pub(crate) fn render(&self, context: &mut Context<'_>) -> Result<Option<String>, EvalError> {
        let variables = context.variables.clone();
        let mut evaluator = Evaluator::new(self.version, context).with_variables(&variables);
        let value = evaluator.value(&self.expr)?;
        let text = evaluator.text(&value)?;
        Ok(text.map(|text| (*text).to_owned()))
    }
}
