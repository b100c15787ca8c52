//! Regular expressions, in Java's syntax.

use super::super::error::EvalError;
use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::value::{Text, Value};
use super::function::{Arity, Function, PLAIN, eg};
use super::regex_syntax::{Replacement, translate};
use fancy_regex::{Regex, RegexBuilder};
use std::sync::Arc;

pub(super) const ALL: &[&Function] = &[&REGEXP_MATCHES, &REGEXP_REPLACE, &REGEXP_SUBSTR];

/// Steps that a search may go back before it is given up.
const BACKTRACKS_MAX: usize = 100_000;
/// Memory of a compiled expression.
const COMPILED_BYTES_MAX: usize = 1 << 20;
const PATTERN_BYTES_MAX: usize = 8192;

static REGEXP_MATCHES: Function = Function {
    name: "regexp_matches",
    arguments: "text, expression",
    arity: Arity::exactly(2),
    summary: "Whether the expression matches somewhere in the text.",
    examples: &[
        eg("regexp_matches('aaaa', 'a{2,}')", "true"),
        eg("regexp_matches('aaaa', 'b')", "false"),
    ],
    body: |call| {
        let text = call.text(0)?;
        let pattern = pattern(call, &text)?;
        Ok(found(pattern.regex.is_match(&text))?.into())
    },
    ..PLAIN
};

static REGEXP_SUBSTR: Function = Function {
    name: "regexp_substr",
    arguments: "text, expression",
    arity: Arity::exactly(2),
    summary: "The first match in the text; Undefined if there is none.",
    examples: &[
        eg("regexp_substr('hihihello', 'hi')", "\"hi\""),
        eg("regexp_substr('hihihello', '(hi)*')", "\"hihi\""),
        eg("regexp_substr('abc', 'z')", "Undefined"),
    ],
    body: |call| {
        let text = call.text(0)?;
        let pattern = pattern(call, &text)?;
        let found = found(pattern.regex.find(&text))?.ok_or(Stop::Undefined)?;
        Ok(match &text {
            Text::Borrowed(text) => (&text[found.range()]).into(),
            Text::Shared(_) => found.as_str().to_owned().into(),
        })
    },
    ..PLAIN
};

static REGEXP_REPLACE: Function = Function {
    name: "regexp_replace",
    arguments: "text, expression, replacement",
    arity: Arity::exactly(3),
    summary: "The text with every match replaced; $1 is the first group.",
    examples: &[
        eg("regexp_replace('abcd', 'bc', 'x')", "\"axd\""),
        eg("regexp_replace('abcd', 'b(.*)d', '$1')", "\"ac\""),
    ],
    body: replace,
    ..PLAIN
};

fn replace<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let text = call.text(0)?;
    let pattern = pattern(call, &text)?;
    let regex = &pattern.regex;
    let replacement = call.text(2)?;
    let replacement = Replacement::parse(&replacement, regex).ok_or(Stop::Undefined)?;
    let mut replaced = String::new();
    let mut end = 0;
    for captures in regex.captures_iter(&text) {
        let captures = found(captures)?;
        let Some(whole) = captures.get(0) else {
            continue;
        };
        let before = replaced.len();
        replaced.push_str(&text[end..whole.start()]);
        replacement.expand(&captures, &mut replaced);
        end = whole.end();
        call.evaluator.budget.step(1)?;
        call.evaluator.budget.built(replaced.len() - before)?;
    }
    replaced.push_str(&text[end..]);
    Ok(Value::from(replaced))
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(in crate::sql) struct Pattern {
    regex: Arc<Regex>,
    /// Whether it needs more than one pass over a text: for look-around and back-references every
    /// position may be looked at from every other.
    hard: bool,
}

/// The expression of a call to be used on a text; one that is not valid makes the result
/// Undefined. A constant is compiled once.
fn pattern(call: &mut Arguments<'_, '_, '_>, text: &str) -> Result<Pattern, Stop> {
    let pattern = if let Some(constant) = call.constant_text(1) {
        let pattern = call.call.pattern.get_or_init(|| compile(constant));
        pattern.clone()
    } else {
        let source = call.text(1)?;
        // Compiling is by far the most that one step can do.
        call.evaluator.budget.step(1000)?;
        compile(&source)
    };
    let pattern = pattern.ok_or(Stop::Undefined)?;
    if pattern.hard {
        let steps = text.len().saturating_mul(text.len()) / 1024;
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        call.evaluator.budget.step(steps)?;
    }
    Ok(pattern)
}

fn compile(text: &str) -> Option<Pattern> {
    if text.len() > PATTERN_BYTES_MAX {
        return None;
    }
    let translated = translate(text)?;
    let mut builder = RegexBuilder::new(&translated);
    builder
        .backtrack_limit(BACKTRACKS_MAX)
        .delegate_size_limit(COMPILED_BYTES_MAX)
        .delegate_dfa_size_limit(COMPILED_BYTES_MAX);
    let regex = Arc::new(builder.build().ok()?);
    // Possessive quantifiers and atomic groups among them; a text that only looks so is no harm.
    const HARD: [&str; 8] = ["(?=", "(?!", "(?<=", "(?<!", "(?>", "++", "*+", "?+"];
    let refers = |pair: &[u8]| pair[0] == b'\\' && (pair[1].is_ascii_digit() || pair[1] == b'k');
    let hard = HARD.iter().any(|sign| translated.contains(sign))
        || translated.as_bytes().windows(2).any(refers);
    Some(Pattern { regex, hard })
}

/// What a search found, unless it went on for too long.
fn found<T>(result: fancy_regex::Result<T>) -> Result<T, Stop> {
    result.map_err(|_| {
        let steps_max = u32::try_from(BACKTRACKS_MAX).unwrap_or(u32::MAX);
        Stop::Failed(EvalError::TooManySteps { steps_max })
    })
}
