//! Nested SELECT clauses and EXISTS.

use super::super::ast::{Expr, Subquery};
use super::super::error::SqlError;
use super::super::token::{Symbol, TokenKind};
use super::Parser;

impl Parser<'_> {
    /// Reads from SELECT to before the closing parenthesis.
    pub(super) fn subquery(&mut self) -> Result<Subquery, SqlError> {
        self.enter()?;
        self.expect_word("select")?;
        let select = self.select_list(false)?;
        if !self.at_item_end() {
            return Err(self.expected("`,` or FROM"));
        }
        self.expect_word("from")?;
        if let TokenKind::Text { .. } = self.token.kind {
            return Err(self.error("a nested SELECT is FROM an array or an object, not a topic"));
        }
        let source = self.expression()?;
        let alias = if self.take_word("as")? {
            Some(self.any_name("a name after AS")?)
        } else {
            None
        };
        let condition = if self.take_word("where")? {
            Some(self.expression()?)
        } else {
            None
        };
        self.leave(1);
        Ok(Subquery {
            select,
            source,
            alias,
            condition,
        })
    }

    pub(super) fn exists(&mut self) -> Result<Expr, SqlError> {
        self.needs_2016(&self.token.span, "EXISTS and nested SELECT clauses")?;
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        if !self.is_word("select") {
            return Err(self.expected("SELECT, as in EXISTS (SELECT * FROM array WHERE ...)"));
        }
        let subquery = self.subquery()?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(Expr::Exists(Box::new(subquery)))
    }
}
