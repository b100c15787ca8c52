//! Values in queries: compared without regard to case, `*` stands for any text, `?` for one
//! character.

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// The ASCII letters that it begins with. Most values are told from it by them alone.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A letter of a value as it was written: escaped ones have no meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) char: char,
    pub(super) escaped: bool,
}

impl Pattern {
    pub(super) fn new(letters: &[Letter]) -> Self {
        let part = |letter: &Letter| match letter.char {
            '*' if !letter.escaped => Part::Any,
            '?' if !letter.escaped => Part::One,
            char => Part::Char(small(char)),
        };
        let parts: Vec<Part> = letters.iter().map(part).collect();
        let ascii = |part: &Part| match part {
            Part::Char(char) => u8::try_from(*char).ok().filter(u8::is_ascii),
            Part::One | Part::Any => None,
        };
        let head = parts.iter().map_while(ascii).collect();
        Self { parts, head }
    }

    /// Whether everything fits.
    pub(super) fn is_anything(&self) -> bool {
        self.parts == [Part::Any]
    }

    /// Whether it begins with a wildcard and has more, which AWS refuses.
    pub(super) fn leads_with_wildcard(&self) -> bool {
        self.parts.len() > 1 && matches!(self.parts[0], Part::Any | Part::One)
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.begins(text) && self.fits_whole(text)
    }

    /// Whether a text begins as the pattern does; true if that cannot be told by bytes, because a
    /// letter beyond ASCII can have a small one in it.
    fn begins(&self, text: &str) -> bool {
        let length = self.head.len().min(text.len());
        let begin = &text.as_bytes()[..length];
        !begin.is_ascii() || begin.eq_ignore_ascii_case(&self.head)
    }

    fn fits_whole(&self, text: &str) -> bool {
        let mut text = text.chars();
        let mut at = 0;
        // Where to go on when what follows the last `*` does not fit: one character further.
        let mut again = None;
        loop {
            let here = text.clone();
            let (part, char) = (self.parts.get(at), text.next());
            match (part, char) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    at += 1;
                    text = here;
                    again = Some((at, text.clone()));
                    continue;
                }
                (Some(Part::One), Some(_)) => {
                    at += 1;
                    continue;
                }
                (Some(Part::Char(wanted)), Some(found)) if *wanted == small(found) => {
                    at += 1;
                    continue;
                }
                (Some(Part::One | Part::Char(_)) | None, _) => {}
            }
            let Some((behind, mut from)) = again.take() else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            at = behind;
            text = from.clone();
            again = Some((behind, from));
        }
    }
}

fn small(char: char) -> char {
    char.to_lowercase().next().unwrap_or(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_text_and_case_does_not_matter() {
        let check = |pattern: &str, text: &str, expected: bool| {
            let letters: Vec<Letter> = pattern
                .chars()
                .map(|char| Letter {
                    char,
                    escaped: false,
                })
                .collect();
            assert_eq!(
                Pattern::new(&letters).fits(text),
                expected,
                "{pattern} {text}"
            );
        };
        check("lamp", "Lamp", true);
        check("lamp", "lamps", false);
        check("lamp*", "lamps", true);
        check("l*p*s", "lamp posts", true);
        check("l*p*x", "lamp posts", false);
        check("l?mp", "LUMP", true);
        check("l?mp", "lmp", false);
        check("*", "", true);
        check("a*b*c", "aXbXbc", true);
        check("", "", true);
        check("É", "é", true);
        // The Kelvin sign's small letter is an ordinary k.
        check("ak", "A\u{212a}", true);
        check("aé", "AÉ", true);
        check("ab", "a", false);
    }
}
