//! One line for one event, whatever is in it: text that clients choose, such as topics and client
//! ids, may hold line breaks and commands to terminals, and would be taken for other events.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes events, of which each is handed over whole with its line break.
#[derive(Debug)]
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match escaped(event) {
            Some(line) => self.0.write_all(line.as_bytes())?,
            None => self.0.write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The event with everything escaped that is no part of a line; `None` if there is no such thing.
fn escaped(event: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(event);
    let (line, end) = match text.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (&*text, ""),
    };
    if !line.contains(breaks_the_line) {
        return None;
    }
    let mut out = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if breaks_the_line(character) {
            // Cannot fail: it is written to a string.
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    Some(out + end)
}

/// Control characters and the line breaks of Unicode. Escape stays: the formatter has escaped that
/// of others, and colours its own text with it.
fn breaks_the_line(character: char) -> bool {
    (character.is_control() && character != '\u{1b}')
        || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let cases: [(&str, &str); 6] = [
            ("plain text é\n", "plain text é\n"),
            ("a\nINFO forged\n", "a\\nINFO forged\n"),
            ("a\r\tb\n", "a\\r\\tb\n"),
            ("a\u{0}\u{7f}\u{85}\n", "a\\u{0}\\u{7f}\\u{85}\n"),
            ("a\u{2028}b\n", "a\\u{2028}b\n"),
            ("\u{1b}[2mtime\u{1b}[0m\n", "\u{1b}[2mtime\u{1b}[0m\n"),
        ];
        for (event, line) in cases {
            let mut out = Vec::new();
            OneLine(&mut out).write_all(event.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
    }
}
