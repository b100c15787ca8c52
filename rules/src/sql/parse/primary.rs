//! What an expression is made of: constants, names, variables, literals, CASE.

use super::super::ast::{Case, Constant, Expr};
use super::super::error::SqlError;
use super::super::number::{Number, parse_json};
use super::super::token::{Symbol, TokenKind};
use super::super::value::settled;
use super::{Parser, is_reserved};

/// Members and elements that one literal may have.
const LITERAL_MAX: usize = 4096;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr, SqlError> {
        match self.token.kind.clone() {
            TokenKind::Number(text) => self.number(text),
            TokenKind::Text { text, .. } => {
                self.advance()?;
                Ok(Expr::Constant(Constant::Text(text.into())))
            }
            TokenKind::Variable(name) => self.variable(name),
            TokenKind::Word(word) => self.word(word),
            TokenKind::Symbol(Symbol::LeftParen) => self.parentheses(),
            TokenKind::Symbol(Symbol::LeftBracket) => self.array(),
            TokenKind::Symbol(Symbol::LeftBrace) => self.object(),
            TokenKind::Symbol(_) | TokenKind::End => Err(self.expected("an expression")),
        }
    }

    fn number(&mut self, text: &str) -> Result<Expr, SqlError> {
        let Some(number) = parse_json(text) else {
            return Err(self.error(format!("`{text}` is beyond the largest Decimal, 9.99E999")));
        };
        self.advance()?;
        Ok(Expr::Constant(match settled(number, self.version) {
            Number::Int(value) => Constant::Int(value),
            Number::Decimal(value) => Constant::Decimal(value),
        }))
    }

    fn variable(&mut self, name: &str) -> Result<Expr, SqlError> {
        let place = self.variables.iter().position(|known| **known == *name);
        let Some(place) = place else {
            return Err(self.error(format!("`@{name}` is not set: SET it before it is used")));
        };
        self.advance()?;
        Ok(Expr::Variable(place))
    }

    fn word(&mut self, word: &str) -> Result<Expr, SqlError> {
        let constant = [
            ("true", Constant::Bool(true)),
            ("false", Constant::Bool(false)),
            ("null", Constant::Null),
        ];
        let constant = constant
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word));
        if let Some((_, constant)) = constant {
            self.advance()?;
            return Ok(Expr::Constant(constant));
        }
        if self.is_word("case") {
            return self.case();
        }
        if self.is_word("exists") {
            return self.exists();
        }
        let calls = self.second()? == TokenKind::Symbol(Symbol::LeftParen);
        if self.is_word("cast") && calls {
            return self.cast();
        }
        if is_reserved(word) && !self.is_word("cast") {
            return Err(self.expected("an expression"));
        }
        if calls {
            return self.call(word);
        }
        self.advance()?;
        Ok(Expr::Path(Box::new([word.into()])))
    }

    fn parentheses(&mut self) -> Result<Expr, SqlError> {
        let span = self.token.span.clone();
        self.advance()?;
        if self.is_word("select") {
            self.needs_2016(&span, "nested SELECT clauses")?;
            let subquery = self.subquery()?;
            self.expect_symbol(Symbol::RightParen)?;
            return Ok(Expr::Subquery(Box::new(subquery)));
        }
        self.enter()?;
        let inner = self.expression()?;
        self.leave(1);
        if self.is_symbol(Symbol::Comma) {
            return Err(self.error("write a list in brackets: [1, 2]"));
        }
        self.expect_symbol(Symbol::RightParen)?;
        Ok(inner)
    }

    fn array(&mut self) -> Result<Expr, SqlError> {
        self.needs_2016(&self.token.span, "array literals")?;
        self.advance()?;
        let mut items = Vec::new();
        while !self.is_symbol(Symbol::RightBracket) {
            self.check_literal(items.len())?;
            items.push(self.expression()?);
            if !self.take_symbol(Symbol::Comma)? {
                break;
            }
        }
        if !self.is_symbol(Symbol::RightBracket) {
            return Err(self.expected("`,` or `]`"));
        }
        self.advance()?;
        Ok(Expr::Array(items))
    }

    fn object(&mut self) -> Result<Expr, SqlError> {
        self.needs_2016(&self.token.span, "object literals")?;
        self.advance()?;
        let mut members = Vec::new();
        while !self.is_symbol(Symbol::RightBrace) {
            self.check_literal(members.len())?;
            let TokenKind::Text { text, .. } = &self.token.kind else {
                return Err(self.expected("the name of a member in quotes, or `}`"));
            };
            let name = text.as_ref().into();
            self.advance()?;
            self.expect_symbol(Symbol::Colon)?;
            members.push((name, self.expression_or_star()?));
            if !self.take_symbol(Symbol::Comma)? {
                break;
            }
        }
        if !self.is_symbol(Symbol::RightBrace) {
            return Err(self.expected("`,` or `}`"));
        }
        self.advance()?;
        Ok(Expr::Object(members))
    }

    fn check_literal(&self, count: usize) -> Result<(), SqlError> {
        if count < LITERAL_MAX {
            return Ok(());
        }
        Err(self.error(format!("a literal has at most {LITERAL_MAX} values")))
    }

    pub(super) fn expression_or_star(&mut self) -> Result<Expr, SqlError> {
        if self.take_symbol(Symbol::Star)? {
            return Ok(Expr::Star);
        }
        self.expression()
    }

    fn case(&mut self) -> Result<Expr, SqlError> {
        self.advance()?;
        if self.is_word("when") {
            return Err(self.error("expected what to compare: CASE value WHEN constant THEN ..."));
        }
        self.enter()?;
        let operand = self.expression()?;
        let mut branches = Vec::new();
        while self.take_word("when")? {
            let constant = self.expression()?;
            self.expect_word("then")?;
            branches.push((constant, self.expression()?));
        }
        if branches.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = if self.take_word("else")? {
            Some(self.expression()?)
        } else {
            None
        };
        if !self.is_word("end") {
            return Err(self.expected("WHEN, ELSE or END"));
        }
        self.advance()?;
        self.leave(1);
        Ok(Expr::Case(Box::new(Case {
            operand,
            branches,
            otherwise,
        })))
    }
}
