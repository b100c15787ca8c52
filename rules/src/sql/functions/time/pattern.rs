//! Patterns for times: letters in rows, literals, quotes.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A letter and how often it stands there in a row.
    Field(char, usize),
    Literal(String),
    OptionalStart,
    OptionalEnd,
}

/// Optional sections inside each other.
const DEPTH_MAX: usize = 16;

/// A pattern of Joda-Time.
pub(super) fn parse_joda(pattern: &str) -> Option<Vec<Item>> {
    parse(pattern, |sign, literal, _| {
        literal.push(sign);
        Some(())
    })
}

/// A pattern of Java's `DateTimeFormatter`; nothing if it is not one.
pub(super) fn parse_jdk(pattern: &str) -> Option<Vec<Item>> {
    let mut open = 0_usize;
    let mut items = parse(pattern, |sign, literal, items| {
        match sign {
            '[' | ']' => {
                flush(literal, items);
                if sign == '[' {
                    open += 1;
                    items.push(Item::OptionalStart);
                } else {
                    open = open.checked_sub(1)?;
                    items.push(Item::OptionalEnd);
                }
                if open > DEPTH_MAX {
                    return None;
                }
            }
            // Reserved for later use, says Java.
            '{' | '}' | '#' => return None,
            other => literal.push(other),
        }
        Some(())
    })?;
    items.extend(std::iter::repeat_n(Item::OptionalEnd, open));
    Some(items)
}

fn parse(
    pattern: &str,
    mut sign: impl FnMut(char, &mut String, &mut Vec<Item>) -> Option<()>,
) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    let mut literal = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '\'' {
            // Two in a row are one, inside quotes and outside.
            if chars.next_if_eq(&'\'').is_some() {
                literal.push('\'');
                continue;
            }
            loop {
                match chars.next()? {
                    '\'' if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                    '\'' => break,
                    other => literal.push(other),
                }
            }
        } else if char.is_ascii_alphabetic() {
            flush(&mut literal, &mut items);
            let mut count = 1;
            while chars.next_if_eq(&char).is_some() {
                count += 1;
            }
            items.push(Item::Field(char, count));
        } else {
            sign(char, &mut literal, &mut items)?;
        }
    }
    flush(&mut literal, &mut items);
    Some(items)
}

fn flush(literal: &mut String, items: &mut Vec<Item>) {
    if !literal.is_empty() {
        items.push(Item::Literal(std::mem::take(literal)));
    }
}
