//! SET, FROM and WHERE around the SELECT list.

use super::super::ast::{Expr, Query};
use super::super::error::SqlError;
use super::super::token::{Symbol, TokenKind};
use super::{Parser, is_word};

/// Developer guide, "SET": at most 10 variables, of at most 64 characters.
const VARIABLES_MAX: usize = 10;
const VARIABLE_CHARS_MAX: usize = 64;

impl Parser<'_> {
    pub(super) fn statement(mut self) -> Result<Query, SqlError> {
        let values = if self.is_word("set") {
            self.set()?
        } else {
            Vec::new()
        };
        if self.is_word("set") {
            return Err(self.error("there is one SET only: separate its variables by commas"));
        }
        self.expect_word("select")?;
        let select = self.select_list(true)?;
        let filter = if self.take_word("from")? {
            Some(self.topic_filter()?)
        } else {
            None
        };
        let (condition, condition_source) = if self.take_word("where")? {
            let start = self.token.span.start;
            (Some(self.expression()?), self.source(start))
        } else {
            (None, "")
        };
        if self.token.kind != TokenKind::End {
            let expected = match (&filter, &condition) {
                (_, Some(_)) => "an operator or the end of the statement",
                (Some(_), None) => "WHERE or the end of the statement",
                (None, None) => "`,`, FROM or the end of the statement",
            };
            return Err(self.expected(expected));
        }
        let names = std::mem::take(&mut self.variables);
        Ok(Query {
            variables: names.into_iter().zip(values).collect(),
            select,
            filter,
            condition,
            condition_source: condition_source.into(),
            asks_outside: self.asks_outside,
        })
    }

    /// `SET @a = expr, @b = expr`; each value sees the variables before it.
    fn set(&mut self) -> Result<Vec<Expr>, SqlError> {
        self.advance()?;
        let mut values = Vec::new();
        loop {
            let TokenKind::Variable(name) = self.token.kind else {
                return Err(self.expected("a variable such as `@name`"));
            };
            self.check_new_variable(name)?;
            self.advance()?;
            self.expect_symbol(Symbol::Equal)?;
            values.push(self.expression_or_star()?);
            self.variables.push(name.into());
            if !self.take_symbol(Symbol::Comma)? {
                return Ok(values);
            }
        }
    }

    fn check_new_variable(&self, name: &str) -> Result<(), SqlError> {
        if self.variables.iter().any(|known| **known == *name) {
            let message = format!("`@{name}` is set already: a variable gets one value");
            return Err(self.error(message));
        }
        if name.chars().count() > VARIABLE_CHARS_MAX {
            let message =
                format!("the name of a variable has at most {VARIABLE_CHARS_MAX} characters");
            return Err(self.error(message));
        }
        if self.variables.len() >= VARIABLES_MAX {
            let message = format!("SET has at most {VARIABLES_MAX} variables");
            return Err(self.error(message));
        }
        Ok(())
    }

    fn topic_filter(&mut self) -> Result<Box<str>, SqlError> {
        let filter: Box<str> = match &self.token.kind {
            TokenKind::Text {
                text,
                single_quoted: true,
            } => text.as_ref().into(),
            TokenKind::Text { .. } => {
                return Err(self.error("put the topic filter in single quotes: FROM 'a/b'"));
            }
            TokenKind::Word(_) | TokenKind::Symbol(_) if !is_word(&self.token.kind, "where") => {
                return Err(self.expected("a topic filter in single quotes, as in FROM 'a/b'"));
            }
            TokenKind::Word(_) | TokenKind::Symbol(_) | TokenKind::Variable(_) => {
                return Err(self.expected("a topic filter in single quotes"));
            }
            TokenKind::Number(_) | TokenKind::End => {
                return Err(self.expected("a topic filter in single quotes"));
            }
        };
        if let Some(wrong) = filter_error(&filter) {
            return Err(self.error(wrong));
        }
        self.advance()?;
        Ok(filter)
    }
}

/// Why a text is no topic filter (MQTT 3.1.1 [4.7.1]).
fn filter_error(filter: &str) -> Option<String> {
    if filter.is_empty() {
        return Some("the topic filter is empty".to_owned());
    }
    if filter.contains('\0') {
        return Some("the topic filter has a zero character".to_owned());
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let last = levels.peek().is_none();
        if level.contains('#') && !(level == "#" && last) {
            let why = "`#` must be alone in the last level of a topic filter";
            return Some(format!("{why}, not as in `{filter}`"));
        }
        if level.contains('+') && level != "+" {
            let why = "`+` must be alone in its level of a topic filter";
            return Some(format!("{why}, not as in `{filter}`"));
        }
    }
    None
}
