//! The trie against a naive matcher, over worlds small enough to try everything.

use mqtt::Profile;
use mqtt::topic::TopicFilter;
use mqtt::trie::Trie;
use proptest::prelude::*;

fn filter() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "b", "+", "", "$x", "é"]);
    (prop::collection::vec(level, 0..4), any::<bool>()).prop_map(|(levels, hash)| {
        let mut levels = levels;
        if hash || levels.is_empty() {
            levels.push("#");
        }
        levels.join("/")
    })
}

/// Every topic of up to three levels from a small alphabet.
fn topics() -> Vec<String> {
    let alphabet = ["a", "b", "", "$x", "é", "c"];
    let mut all: Vec<String> = alphabet.iter().map(|level| (*level).to_owned()).collect();
    let mut last = all.clone();
    for _ in 0..2 {
        last = last
            .iter()
            .flat_map(|head| alphabet.iter().map(move |level| format!("{head}/{level}")))
            .collect();
        all.extend(last.clone());
    }
    all.retain(|topic| !topic.is_empty());
    all
}

fn parse(text: &str) -> Option<TopicFilter> {
    TopicFilter::parse(text, &Profile::mqtt()).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn trie_and_naive_matcher_agree_through_churn(
        filters in prop::collection::vec(filter(), 1..24),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        parent in any::<bool>(),
    ) {
        let filters: Vec<TopicFilter> = filters.iter().filter_map(|text| parse(text)).collect();
        let mut trie = Trie::new(parent);
        for (i, filter) in filters.iter().enumerate() {
            trie.insert(filter, i);
        }
        let mut alive: Vec<usize> = (0..filters.len()).collect();
        for index in removed.iter().filter(|_| !filters.is_empty()) {
            let gone = index.index(filters.len());
            prop_assert_eq!(
                trie.remove(&filters[gone], |i| *i == gone),
                usize::from(alive.contains(&gone))
            );
            alive.retain(|i| *i != gone);
        }
        for topic in topics() {
            let mut found = Vec::new();
            trie.for_each_match(&topic, &mut |i| found.push(*i));
            found.sort_unstable();
            let expected: Vec<usize> =
                alive.iter().copied().filter(|i| filters[*i].matches(&topic, parent)).collect();
            prop_assert_eq!(&found, &expected, "topic `{}`", topic);
        }
        for gone in alive {
            trie.remove(&filters[gone], |i| *i == gone);
        }
        prop_assert_eq!((trie.len(), trie.nodes()), (0, 1));
    }
}

#[test]
fn a_filter_of_65535_levels_is_no_danger() {
    let deep = parse(&"/".repeat(65_534)).unwrap();
    let wild = parse(&format!("{}#", "+/".repeat(30_000))).unwrap();
    let mut trie = Trie::new(true);
    trie.insert(&deep, 1);
    trie.insert(&wild, 2);
    let mut found = Vec::new();
    trie.for_each_match(&"/".repeat(65_534), &mut |value| found.push(*value));
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
    trie.remove(&deep, |_| true);
    trie.remove(&wild, |_| true);
    assert_eq!(trie.nodes(), 1);
}
