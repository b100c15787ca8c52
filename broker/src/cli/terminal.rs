//! How lines for people look: colours where they help, nothing that drives the terminal.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::io::IsTerminal;
use time::OffsetDateTime;

/// A meaning that a colour shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// What one looks for.
    Strong,
    /// What is there in case one needs it.
    Faint,
    /// It worked.
    Good,
    /// It did not.
    Bad,
}

/// Whether colours are used; not by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Palette {
    coloured: bool,
}

impl Palette {
    /// Colours on a terminal, unless `NO_COLOR` forbids them; none in files and pipes.
    pub(super) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            coloured: wanted && std::io::stdout().is_terminal(),
        }
    }

    /// A text in its tone.
    pub(super) fn paint<T: Display>(self, tone: Tone, text: T) -> Painted<T> {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
        };
        Painted {
            code: self.coloured.then_some(code),
            text,
        }
    }
}

/// A text with its colour.
pub(super) struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\u{1b}[{code}m{}\u{1b}[0m", self.text),
            None => self.text.fmt(f),
        }
    }
}

/// Escapes control characters: what devices send must not reach the terminal as commands.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unprintable(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Controls, and the marks that turn the direction of writing around.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// At most so many characters of a text, and its length in bytes if that is not all.
pub(super) fn shortened(text: &str, characters_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters_max) {
        None => text.into(),
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()).into(),
    }
}

/// The time of day in UTC, to the millisecond.
pub(super) fn time_of_day(time: OffsetDateTime) -> String {
    let (hour, minute, second, millisecond) = time.to_hms_milli();
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(text, "{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z");
    text
}

/// Milliseconds since the epoch as a time.
pub(super) fn from_ms(ms: u64) -> OffsetDateTime {
    let nanoseconds = i128::from(ms) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_is_printed() {
        for (text, expected) in [
            ("plain", "plain"),
            ("grüße 温度", "grüße 温度"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("two\nlines\ttab", "two\\nlines\\ttab"),
            ("\u{202E}backwards\u{9B}", "\\u{202e}backwards\\u{9b}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("four", 4), "four");
        assert_eq!(shortened("温度計", 2), "温度... (9 bytes)");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn colours_are_left_out_where_nobody_sees_them() {
        let painted = |coloured| Palette { coloured }.paint(Tone::Bad, "no").to_string();
        assert_eq!(painted(false), "no");
        assert_eq!(painted(true), "\u{1b}[31mno\u{1b}[0m");
    }

    #[test]
    fn times_are_of_the_day() {
        assert_eq!(time_of_day(from_ms(1_782_900_000_123)), "10:00:00.123Z");
        assert_eq!(time_of_day(from_ms(u64::MAX)), "00:00:00.000Z");
    }
}
