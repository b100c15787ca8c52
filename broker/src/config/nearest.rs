//! What somebody who misspelled a name may have meant.

/// The candidate that takes the fewest changes of one character; the first of several.
pub(super) fn nearest<'a>(text: &str, candidates: &'a [String]) -> Option<&'a str> {
    let by_distance = candidates.iter().min_by_key(|name| distance(text, name));
    by_distance.map(String::as_str)
}

/// How many characters have to be put in, taken out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
