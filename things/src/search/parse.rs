//! The grammar of queries: terms `field:value` with AND, OR, NOT, parentheses and ranges; terms
//! beside each other mean AND.

use super::pattern::{Letter, Pattern};
use super::query::{Limit, Node, Term, Test};

/// Parentheses inside each other.
const DEPTH_MAX: usize = 20;

/// Reads a query; the error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser {
        rest: text.chars().collect::<Vec<_>>(),
        at: 0,
        depth: 0,
    };
    parser.skip_spaces();
    if parser.peek().is_none() {
        return Err("it is empty".to_owned());
    }
    let node = parser.any_of(None)?;
    match parser.peek() {
        None => Ok(node),
        Some(char) => Err(format!("`{char}` is out of place")),
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Takes a word of the grammar, such as `AND`.
    fn takes_word(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let is_next = self
            .rest
            .get(self.at..end)
            .is_some_and(|next| next.iter().copied().eq(word.chars()));
        let ends = self
            .rest
            .get(end)
            .is_none_or(|next| next.is_whitespace() || *next == '(');
        if is_next && ends {
            self.at = end;
            self.skip_spaces();
        }
        is_next && ends
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Alternatives; `field` is that of the parentheses around.
    fn any_of(&mut self, field: Option<&str>) -> Result<Node, String> {
        let mut nodes = vec![self.all_of(field)?];
        while self.takes_word("OR") {
            nodes.push(self.all_of(field)?);
        }
        Ok(one_or(nodes, Node::Or))
    }

    fn all_of(&mut self, field: Option<&str>) -> Result<Node, String> {
        let mut nodes = vec![self.negated(field)?];
        loop {
            self.skip_spaces();
            if self.takes_word("AND") {
                nodes.push(self.negated(field)?);
                continue;
            }
            let before = self.at;
            if self.peek().is_none_or(|next| next == ')') || self.takes_word("OR") {
                self.at = before;
                return Ok(one_or(nodes, Node::And));
            }
            nodes.push(self.negated(field)?);
        }
    }

    fn negated(&mut self, field: Option<&str>) -> Result<Node, String> {
        self.skip_spaces();
        if self.takes_word("NOT") || self.takes('-') || self.takes('!') {
            return Ok(Node::Not(Box::new(self.negated(field)?)));
        }
        self.takes('+');
        self.primary(field)
    }

    fn primary(&mut self, field: Option<&str>) -> Result<Node, String> {
        for operator in ["AND", "OR"] {
            if self.takes_word(operator) {
                return Err(format!("`{operator}` is out of place"));
            }
        }
        match self.peek() {
            None => Err("something is missing at its end".to_owned()),
            Some('(') => self.group(field),
            Some('"' | '[' | '{' | '>' | '<') => self.test(field),
            Some(_) => {
                let word = self.word(&[':', '>', '<'])?;
                let name: String = word.iter().map(|letter| letter.char).collect();
                let spaced = self.at;
                self.skip_spaces();
                match self.peek() {
                    Some(':') => {
                        self.at += 1;
                        self.skip_spaces();
                        if self.peek() == Some('(') {
                            return self.group(Some(&name));
                        }
                        self.test(Some(&name))
                    }
                    Some('>' | '<') => self.test(Some(&name)),
                    Some(_) | None => {
                        self.at = spaced;
                        fits(field, &word)
                    }
                }
            }
        }
    }

    fn group(&mut self, field: Option<&str>) -> Result<Node, String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("there are too many parentheses inside each other".to_owned());
        }
        let node = self.any_of(field)?;
        self.depth -= 1;
        self.skip_spaces();
        if self.takes(')') {
            Ok(node)
        } else {
            Err("a parenthesis is not closed".to_owned())
        }
    }

    /// What a field is tested for.
    fn test(&mut self, field: Option<&str>) -> Result<Node, String> {
        match self.peek() {
            Some('"') => {
                let letters = self.quoted()?;
                fits(field, &letters)
            }
            Some('[' | '{') => self.range(field),
            Some('>' | '<') => self.compared(field),
            Some(_) => {
                let word = self.word(&[])?;
                fits(field, &word)
            }
            None => Err("a value is missing at its end".to_owned()),
        }
    }

    fn compared(&mut self, field: Option<&str>) -> Result<Node, String> {
        let above = self.takes('>') || !self.takes('<');
        let with = self.takes('=');
        self.skip_spaces();
        let value = self.value()?;
        let limit = if with {
            Limit::With(value)
        } else {
            Limit::Without(value)
        };
        let (low, high) = if above {
            (limit, Limit::None)
        } else {
            (Limit::None, limit)
        };
        Ok(term(field, Test::Between(low, high)))
    }

    /// `[a TO b]`; braces leave their limit out, `*` is no limit.
    fn range(&mut self, field: Option<&str>) -> Result<Node, String> {
        let with_low = self.takes('[') || !self.takes('{');
        self.skip_spaces();
        let low = self.value()?;
        self.skip_spaces();
        if !self.takes_word("TO") {
            return Err("a range has the form [a TO b]".to_owned());
        }
        let high = self.value()?;
        self.skip_spaces();
        let with_high = self.takes(']');
        if !with_high && !self.takes('}') {
            return Err("a range is not closed".to_owned());
        }
        let limit = |value: String, with| match (value.as_str(), with) {
            ("*", _) => Limit::None,
            (_, true) => Limit::With(value),
            (_, false) => Limit::Without(value),
        };
        let test = Test::Between(limit(low, with_low), limit(high, with_high));
        Ok(term(field, test))
    }

    fn value(&mut self) -> Result<String, String> {
        let letters = match self.peek() {
            Some('"') => self.quoted()?,
            Some(_) => self.word(&[])?,
            None => return Err("a value is missing at its end".to_owned()),
        };
        Ok(letters.iter().map(|letter| letter.char).collect())
    }

    /// A word that ends at a space, a bracket or one of `ends`.
    fn word(&mut self, ends: &[char]) -> Result<Vec<Letter>, String> {
        let mut letters = Vec::new();
        while let Some(char) = self.peek() {
            let escaped = char == '\\';
            if escaped {
                self.at += 1;
            } else if char.is_whitespace() || "()[]{}\"".contains(char) || ends.contains(&char) {
                break;
            }
            let Some(char) = self.peek() else {
                return Err("it ends with a backslash".to_owned());
            };
            letters.push(Letter { char, escaped });
            self.at += 1;
        }
        if letters.is_empty() {
            let here = self
                .peek()
                .map_or("its end".to_owned(), |c| format!("`{c}`"));
            return Err(format!("a name or value is missing before {here}"));
        }
        Ok(letters)
    }

    fn quoted(&mut self) -> Result<Vec<Letter>, String> {
        self.at += 1;
        let mut letters = Vec::new();
        loop {
            let mut char = self.peek().ok_or("a quotation mark is not closed")?;
            self.at += 1;
            match char {
                '"' => return Ok(letters),
                '\\' => {
                    char = self.peek().ok_or("a quotation mark is not closed")?;
                    self.at += 1;
                }
                _ => {}
            }
            letters.push(Letter {
                char,
                escaped: true,
            });
        }
    }
}

fn one_or(mut nodes: Vec<Node>, many: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match (nodes.pop(), nodes.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            nodes.extend(last);
            many(nodes)
        }
    }
}

fn fits(field: Option<&str>, letters: &[Letter]) -> Result<Node, String> {
    let pattern = Pattern::new(letters);
    if pattern.leads_with_wildcard() {
        return Err("a value cannot begin with a wildcard".to_owned());
    }
    Ok(term(field, Test::Fits(pattern)))
}

fn term(field: Option<&str>, test: Test) -> Node {
    Node::Term(Term {
        field: field.map(str::to_owned),
        test,
    })
}
