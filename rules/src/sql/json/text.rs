//! Strings of JSON and their escapes.

use std::borrow::Cow;

/// What a string of JSON says; `text` is what is between its quotes, with valid escapes.
pub(in crate::sql) fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find('\\') else {
        return Cow::Borrowed(text);
    };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(escape) = rest.strip_prefix('\\') {
        let kind = escape.as_bytes().first().copied().unwrap_or(b'\\');
        rest = escape.get(1..).unwrap_or_default();
        match kind {
            b'b' => plain.push('\u{8}'),
            b'f' => plain.push('\u{c}'),
            b'n' => plain.push('\n'),
            b'r' => plain.push('\r'),
            b't' => plain.push('\t'),
            b'u' => {
                let (letter, after) = unicode(rest);
                plain.push(letter);
                rest = after;
            }
            itself => plain.push(char::from(itself)),
        }
        let end = rest.find('\\').unwrap_or(rest.len());
        plain.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    Cow::Owned(plain)
}

/// The character of `XXXX` or of the surrogates `XXXX\uYYYY`, and what follows. Half a pair is
/// no character.
fn unicode(text: &str) -> (char, &str) {
    let Some((first, rest)) = hex(text) else {
        return (char::REPLACEMENT_CHARACTER, text);
    };
    if let Some(letter) = char::from_u32(first) {
        return (letter, rest);
    }
    let second = rest.strip_prefix("\\u").and_then(hex);
    if let (0xd800..0xdc00, Some((second @ 0xdc00..0xe000, rest))) = (first, second) {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        return (letter, rest);
    }
    (char::REPLACEMENT_CHARACTER, rest)
}

fn hex(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((code, &text[4..]))
}
