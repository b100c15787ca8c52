//! Numbers from text: JSON's, and the strings that the SQL takes for numbers.

use super::wide::Wide;
use super::{DIGITS, Decimal, INT_BOUND, Number};

/// Reads a number of JSON, or of a statement: already known to be one by its grammar.
/// Nothing if it is outside 9.99E999.
pub(in crate::sql) fn parse_json(text: &str) -> Option<Number> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    parse_short(negative, digits).or_else(|| parse_long(negative, digits))
}

/// Reads what fits into a word and has no exponent: nearly all numbers there are.
fn parse_short(negative: bool, digits: &[u8]) -> Option<Number> {
    if digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    let mut point = None;
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
            b'.' => point = Some(place),
            _ => return None,
        }
    }
    let value = i128::from(if negative { -value } else { value });
    match point {
        None => Some(Number::Int(value)),
        Some(place) => {
            let decimals = i32::try_from(digits.len() - place - 1).ok()?;
            Decimal::new(value, -decimals).map(Number::Decimal)
        }
    }
}

fn parse_long(negative: bool, text: &[u8]) -> Option<Number> {
    let end = text
        .iter()
        .position(|byte| matches!(byte, b'e' | b'E'))
        .unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(end);
    let mut digits = Digits::default();
    let mut parts = mantissa.splitn(2, |byte| *byte == b'.');
    for byte in parts.next()? {
        digits.push(byte - b'0', 0);
    }
    let fraction = parts.next();
    for byte in fraction.unwrap_or_default() {
        digits.push(byte - b'0', 1);
    }
    if fraction.is_none() && exponent.is_empty() && digits.dropped == 0 {
        let value = digits.value.cast_signed();
        let value = if negative { -value } else { value };
        if value.abs() < INT_BOUND {
            return Some(Number::Int(value));
        }
    }
    let power = match exponent {
        [] => 0,
        [_, b'+', power @ ..] | [_, power @ ..] => parse_exponent(power)?,
    };
    let value = Wide::product(digits.value, 1);
    let exponent = i32::try_from(power + digits.exponent()).ok()?;
    if digits.value == 0 {
        return Decimal::new(0, exponent.clamp(-999, 999)).map(Number::Decimal);
    }
    Decimal::rounded(negative, value, digits.inexact, exponent).map(Number::Decimal)
}

/// An exponent of at most six digits; a longer one is outside all limits.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.trim_start_matches('-').trim_start_matches('0');
    if digits.len() > 6 {
        return None;
    }
    text.parse().ok()
}

/// The digits of a number, of which the first 37 that count are kept.
#[derive(Default)]
struct Digits {
    value: u128,
    kept: u32,
    dropped: i64,
    decimals: i64,
    inexact: bool,
}

impl Digits {
    fn push(&mut self, digit: u8, decimals: i64) {
        self.decimals += decimals;
        if self.kept >= DIGITS + 3 {
            self.dropped += 1;
            self.inexact |= digit != 0;
            return;
        }
        self.value = self.value * 10 + u128::from(digit);
        self.kept += u32::from(self.value != 0);
    }

    fn exponent(&self) -> i64 {
        self.dropped - self.decimals
    }
}

/// Whether a number of JSON can be a Decimal that equals an Int: it has a point or an exponent.
pub(in crate::sql) fn is_whole_text(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Reads a string as the SQL converts it: `^-?\d+(\.\d+)?((?i)E-?\d+)?$`.
pub(in crate::sql) fn parse_text(text: &str) -> Option<Number> {
    let rest = text.strip_prefix('-').unwrap_or(text);
    let rest = digits(rest)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => digits(fraction)?,
        None => rest,
    };
    let rest = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => digits(exponent.strip_prefix('-').unwrap_or(exponent))?,
        None => rest,
    };
    if rest.is_empty() {
        parse_json(text)
    } else {
        None
    }
}

/// What follows at least one digit.
fn digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}
