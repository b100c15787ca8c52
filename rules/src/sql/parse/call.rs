//! Function calls and cast.

use super::super::SqlVersion;
use super::super::ast::{Call, CastType, Constant, Expr};
use super::super::error::SqlError;
use super::super::functions::{self, Function, Outside};
use super::super::token::{Symbol, TokenKind};
use super::Parser;
use std::sync::OnceLock;

/// Arguments that one call may have.
const ARGUMENTS_MAX: usize = 256;

impl Parser<'_> {
    /// Reads `name(...)`. An unknown function is refused now; a wrong number of arguments gives
    /// Undefined, as the guide's data types page says.
    pub(super) fn call(&mut self, name: &str) -> Result<Expr, SqlError> {
        let span = self.token.span.clone();
        let Some(function) = functions::find(name) else {
            let hint = match functions::similar(name) {
                Some(meant) => format!(": did you mean `{meant}`?"),
                None => String::new(),
            };
            return Err(self.error(format!("there is no function `{name}`{hint}")));
        };
        if function.since > SqlVersion::V2015 {
            self.needs_2016(&span, &format!("calls of `{}`", function.name))?;
        }
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        self.enter()?;
        let arguments = self.arguments(function)?;
        self.leave(1);
        if let Some(check) = function.check {
            check(&arguments)
                .map_err(|why| self.error_at(&span, format!("`{}`: {why}", function.name)))?;
        }
        let scheme = arguments.get(1);
        let is_proto =
            matches!(scheme, Some(Expr::Constant(Constant::Text(text))) if **text == *"proto");
        let is_proto = is_proto && function.name == "decode";
        self.asks_outside |= is_proto || function.outside == Outside::Asked;
        if self.in_template && is_proto {
            let message = "templates cannot decode protobuf: do it in SET or SELECT";
            return Err(self.error_at(&span, message));
        }
        Ok(Expr::Call(Box::new(Call {
            function,
            arguments,
            pattern: OnceLock::new(),
        })))
    }

    fn arguments(&mut self, function: &Function) -> Result<Vec<Expr>, SqlError> {
        let mut arguments = Vec::new();
        if self.take_symbol(Symbol::RightParen)? {
            return Ok(arguments);
        }
        loop {
            if arguments.len() >= ARGUMENTS_MAX {
                let message = format!("a call has at most {ARGUMENTS_MAX} arguments");
                return Err(self.error(message));
            }
            // The guide has `*` in few functions only, but get(*, 'my-key') is how rules in use
            // reach members of the payload whose names are no names in SQL.
            self.check_variable(function, arguments.len())?;
            let before = self.outside_calls;
            arguments.push(self.expression_or_star()?);
            // A default that fails in its turn would be none.
            if function.outside == Outside::Caught
                && arguments.len() > 1
                && self.outside_calls > before
            {
                let message = "the default may not call functions that fetch data";
                return Err(self.error(message));
            }
            if !self.take_symbol(Symbol::Comma)? {
                break;
            }
        }
        if !self.is_symbol(Symbol::RightParen) {
            return Err(self.expected("`,` or `)`"));
        }
        self.advance()?;
        self.outside_calls += usize::from(function.outside == Outside::Asked);
        Ok(arguments)
    }

    /// Variables may not stand for roles and modes (developer guide, "SET").
    fn check_variable(&self, function: &Function, argument: usize) -> Result<(), SqlError> {
        let TokenKind::Variable(name) = self.token.kind else {
            return Ok(());
        };
        if function.constant_first && argument == 0 {
            let message = format!(
                "the first argument of `{}` may not be the variable `@{name}`",
                function.name
            );
            return Err(self.error(message));
        }
        Ok(())
    }

    pub(super) fn cast(&mut self) -> Result<Expr, SqlError> {
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        self.enter()?;
        let value = self.expression()?;
        self.leave(1);
        self.expect_word("as")?;
        let span = self.token.span.clone();
        let TokenKind::Word(name) = self.token.kind else {
            return Err(self.expected("a type"));
        };
        let known = |(names, _): &&(&[&str], CastType)| {
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let Some((_, cast_type)) = CAST_TYPES.iter().find(known) else {
            return Err(self.expected("Int, Decimal, Double, Boolean or String"));
        };
        let newer = ["decimal", "bool", "boolean"];
        if newer.iter().any(|newer| newer.eq_ignore_ascii_case(name)) {
            self.needs_2016(&span, &format!("casts to {name}"))?;
        }
        self.advance()?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(Expr::Cast(Box::new(value), *cast_type))
    }
}

const CAST_TYPES: [(&[&str], CastType); 5] = [
    (&["int", "integer"], CastType::Int),
    (&["decimal"], CastType::Decimal),
    (&["double"], CastType::Double),
    (&["bool", "boolean"], CastType::Bool),
    (
        &["string", "nvarchar", "text", "ntext", "varchar"],
        CastType::Text,
    ),
];
