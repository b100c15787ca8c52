//! Filters and topics, one a line: the trie finds what the naive matcher finds, through removals,
//! and is empty when all are gone. Lines that begin with `-` take out the filter of their number,
//! those with `?` are topics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqtt::Profile;
use mqtt::topic::{Subscription, TopicFilter, check_publish};
use mqtt::trie::Trie;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for parent in [false, true] {
        check(text, parent);
    }
});

fn check(text: &str, parent: bool) {
    let (aws, mqtt) = (Profile::aws(), Profile::mqtt());
    let mut trie = Trie::new(parent);
    let mut filters: Vec<Option<TopicFilter>> = Vec::new();
    for line in text.lines().take(200) {
        if let Some(number) = line.strip_prefix('-') {
            let Some(at) = number.parse().ok().filter(|at: &usize| *at < filters.len()) else {
                continue;
            };
            if let Some(filter) = filters[at].take() {
                assert_eq!(trie.remove(&filter, |value| *value == at), 1);
            }
        } else if let Some(topic) = line.strip_prefix('?') {
            // What AWS allows, the standard allows, but for reserved topics' own lengths.
            if check_publish(topic, &mqtt).is_ok() {
                look_up(&trie, &filters, topic, parent);
            }
        } else {
            let narrow = Subscription::parse(line, &aws);
            let wide = Subscription::parse(line, &mqtt);
            assert!(narrow.is_err() || wide.is_ok(), "`{line}`");
            if let Ok(subscription) = wide {
                trie.insert(&subscription.filter, filters.len());
                filters.push(Some(subscription.filter));
            }
        }
    }
    for (at, filter) in filters.iter().enumerate() {
        if let Some(filter) = filter {
            assert_eq!(trie.remove(filter, |value| *value == at), 1);
        }
    }
    assert_eq!((trie.len(), trie.nodes()), (0, 1));
}

fn look_up(trie: &Trie<usize>, filters: &[Option<TopicFilter>], topic: &str, parent: bool) {
    let mut found = Vec::new();
    trie.for_each_match(topic, &mut |at| found.push(*at));
    found.sort_unstable();
    let all = filters.iter().enumerate();
    let matches = |filter: &TopicFilter| filter.matches(topic, parent);
    let expected: Vec<usize> = all
        .filter(|(_, filter)| filter.as_ref().is_some_and(matches))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(found, expected, "`{topic}`");
}
