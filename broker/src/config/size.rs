//! A size of memory, as people write it.

use serde::Deserialize;
use std::str::FromStr;

/// Bytes, written as a number alone or with KiB, MiB or GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Text")]
pub(crate) struct Size(pub(crate) usize);

/// The least that a server can work with.
const BYTES_MIN: usize = 1024 * 1024;

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" => Some(1),
            "kib" => Some(1 << 10),
            "mib" => Some(1 << 20),
            "gib" => Some(1 << 30),
            _ => None,
        };
        let number = digits.trim_end().parse::<usize>().ok();
        let bytes = number.zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
        match bytes.filter(|bytes| *bytes >= BYTES_MIN) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(format!(
                "`{text}` is no size of at least 1MiB: write it as in 512MiB or 2GiB"
            )),
        }
    }
}

/// What a configuration file may have: text, or a number of bytes.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a size, such as \"512MiB\"")]
enum Text {
    Number(usize),
    Text(String),
}

impl TryFrom<Text> for Size {
    type Error = String;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        match text {
            Text::Number(bytes) => bytes.to_string().parse(),
            Text::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_a_unit() {
        for (text, bytes) in [
            ("1048576", Some(1 << 20)),
            ("1MiB", Some(1 << 20)),
            ("2048 kib", Some(2 << 20)),
            ("3GiB", Some(3 << 30)),
            ("1048575", None),
            ("0", None),
            ("", None),
            ("MiB", None),
            ("1.5GiB", None),
            ("1MB", None),
            ("-1MiB", None),
            ("99999999999GiB", None),
        ] {
            let met: Option<Size> = text.parse().ok();
            assert_eq!(met, bytes.map(Size), "{text}");
        }
    }
}
