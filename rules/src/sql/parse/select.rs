//! The list after SELECT, and the names that its items have in the result.

use super::super::SqlVersion;
use super::super::ast::{Expr, Item, Member, Select};
use super::super::error::SqlError;
use super::super::json::Writer;
use super::super::token::{Symbol, TokenKind};
use super::{Parser, is_reserved, is_word};

impl Parser<'_> {
    /// Reads the list. `outermost`: a trailing comma before FROM, as the guide's DynamoDB tutorial
    /// has one, is let pass.
    pub(super) fn select_list(&mut self, outermost: bool) -> Result<Select, SqlError> {
        if self.is_word("value") && self.value_is_keyword()? {
            self.advance()?;
            return self.select_value();
        }
        let mut items = Vec::new();
        loop {
            items.push(self.item()?);
            if !self.take_symbol(Symbol::Comma)? {
                break;
            }
            if outermost && self.is_word("from") {
                break;
            }
        }
        if let [Item::Spread(Expr::Star)] = items.as_slice() {
            return Ok(Select::Everything);
        }
        Ok(members_or_items(items))
    }

    /// `VALUE` is a name where what follows cannot begin an expression.
    fn value_is_keyword(&self) -> Result<bool, SqlError> {
        use Symbol as S;
        Ok(match self.second()? {
            TokenKind::End => false,
            TokenKind::Word(word) => {
                let begins = ["case", "exists", "not", "true", "false", "null", "cast"];
                let begins = begins.iter().any(|begin| begin.eq_ignore_ascii_case(word));
                begins || !is_reserved(word)
            }
            TokenKind::Variable(_) | TokenKind::Number(_) | TokenKind::Text { .. } => true,
            TokenKind::Symbol(symbol) => matches!(
                symbol,
                S::LeftParen | S::LeftBracket | S::LeftBrace | S::Minus | S::Star
            ),
        })
    }

    fn select_value(&mut self) -> Result<Select, SqlError> {
        let value = if self.is_symbol(Symbol::Star) {
            self.advance()?;
            Expr::Star
        } else {
            self.expression()?
        };
        // A name changes nothing here, but deployed rules have one.
        self.alias()?;
        if self.is_symbol(Symbol::Comma) {
            return Err(self.error("SELECT VALUE has one item only"));
        }
        Ok(Select::Value(value))
    }

    fn item(&mut self) -> Result<Item, SqlError> {
        let start = self.token.span.start;
        if self.take_symbol(Symbol::Star)? {
            return Ok(match self.alias()? {
                Some(path) => Item::Named {
                    path,
                    value: Expr::Star,
                },
                None => Item::Spread(Expr::Star),
            });
        }
        let value = self.expression()?;
        // `path.*`: not in the guide, but used.
        if self.is_symbol(Symbol::Dot) {
            self.advance()?;
            self.expect_symbol(Symbol::Star)?;
            return Ok(Item::Spread(value));
        }
        if let Some(path) = self.alias()? {
            return Ok(Item::Named { path, value });
        }
        if let Expr::Object(_) = value {
            return Ok(Item::Spread(value));
        }
        let name = self.own_name(&value, start);
        Ok(Item::Named {
            path: Box::new([name]),
            value,
        })
    }

    fn alias(&mut self) -> Result<Option<Box<[Box<str>]>>, SqlError> {
        if !self.take_word("as")? {
            return Ok(None);
        }
        if self.is_word("from") || self.is_word("where") {
            return Err(self.expected("a name after AS"));
        }
        let mut path = vec![self.any_name("a name after AS")?];
        while self.take_symbol(Symbol::Dot)? {
            path.push(self.any_name("a name after `.`")?);
        }
        Ok(Some(path.into()))
    }

    /// The name of an item without an alias. Only that of a plain name is documented; for the
    /// others we do as most emulators do: last segment, function name, source text.
    fn own_name(&self, value: &Expr, start: usize) -> Box<str> {
        let last = |path: &[Box<str>]| path.last().cloned().unwrap_or_default();
        match value {
            Expr::Path(path) | Expr::Member(_, path) => last(path),
            Expr::Variable(place) => self.variables[*place].clone(),
            Expr::Call(call) => call.function.name.into(),
            Expr::Cast(..) => "cast".into(),
            Expr::Constant(_) | Expr::Star | Expr::Not(_) | Expr::Negate(_) => {
                self.source(start).into()
            }
            Expr::And(..) | Expr::Or(..) | Expr::Binary(..) | Expr::Case(_) => {
                self.source(start).into()
            }
            Expr::Array(_) | Expr::Object(_) | Expr::Subquery(_) | Expr::Exists(_) => {
                self.source(start).into()
            }
        }
    }

    /// Whether the next token ends an item's expression.
    pub(super) fn at_item_end(&self) -> bool {
        let kind = &self.token.kind;
        let word = ["as", "from", "where"]
            .iter()
            .any(|word| is_word(kind, word));
        word || matches!(
            kind,
            TokenKind::End | TokenKind::Symbol(Symbol::Comma | Symbol::RightParen)
        )
    }
}

/// The quick form of a list, where it has one.
fn members_or_items(items: Vec<Item>) -> Select {
    let mut names: Vec<&str> = Vec::new();
    for item in &items {
        match item {
            Item::Named { path, .. } if path.len() == 1 => names.push(&path[0]),
            Item::Named { .. } | Item::Spread(_) => return Select::Items(items),
        }
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Select::Items(items);
    }
    let member = |item| match item {
        Item::Named { path, value } => {
            let name = path.into_iter().next()?;
            let mut json = Writer::new(SqlVersion::V2016, "a name", usize::MAX);
            json.string(&name);
            json.raw(":");
            let json = json.into_text().into();
            Some((Member { name, json }, value))
        }
        Item::Spread(_) => None,
    };
    Select::Members(items.into_iter().filter_map(member).collect())
}
