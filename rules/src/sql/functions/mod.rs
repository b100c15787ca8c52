//! The functions of the rule SQL, one file per family (developer guide, "Functions").

mod bits;
mod collections;
mod context;
mod encoding;
mod external;
mod function;
mod hash;
mod numbers;
mod protobuf;
pub(super) mod regex;
mod regex_syntax;
mod strings;
mod time;
mod trigonometry;

pub(super) use function::Outside;
pub use function::{Arity, Example, Function};

/// All functions, by family.
#[must_use]
pub fn all() -> Vec<&'static Function> {
    FAMILIES.concat()
}

const FAMILIES: [&[&Function]; 11] = [
    numbers::ALL,
    trigonometry::ALL,
    bits::ALL,
    strings::ALL,
    regex::ALL,
    hash::ALL,
    encoding::ALL,
    collections::ALL,
    time::ALL,
    context::ALL,
    external::ALL,
];

/// The function of this name, upper and lower case being the same.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    let mut all = FAMILIES.into_iter().flatten();
    all.find(|function| function.name.eq_ignore_ascii_case(name))
        .copied()
}

/// The name of a function that may have been meant.
pub(super) fn similar(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    if name.len() > 64 {
        return None;
    }
    let all = FAMILIES.into_iter().flatten();
    let distances = all.map(|function| {
        let known = function.name.to_ascii_lowercase();
        // `starts_with` for `startswith`.
        let bare = |text: &str| text.replace('_', "");
        let distance = if bare(&known) == bare(&name) {
            0
        } else {
            distance(&known, &name)
        };
        (distance, function.name)
    });
    let (distance, meant) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 4).then_some(meant)
}

/// Letters to insert, remove or replace to make one word of the other.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
