//! Text patterns with wildcards and variables: split once, matched without backtracking.

use crate::error::Problem;
use crate::variables::{Value, Variables, canonical_name};
use smallvec::SmallVec;

/// Longest value of a certificate variable that is substituted, in characters
/// (AWS IoT developer guide, X.509 certificate policy variables).
const CERTIFICATE_VALUE_CHARS_MAX: usize = 1024;

/// What a text may contain besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// `${name}`, `${name, 'default'}`, `${*}`, `${?}`, `${$}`: policy version 2012-10-17.
    pub variables: bool,
    /// `*` is any run of characters, `?` exactly one; neither stops at `/`.
    pub wildcards: bool,
}

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Sensitive,
    /// As actions and booleans compare.
    IgnoreAscii,
}

/// A compiled text: what stands between its `*`s, so at least one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    segments: Box<[Box<[Atom]>]>,
    variables: Box<[Variable]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Text(Box<str>),
    AnyCharacter,
    /// The pattern's variable of that number.
    Variable(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: Box<str>,
    default: Option<Box<str>>,
    of_certificate: bool,
}

/// The values of a pattern's variables, in their order.
type Values<'v> = SmallVec<[&'v str; 4]>;

impl Pattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, Problem> {
        let mut parser = Parser::default();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if syntax.variables && rest.starts_with("${") {
                rest = parser.reference(rest)?;
                continue;
            }
            match character {
                '*' if syntax.wildcards => parser.end_segment(),
                '?' if syntax.wildcards => parser.push(Atom::AnyCharacter),
                literal => parser.text.push(literal),
            }
            rest = &rest[character.len_utf8()..];
        }
        parser.end_segment();
        Ok(Self {
            segments: parser.segments.into(),
            variables: parser.variables.into(),
        })
    }

    /// What fits every text.
    pub(crate) fn any() -> Self {
        Self {
            segments: [Box::default(), Box::default()].into(),
            variables: Box::default(),
        }
    }

    /// Whether the whole text fits. A pattern with a variable that has no value fits nothing.
    pub(crate) fn matches(&self, text: &str, case: Case, variables: &dyn Variables) -> bool {
        self.values(variables)
            .is_some_and(|values| self.fits(text, case, &values, &mut || ()))
    }

    /// Whether the text is the same but for letter case, of any script. For patterns without
    /// wildcards.
    pub(crate) fn equals_ignoring_case(&self, text: &str, variables: &dyn Variables) -> bool {
        let Some(values) = self.values(variables) else {
            return false;
        };
        let pieces =
            self.segments
                .iter()
                .flat_map(|segment| segment.iter())
                .map(|atom| match atom {
                    Atom::Text(text) => text,
                    Atom::AnyCharacter => "?",
                    Atom::Variable(number) => values[*number],
                });
        let folded = pieces.flat_map(str::chars).flat_map(char::to_lowercase);
        folded.eq(text.chars().flat_map(char::to_lowercase))
    }

    pub(crate) fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }

    /// The values to substitute, or `None` if one is missing. They are looked up once a match,
    /// and are literal text: a `*` in a client id is no wildcard.
    fn values<'v>(&'v self, variables: &'v dyn Variables) -> Option<Values<'v>> {
        self.variables
            .iter()
            .map(|variable| variable.value(variables))
            .collect()
    }

    /// The classical walk: the first segment stands at the start, the last at the end, each other
    /// at its leftmost place after the one before. Leftmost is never worse, so nothing is tried
    /// twice: at most text times pattern length steps. `step` is told of each comparison.
    fn fits(&self, text: &str, case: Case, values: &[&str], step: &mut impl FnMut()) -> bool {
        let mut walk = Walk { case, values, step };
        let Some((first, others)) = self.segments.split_first() else {
            return false;
        };
        let Some(mut rest) = walk.strip_start(first, text) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty();
        };
        for segment in middle {
            let Some(after) = walk.strip_leftmost(segment, rest) else {
                return false;
            };
            rest = after;
        }
        walk.strip_end(last, rest)
    }
}

struct Walk<'w, S> {
    case: Case,
    values: &'w [&'w str],
    step: &'w mut S,
}

impl<S: FnMut()> Walk<'_, S> {
    /// What follows the segment if the text starts with it.
    fn strip_start<'t>(&mut self, segment: &[Atom], text: &'t str) -> Option<&'t str> {
        segment.iter().try_fold(text, |text, atom| {
            (self.step)();
            let length = match self.literal(atom) {
                Some(literal) if self.same(text.get(..literal.len())?, literal) => literal.len(),
                Some(_) => return None,
                None => text.chars().next()?.len_utf8(),
            };
            text.get(length..)
        })
    }

    fn strip_leftmost<'t>(&mut self, segment: &[Atom], text: &'t str) -> Option<&'t str> {
        let ends = std::iter::once(text.len());
        let mut starts = text.char_indices().map(|(start, _)| start).chain(ends);
        starts.find_map(|start| self.strip_start(segment, text.get(start..)?))
    }

    fn strip_end(&mut self, segment: &[Atom], text: &str) -> bool {
        let start = segment.iter().rev().try_fold(text.len(), |end, atom| {
            (self.step)();
            let before = text.get(..end)?;
            match self.literal(atom) {
                Some(literal) => {
                    let start = end.checked_sub(literal.len())?;
                    self.same(before.get(start..)?, literal).then_some(start)
                }
                None => before.char_indices().next_back().map(|(start, _)| start),
            }
        });
        start.is_some()
    }

    fn literal<'a>(&'a self, atom: &'a Atom) -> Option<&'a str> {
        match atom {
            Atom::Text(text) => Some(text),
            Atom::AnyCharacter => None,
            Atom::Variable(number) => Some(self.values[*number]),
        }
    }

    fn same(&self, text: &str, literal: &str) -> bool {
        match self.case {
            Case::Sensitive => text == literal,
            Case::IgnoreAscii => text.eq_ignore_ascii_case(literal),
        }
    }
}

impl Variable {
    /// From what stands between `${` and `}`: `name` or `name, 'default'`.
    fn parse(inner: &str) -> Self {
        let with_default = inner.rsplit_once(", '").or_else(|| inner.rsplit_once(",'"));
        let (name, default) = match with_default {
            Some((name, quoted)) if quoted.ends_with('\'') => (name, quoted.strip_suffix('\'')),
            Some(_) | None => (inner, None),
        };
        let name = canonical_name(name);
        let of_certificate = name.starts_with("iot:certificate.");
        Self {
            name: name.into(),
            default: default.map(Box::from),
            of_certificate,
        }
    }

    /// What to put in its place. A list cannot stand for a variable (IAM user guide, policy
    /// variables), and AWS IoT does not substitute a certificate value that could act as a
    /// wildcard of policies or topics.
    fn value<'v>(&'v self, variables: &'v dyn Variables) -> Option<&'v str> {
        match variables.value(&self.name) {
            Some(Value::One(text)) if self.of_certificate && !is_substitutable(text) => None,
            Some(Value::One(text)) => Some(text),
            Some(Value::Many(_)) | None => self.default.as_deref(),
        }
    }
}

fn is_substitutable(certificate_value: &str) -> bool {
    !certificate_value.contains(['*', '$', '+', '?', '#'])
        && certificate_value.chars().count() <= CERTIFICATE_VALUE_CHARS_MAX
}

#[derive(Default)]
struct Parser {
    segments: Vec<Box<[Atom]>>,
    segment: Vec<Atom>,
    text: String,
    variables: Vec<Variable>,
}

impl Parser {
    /// Reads `${...}` at the start of the text and answers what follows it.
    fn reference<'t>(&mut self, text: &'t str) -> Result<&'t str, Problem> {
        let malformed = || Problem::Variable(text.chars().take(40).collect());
        // `${*}` and its like are literal characters; `}` can be in no name.
        let inner = text.strip_prefix("${").ok_or_else(malformed)?;
        let (inner, rest) = inner.split_once('}').ok_or_else(malformed)?;
        match inner {
            "*" | "?" | "$" => self.text.push_str(inner),
            _ if inner.trim().is_empty() => return Err(malformed()),
            _ => {
                self.push(Atom::Variable(self.variables.len()));
                self.variables.push(Variable::parse(inner));
            }
        }
        Ok(rest)
    }

    fn push(&mut self, atom: Atom) {
        self.end_text();
        self.segment.push(atom);
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.segment
                .push(Atom::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn end_segment(&mut self) {
        self.end_text();
        self.segments.push(std::mem::take(&mut self.segment).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WILDCARDS: Syntax = Syntax {
        variables: false,
        wildcards: true,
    };

    /// The definition: a pattern of characters, each tried with every possible rest.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|from| naive(rest, &text[from..])),
            (['?', rest @ ..], [_, text @ ..]) => naive(rest, text),
            ([first, rest @ ..], [character, text @ ..]) => first == character && naive(rest, text),
            ([_, ..], []) => false,
        }
    }

    fn steps(pattern: &str, text: &str) -> (bool, usize) {
        let mut count = 0;
        let pattern = Pattern::parse(pattern, WILDCARDS).unwrap();
        let fits = pattern.fits(text, Case::Sensitive, &[], &mut || count += 1);
        (fits, count)
    }

    #[test]
    fn adversarial_patterns_take_few_steps() {
        let long = "a".repeat(256);
        for (pattern, text) in [
            ("*a".repeat(200) + "*b", long.clone()),
            ("*a".repeat(200) + "b*", long.clone()),
            ("*?".repeat(300) + "b", long.clone()),
            ("*a?a".repeat(60) + "*b*", long.clone()),
            ("*".repeat(2000) + "b", long.clone()),
            ("*aaaaaaaaaaaaaaab".repeat(8) + "*", long),
        ] {
            let (fits, count) = steps(&pattern, &text);
            assert!(!fits, "{pattern}");
            assert!(
                count <= (text.len() + 1) * pattern.len(),
                "{count} steps for {pattern}"
            );
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[abé*?]{0,8}", text in "[abé]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(steps(&pattern, &text).0, naive(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn a_substituted_value_matches_itself_and_nothing_else(
            value in "[ab*?${}]{0,6}",
            text in "[ab*?${}]{0,6}",
        ) {
            let syntax = Syntax { variables: true, wildcards: true };
            let pattern = Pattern::parse("x${v}", syntax).unwrap();
            let variables = [("v", value.as_str())].into_iter().collect::<crate::VariableMap>();
            let matches = |text: &str| {
                pattern.matches(&format!("x{text}"), Case::Sensitive, &variables)
            };
            prop_assert!(matches(&value));
            prop_assert_eq!(matches(&text), text == value);
        }
    }
}
