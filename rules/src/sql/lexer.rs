//! Cuts the text of a statement into tokens.

use super::error::SqlError;
use super::token::{Symbol, Token, TokenKind};
use std::borrow::Cow;

/// Reads tokens one after the other.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    /// Begins at a byte of the text, so that errors in a template know their column.
    pub(super) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }

    pub(super) fn next(&mut self) -> Result<Token<'t>, SqlError> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let kind = self.kind()?;
        Ok(Token {
            kind,
            span: start..self.at,
        })
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn kind(&mut self) -> Result<TokenKind<'t>, SqlError> {
        let Some(first) = self.peek() else {
            return Ok(TokenKind::End);
        };
        match first {
            '\'' | '"' => self.string(first),
            '@' => {
                self.at += 1;
                match self.take(is_name_part) {
                    "" => Err(self.error("expected the name of a variable after `@`")),
                    name => Ok(TokenKind::Variable(name)),
                }
            }
            digit if digit.is_ascii_digit() => self.number(),
            letter if letter.is_alphabetic() || letter == '_' => {
                Ok(TokenKind::Word(self.take(is_name_part)))
            }
            _ => self.symbol(first),
        }
    }

    fn take(&mut self, belongs: fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A doubled quote stands for one; a backslash is an ordinary character. The guide describes
    /// no escapes.
    fn string(&mut self, quote: char) -> Result<TokenKind<'t>, SqlError> {
        let start = self.at + 1;
        let mut doubled = false;
        let mut end = start;
        loop {
            let Some(found) = self.text[end..].find(quote) else {
                return Err(self.error(&format!("the string has no closing {quote}")));
            };
            end += found;
            if !self.text[end + 1..].starts_with(quote) {
                break;
            }
            doubled = true;
            end += 2;
        }
        self.at = end + 1;
        let inner = &self.text[start..end];
        let text = if doubled {
            let pair: String = [quote, quote].iter().collect();
            Cow::Owned(inner.replace(&pair, quote.encode_utf8(&mut [0; 4])))
        } else {
            Cow::Borrowed(inner)
        };
        Ok(TokenKind::Text {
            text,
            single_quoted: quote == '\'',
        })
    }

    fn number(&mut self) -> Result<TokenKind<'t>, SqlError> {
        let start = self.at;
        let digit = |letter: char| letter.is_ascii_digit();
        self.take(digit);
        let rest = &self.text[self.at..];
        if rest
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(digit))
        {
            self.at += 1;
            self.take(digit);
        }
        let rest = &self.text[self.at..];
        if let Some(power) = rest.strip_prefix(['e', 'E']) {
            let signed = power.strip_prefix(['+', '-']).unwrap_or(power);
            if signed.starts_with(digit) {
                self.at += rest.len() - signed.len();
                self.take(digit);
            }
        }
        let text = &self.text[start..self.at];
        if self.peek().is_some_and(is_name_part) {
            let error = format!("`{text}` runs into a name: names begin with a letter");
            return Err(self.error(&error));
        }
        Ok(TokenKind::Number(text))
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind<'t>, SqlError> {
        use Symbol as S;
        let second = self.text[self.at + first.len_utf8()..].chars().next();
        let (symbol, length) = match (first, second) {
            ('<', Some('=')) => (S::LessEqual, 2),
            ('<', Some('>')) => (S::NotEqual, 2),
            // Not documented, but written by many.
            ('!', Some('=')) => (S::NotEqual, 2),
            ('>', Some('=')) => (S::GreaterEqual, 2),
            ('<', _) => (S::Less, 1),
            ('>', _) => (S::Greater, 1),
            ('=', _) => (S::Equal, 1),
            ('(', _) => (S::LeftParen, 1),
            (')', _) => (S::RightParen, 1),
            ('[', _) => (S::LeftBracket, 1),
            (']', _) => (S::RightBracket, 1),
            ('{', _) => (S::LeftBrace, 1),
            ('}', _) => (S::RightBrace, 1),
            (',', _) => (S::Comma, 1),
            ('.', _) => (S::Dot, 1),
            (':', _) => (S::Colon, 1),
            ('*', _) => (S::Star, 1),
            ('+', _) => (S::Plus, 1),
            ('-', _) => (S::Minus, 1),
            ('/', _) => (S::Slash, 1),
            ('%', _) => (S::Percent, 1),
            ('&', _) => return Err(self.error("`&` has no meaning in rule SQL: write AND")),
            ('|', _) => return Err(self.error("`|` has no meaning in rule SQL: write OR or +")),
            ('!', _) => return Err(self.error("`!` has no meaning in rule SQL: write NOT")),
            ('`', _) => {
                let why =
                    "names have no quotes in rule SQL: for such keys write get(object, 'key')";
                return Err(self.error(why));
            }
            _ => return Err(self.error(&format!("`{first}` has no meaning in rule SQL"))),
        };
        self.at += length;
        Ok(TokenKind::Symbol(symbol))
    }

    fn error(&self, message: &str) -> SqlError {
        SqlError::at(self.text, self.at, message)
    }
}

fn is_name_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
