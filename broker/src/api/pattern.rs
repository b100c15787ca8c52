//! The regular expressions of AWS's service models, which are written for Java.

use fancy_regex::Regex;
use serde::{Deserialize, Deserializer};
use std::sync::OnceLock;

/// A pattern that a whole string must match.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As AWS writes it in its errors.
    pub(super) text: String,
    /// Compiled when first needed: most operations are never called in one run.
    regex: OnceLock<Regex>,
}

impl Pattern {
    /// Whether all of `value` matches. A pattern that gives up on a value refuses it.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.regex().is_match(value).unwrap_or(false)
    }

    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            Regex::new(&format!(r"\A(?:{})\z", translate(&self.text)))
                .expect("a test compiles every pattern of the model")
        })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Pattern {
            text: String::deserialize(deserializer)?,
            regex: OnceLock::new(),
        })
    }
}

/// Writes what Java says in Rust's words: the POSIX classes, which are ASCII there, `\w` and `\d`
/// likewise, and a hyphen after a range or before a class, which is only a hyphen.
fn translate(java: &str) -> String {
    let posix = [
        (r"\p{Graph}", "[:graph:]"),
        (r"\p{Cntrl}", "[:cntrl:]"),
        (r"\p{Upper}", "[:upper:]"),
        (r"\p{Digit}", "[:digit:]"),
        (r"a-zA-Z0-9-_", r"a-zA-Z0-9\-_"),
        (r"()-\/", r"()\-/"),
        (r"\w", "[:word:]"),
    ];
    let mut rust = java.to_owned();
    for (from, to) in posix {
        rust = rust.replace(from, to);
    }
    // Outside a class a POSIX class needs brackets of its own; only `\w` is used so, in `\w{1,20}`.
    rust.replace("/[:word:]", "/[[:word:]]")
        .replace(r"\d", "[0-9]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::MODEL;

    #[test]
    fn patterns_match_whole_strings_as_java_reads_them() {
        let check = |pattern: &str, value: &str, matches: bool| {
            let compiled = Pattern {
                text: pattern.to_owned(),
                regex: OnceLock::new(),
            };
            assert_eq!(compiled.matches(value), matches, "{pattern} on {value:?}");
        };
        check("[a-zA-Z0-9:_-]+", "a:b_c-1", true);
        check("[a-zA-Z0-9:_-]+", "a b", false);
        check("[a-zA-Z0-9:_-]+", "a\n", false);
        check(r"[\w+=,.@-]+", "p+=,.@-_1", true);
        check(r"[\w+=,.@-]+", "pé", false);
        check(r"[\p{Graph}\x20]*", "two words", true);
        check(r"[\p{Graph}\x20]*", "tab\t", false);
        check(r"[a-zA-Z0-9-_.]+", "a-b_c.d", true);
        check(r"[^\p{C}]+", "é", true);
        check(r"[^\p{C}]+", "\u{7}", false);
        check(r"[\s\S]*", "any\nthing", true);
        check("^[a-zA-Z0-9_]+$", "rule\n", false);
        check("[A-Za-z0-9+/]+={0,2}", "bQ==", true);
    }

    #[test]
    fn every_pattern_of_the_model_compiles() {
        let patterns = MODEL.shapes().filter_map(|shape| shape.pattern.as_ref());
        let compiled: Vec<bool> = patterns.map(|pattern| pattern.matches("x")).collect();
        assert!(compiled.len() > 100);
    }
}
