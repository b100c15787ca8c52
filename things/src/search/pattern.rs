//! Values in queries: compared without regard to case, `*` stands for any text, `?` for one
//! character.

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

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
        Self(letters.iter().map(part).collect())
    }

    /// Whether everything fits.
    pub(super) fn is_anything(&self) -> bool {
        self.0 == [Part::Any]
    }

    /// Whether it begins with a wildcard and has more, which AWS refuses.
    pub(super) fn leads_with_wildcard(&self) -> bool {
        self.0.len() > 1 && matches!(self.0[0], Part::Any | Part::One)
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        let mut text = text.chars();
        let mut at = 0;
        // Where to go on when what follows the last `*` does not fit: one character further.
        let mut again = None;
        loop {
            let here = text.clone();
            let (part, char) = (self.0.get(at), text.next());
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
    }
}
