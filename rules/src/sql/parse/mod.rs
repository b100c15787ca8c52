//! Parses statements and the expressions of templates.

mod call;
mod expression;
mod primary;
mod select;
mod statement;
mod subquery;

use super::SqlVersion;
use super::ast::{Expr, Query};
use super::error::SqlError;
use super::functions::distance;
use super::lexer::Lexer;
use super::token::{Symbol, Token, TokenKind};
use std::ops::Range;

/// How deep expressions may be: in parentheses, or in a row of operators.
const DEPTH_MAX: usize = 128;
/// A rule's payload, of which the SQL is a part, has at most this size.
const BYTES_MAX: usize = 128 * 1024;

/// Words that are no names unless after a dot or as an alias.
const RESERVED: [&str; 18] = [
    "select", "from", "where", "as", "and", "or", "not", "in", "case", "when", "then", "else",
    "end", "exists", "true", "false", "null", "cast",
];

/// Reads a whole statement.
pub(super) fn parse_statement(text: &str, version: SqlVersion) -> Result<Query, SqlError> {
    if text.len() > BYTES_MAX {
        let message = format!("the statement has more than {BYTES_MAX} bytes");
        return Err(SqlError::at(text, 0, message));
    }
    Parser::new(text, 0, version, Vec::new())?.statement()
}

/// Reads the expression of a template that begins at a byte of `text` and ends before a `}`,
/// and says where that is, and whether it asks the outside.
pub(super) fn parse_template_expression(
    text: &str,
    start: usize,
    version: SqlVersion,
    variables: Vec<Box<str>>,
) -> Result<(Expr, usize, bool), SqlError> {
    let mut parser = Parser::new(text, start, version, variables)?;
    parser.in_template = true;
    let expr = parser.expression_or_star()?;
    match parser.token.kind {
        TokenKind::Symbol(Symbol::RightBrace) => {
            Ok((expr, parser.token.span.start, parser.asks_outside))
        }
        _ => Err(parser.expected("`}` after the expression")),
    }
}

struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The token that is next.
    token: Token<'t>,
    /// Where the token before it ends.
    end: usize,
    version: SqlVersion,
    /// The variables that SET has declared so far.
    variables: Vec<Box<str>>,
    depth: usize,
    in_template: bool,
    /// Calls that ask the outside, so far.
    outside_calls: usize,
    /// Whether something asks the outside, be it for a schema.
    asks_outside: bool,
}

impl<'t> Parser<'t> {
    fn new(
        text: &'t str,
        start: usize,
        version: SqlVersion,
        variables: Vec<Box<str>>,
    ) -> Result<Self, SqlError> {
        let mut lexer = Lexer::new(text, start);
        Ok(Self {
            text,
            token: lexer.next()?,
            lexer,
            end: start,
            version,
            variables,
            depth: 0,
            in_template: false,
            outside_calls: 0,
            asks_outside: false,
        })
    }

    fn advance(&mut self) -> Result<Token<'t>, SqlError> {
        self.end = self.token.span.end;
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// The token after the next one.
    fn second(&self) -> Result<TokenKind<'t>, SqlError> {
        let mut ahead = Lexer::new(self.text, self.token.span.end);
        ahead.next().map(|token| token.kind)
    }

    fn is_word(&self, keyword: &str) -> bool {
        is_word(&self.token.kind, keyword)
    }

    fn is_symbol(&self, symbol: Symbol) -> bool {
        self.token.kind == TokenKind::Symbol(symbol)
    }

    fn take_word(&mut self, keyword: &str) -> Result<bool, SqlError> {
        let found = self.is_word(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn take_symbol(&mut self, symbol: Symbol) -> Result<bool, SqlError> {
        let found = self.is_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, keyword: &str) -> Result<(), SqlError> {
        if self.take_word(keyword)? {
            return Ok(());
        }
        Err(self.expected(&keyword.to_uppercase()))
    }

    fn expect_symbol(&mut self, symbol: Symbol) -> Result<(), SqlError> {
        if self.take_symbol(symbol)? {
            return Ok(());
        }
        Err(self.expected(&format!("`{}`", symbol.text())))
    }

    /// A name where keywords are names too: after a dot, or as an alias.
    fn any_name(&mut self, what: &str) -> Result<Box<str>, SqlError> {
        if let TokenKind::Word(word) = self.token.kind {
            self.advance()?;
            return Ok(word.into());
        }
        Err(self.expected(what))
    }

    /// One level deeper, which the caller takes back with `leave`.
    fn enter(&mut self) -> Result<(), SqlError> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(self.error(format!(
            "the expression is nested more than {DEPTH_MAX} levels deep"
        )))
    }

    fn leave(&mut self, levels: usize) {
        self.depth -= levels;
    }

    /// What was read from a byte on.
    fn source(&self, start: usize) -> &'t str {
        &self.text[start..self.end]
    }

    fn error(&self, message: impl Into<String>) -> SqlError {
        SqlError::at(self.text, self.token.span.start, message)
    }

    fn error_at(&self, span: &Range<usize>, message: impl Into<String>) -> SqlError {
        SqlError::at(self.text, span.start, message)
    }

    fn expected(&self, what: &str) -> SqlError {
        let found = format!("expected {what}, found {}", self.token.kind);
        if let Some(hint) = hint(&self.token.kind) {
            return self.error(format!("{found}: {hint}"));
        }
        if what == "an expression" && self.is_symbol(Symbol::Equal) {
            return self.error(format!("{found}: equality is one `=`"));
        }
        match meant(what, &self.token.kind) {
            Some(meant) => self.error(format!("{found}: did you mean {meant}?")),
            None => self.error(found),
        }
    }

    /// Refuses what version 2015-10-08 does not have. What AWS does with it is not documented.
    fn needs_2016(&self, span: &Range<usize>, what: &str) -> Result<(), SqlError> {
        if self.version >= SqlVersion::V2016 {
            return Ok(());
        }
        let newer = SqlVersion::V2016.name();
        let message = format!("{what} need SQL version {newer}: set `awsIotSqlVersion`");
        Err(self.error_at(span, message))
    }
}

fn is_word(kind: &TokenKind<'_>, keyword: &str) -> bool {
    matches!(kind, TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
}

/// The keyword or type among what is expected that was written wrongly.
fn meant<'w>(expected: &'w str, found: &TokenKind<'_>) -> Option<&'w str> {
    let TokenKind::Word(word) = found else {
        return None;
    };
    if is_reserved(word) {
        return None;
    }
    let word = word.to_uppercase();
    let mut keywords = expected
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|part| part.len() > 1 && part.starts_with(|c: char| c.is_ascii_uppercase()));
    keywords.find(|keyword| distance(&keyword.to_uppercase(), &word) <= keyword.len() / 3)
}

/// What to write for what other dialects have.
fn hint(found: &TokenKind<'_>) -> Option<&'static str> {
    const HINTS: [(&str, &str); 13] = [
        ("is", "write isNull(x) or isUndefined(x)"),
        (
            "like",
            "write regexp_matches(x, 'expression'), or startswith(x, 'text')",
        ),
        ("between", "write x >= 1 AND x <= 2"),
        ("if", "write CASE x WHEN 1 THEN 'one' ELSE 'other' END"),
        ("distinct", "rule SQL has no DISTINCT"),
        ("union", "rule SQL has no UNION"),
        ("order", "rule SQL has no ORDER BY"),
        ("group", "rule SQL has no GROUP BY"),
        ("having", "rule SQL has no HAVING"),
        ("limit", "rule SQL has no LIMIT"),
        ("join", "rule SQL has no joins"),
        ("inner", "rule SQL has no joins"),
        ("left", "rule SQL has no joins"),
    ];
    let mut hints = HINTS.iter().filter(|(word, _)| is_word(found, word));
    hints.next().map(|(_, hint)| *hint)
}

fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
}
