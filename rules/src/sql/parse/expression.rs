//! Operators, by precedence: `.`, unary minus, `* / %`, `+ -`, comparisons and IN, NOT, AND, OR.
//!
//! AWS prints no table of them; this is ANSI's order.

use super::super::ast::{BinaryOperator, Expr, Operands};
use super::super::error::SqlError;
use super::super::token::{Symbol, TokenKind};
use super::{Parser, is_word};

/// How tightly an operator binds; operators of the same level are read from the left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Comparison,
    Sum,
    Product,
    Unary,
}

#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Binary(BinaryOperator),
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr, SqlError> {
        self.operators(Level::Or)
    }

    /// Reads operands joined by operators that bind at least as tightly as `lowest`.
    fn operators(&mut self, lowest: Level) -> Result<Expr, SqlError> {
        self.enter()?;
        let mut levels = 1;
        let start = self.token.span.start;
        let mut left = self.operand(lowest)?;
        while let Some((infix, level)) = infix(&self.token.kind) {
            if level < lowest {
                break;
            }
            // What joins conditions is shown by its parts.
            let shown = level <= Level::And;
            let is_joined = matches!(left, Expr::And(_) | Expr::Or(_));
            let written = match shown && !is_joined {
                true => self.source(start),
                false => "",
            };
            self.advance()?;
            // A row of operators is a tree as deep as the row is long.
            self.enter()?;
            levels += 1;
            let right_start = self.token.span.start;
            let right = self.operators(next(level))?;
            let right_written = if shown { self.source(right_start) } else { "" };
            let sources = [written, right_written].map(Box::from);
            left = join(infix, left, right, sources);
            // Comparisons do not chain: `a < b < c` would compare a Boolean.
            if level == Level::Comparison
                && let Some((_, Level::Comparison)) = infix_of(self)
            {
                return Err(self.error("comparisons cannot be chained: join them by AND"));
            }
        }
        self.leave(levels);
        Ok(left)
    }

    fn operand(&mut self, lowest: Level) -> Result<Expr, SqlError> {
        if lowest <= Level::Comparison && self.take_word("not")? {
            self.enter()?;
            let operand = self.operators(Level::Comparison)?;
            self.leave(1);
            return Ok(Expr::Not(Box::new(operand)));
        }
        self.unary()
    }

    fn unary(&mut self) -> Result<Expr, SqlError> {
        if !self.take_symbol(Symbol::Minus)? {
            return self.postfix();
        }
        self.enter()?;
        let operand = self.unary()?;
        self.leave(1);
        Ok(negated(operand))
    }

    /// A primary with `.name` after it.
    fn postfix(&mut self) -> Result<Expr, SqlError> {
        let base = self.primary()?;
        let mut path: Vec<Box<str>> = Vec::new();
        while self.is_symbol(Symbol::Dot) {
            // `path.*` is for the SELECT list to read.
            if self.second()? == TokenKind::Symbol(Symbol::Star) {
                break;
            }
            self.advance()?;
            let what = "a name after `.` (for other keys write get(object, 'key'))";
            path.push(self.any_name(what)?);
        }
        if self.is_symbol(Symbol::LeftBracket) {
            return Err(self.error("there is no `[...]` access: write get(array, index)"));
        }
        Ok(match base {
            base if path.is_empty() => base,
            Expr::Path(first) => Expr::Path(first.into_iter().chain(path).collect()),
            base => Expr::Member(Box::new(base), path.into()),
        })
    }
}

fn infix_of(parser: &Parser<'_>) -> Option<(Infix, Level)> {
    infix(&parser.token.kind)
}

fn infix(kind: &TokenKind<'_>) -> Option<(Infix, Level)> {
    use BinaryOperator as Op;
    use Symbol as S;
    let symbol = match kind {
        TokenKind::Symbol(symbol) => symbol,
        TokenKind::Word(_) if is_word(kind, "or") => return Some((Infix::Or, Level::Or)),
        TokenKind::Word(_) if is_word(kind, "and") => return Some((Infix::And, Level::And)),
        TokenKind::Word(_) if is_word(kind, "in") => {
            return Some((Infix::Binary(Op::In), Level::Comparison));
        }
        TokenKind::Word(_) | TokenKind::Variable(_) | TokenKind::Number(_) => return None,
        TokenKind::Text { .. } | TokenKind::End => return None,
    };
    let (operator, level) = match symbol {
        S::Plus => (Op::Add, Level::Sum),
        S::Minus => (Op::Subtract, Level::Sum),
        S::Star => (Op::Multiply, Level::Product),
        S::Slash => (Op::Divide, Level::Product),
        S::Percent => (Op::Remainder, Level::Product),
        S::Equal => (Op::Equal, Level::Comparison),
        S::NotEqual => (Op::NotEqual, Level::Comparison),
        S::Less => (Op::Less, Level::Comparison),
        S::LessEqual => (Op::LessEqual, Level::Comparison),
        S::Greater => (Op::Greater, Level::Comparison),
        S::GreaterEqual => (Op::GreaterEqual, Level::Comparison),
        S::LeftParen | S::RightParen | S::LeftBracket | S::RightBracket => return None,
        S::LeftBrace | S::RightBrace | S::Comma | S::Dot | S::Colon => return None,
    };
    Some((Infix::Binary(operator), level))
}

/// The level of a right operand.
fn next(level: Level) -> Level {
    match level {
        Level::Or => Level::And,
        // NOT is read where a comparison may begin.
        Level::And => Level::Comparison,
        Level::Comparison => Level::Sum,
        Level::Sum => Level::Product,
        Level::Product | Level::Unary => Level::Unary,
    }
}

fn join(infix: Infix, left: Expr, right: Expr, sources: [Box<str>; 2]) -> Expr {
    let operands = |left, right| {
        Box::new(Operands {
            left,
            right,
            sources,
        })
    };
    match infix {
        Infix::Or => Expr::Or(operands(left, right)),
        Infix::And => Expr::And(operands(left, right)),
        Infix::Binary(operator) => Expr::Binary(operator, Box::new(left), Box::new(right)),
    }
}

fn negated(operand: Expr) -> Expr {
    use super::super::ast::Constant;
    match operand {
        Expr::Constant(Constant::Int(value)) => Expr::Constant(Constant::Int(-value)),
        Expr::Constant(Constant::Decimal(value)) => {
            Expr::Constant(Constant::Decimal(value.negate()))
        }
        operand => Expr::Negate(Box::new(operand)),
    }
}
