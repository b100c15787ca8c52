//! Java's regular expressions in terms of fancy-regex's.
//!
//! The two agree on groups, look-around, back-references, quantifiers and `&&` in classes; what
//! differs is translated: predefined classes are ASCII in Java, `\Q...\E` quotes, POSIX names.

use fancy_regex::{Captures, Regex};

/// The expression as fancy-regex reads it; nothing if Java has no such expression.
pub(super) fn translate(java: &str) -> Option<String> {
    let mut out = String::with_capacity(java.len() + 16);
    let mut chars = java.chars().peekable();
    // How many classes are open.
    let mut classes = 0_usize;
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let rest: String = chars.clone().collect();
                let taken = escape(&rest, classes > 0, &mut out)?;
                for _ in 0..taken {
                    chars.next();
                }
            }
            '[' => {
                classes += 1;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            ']' if classes > 0 => {
                classes -= 1;
                out.push(']');
            }
            ']' => out.push_str("\\]"),
            // Java has no such operators in classes.
            '~' | '-' if classes > 0 && chars.peek() == Some(&char) => {
                out.push('\\');
                out.push(char);
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// Translates what is after a backslash and says how many characters it is.
fn escape(rest: &str, in_class: bool, out: &mut String) -> Option<usize> {
    let letter = rest.chars().next()?;
    let class = match letter {
        'd' => Some("0-9"),
        'w' => Some("a-zA-Z0-9_"),
        's' => Some(" \\t\\n\\x0B\\x0C\\r"),
        'h' => Some(" \\t\\xA0\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}"),
        'v' => Some("\\n\\x0B\\x0C\\r\\x{85}\\u{2028}\\u{2029}"),
        _ => None,
    };
    if let Some(class) = class {
        out.push_str(&bracketed(class, in_class));
        return Some(1);
    }
    let negated = match letter {
        'D' => Some("[^0-9]"),
        'W' => Some("[^a-zA-Z0-9_]"),
        'S' => Some("[^ \\t\\n\\x0B\\x0C\\r]"),
        _ => None,
    };
    if let Some(negated) = negated {
        out.push_str(negated);
        return Some(1);
    }
    match letter {
        'Q' => {
            let quoted = &rest[1..];
            let inner = quoted.split("\\E").next().unwrap_or(quoted);
            out.push_str(&fancy_regex::escape(inner));
            let end = if inner.len() < quoted.len() { 2 } else { 0 };
            Some(1 + inner.chars().count() + end)
        }
        'E' => Some(1),
        'u' => {
            let digits = rest.get(1..5)?;
            u32::from_str_radix(digits, 16).ok()?;
            out.push_str(&format!("\\u{{{digits}}}"));
            Some(5)
        }
        'R' => {
            out.push_str("(?:\\r\\n|[\\n\\x0B\\x0C\\r\\u{85}\\u{2028}\\u{2029}])");
            Some(1)
        }
        'Z' => {
            out.push_str("(?=\\n?\\z)");
            Some(1)
        }
        'e' => {
            out.push_str("\\x1B");
            Some(1)
        }
        'p' | 'P' => property(rest, letter == 'P', in_class, out),
        other => {
            out.push('\\');
            out.push(other);
            Some(1)
        }
    }
}

fn bracketed(class: &str, in_class: bool) -> String {
    if in_class {
        class.to_owned()
    } else {
        format!("[{class}]")
    }
}

/// `\p{Name}`: POSIX names are Java's own, the others are Unicode's.
fn property(rest: &str, negated: bool, in_class: bool, out: &mut String) -> Option<usize> {
    let Some(name) = rest[1..].strip_prefix('{') else {
        out.push('\\');
        out.push_str(rest.get(..1)?);
        return Some(1);
    };
    let name = name.split_once('}')?.0;
    let length = name.chars().count() + 3;
    let posix = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => "\\x00-\\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => "!-/:-@\\[-`\\{-~",
        "Graph" => "!-~",
        "Print" => " -~",
        "Blank" => " \\t",
        "Cntrl" => "\\x00-\\x1F\\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => " \\t\\n\\x0B\\x0C\\r",
        unicode => {
            let unicode = unicode.strip_prefix("Is").unwrap_or(unicode);
            let letter = if negated { 'P' } else { 'p' };
            out.push_str(&format!("\\{letter}{{{unicode}}}"));
            return Some(length);
        }
    };
    out.push_str(&match (negated, in_class) {
        (true, _) => format!("[^{posix}]"),
        (false, in_class) => bracketed(posix, in_class),
    });
    Some(length)
}

/// A replacement with `$1`, `${name}` and `\` before characters that stand for themselves.
pub(super) struct Replacement(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement; nothing where Java would throw: a group that there is not.
    pub(super) fn parse(text: &str, regex: &Regex) -> Option<Self> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            match char {
                '\\' => plain.push(chars.next()?),
                '$' => {
                    let group = if chars.next_if_eq(&'{').is_some() {
                        let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                        regex
                            .capture_names()
                            .position(|known| known == Some(name.as_str()))?
                    } else {
                        let mut group = chars.next()?.to_digit(10)? as usize;
                        // As many digits as there is a group for.
                        while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                            let longer = group * 10 + digit as usize;
                            if longer >= regex.captures_len() {
                                break;
                            }
                            group = longer;
                            chars.next();
                        }
                        group
                    };
                    if group >= regex.captures_len() {
                        return None;
                    }
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                }
                other => plain.push(other),
            }
        }
        parts.push(Part::Text(plain));
        Some(Self(parts))
    }

    pub(super) fn expand(&self, captures: &Captures<'_>, out: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(group) => {
                    out.push_str(captures.get(*group).map_or("", |group| group.as_str()));
                }
            }
        }
    }
}
