//! The tokens of a statement.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A token and the bytes of the text that it is.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind<'t>,
    pub(super) span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'t> {
    /// A name or a keyword, which only the parser tells apart.
    Word(&'t str),
    /// A name with `@` before it; without it here.
    Variable(&'t str),
    Number(&'t str),
    /// A string without its quotes, a doubled quote being one.
    Text {
        text: Cow<'t, str>,
        single_quoted: bool,
    },
    Symbol(Symbol),
    /// The end of the text, or of the expression in a template.
    End,
}

/// Signs and operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Comma,
    Dot,
    Colon,
    Star,
    Plus,
    Minus,
    Slash,
    Percent,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Symbol {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::LeftParen => "(",
            Self::RightParen => ")",
            Self::LeftBracket => "[",
            Self::RightBracket => "]",
            Self::LeftBrace => "{",
            Self::RightBrace => "}",
            Self::Comma => ",",
            Self::Dot => ".",
            Self::Colon => ":",
            Self::Star => "*",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

impl fmt::Display for TokenKind<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(formatter, "`{word}`"),
            Self::Variable(name) => write!(formatter, "`@{name}`"),
            Self::Number(text) => write!(formatter, "`{text}`"),
            Self::Text { text, .. } => write!(formatter, "the string '{text}'"),
            Self::Symbol(symbol) => write!(formatter, "`{}`", symbol.text()),
            Self::End => write!(formatter, "the end"),
        }
    }
}
