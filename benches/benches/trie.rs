//! The trie of subscriptions: matching, subscribing and unsubscribing among many other filters.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mqtt::Profile;
use mqtt::topic::TopicFilter;
use mqtt::trie::Trie;
use std::hint::black_box;
use std::time::Duration;

fn filter(text: &str) -> TopicFilter {
    TopicFilter::parse(text, &Profile::mqtt()).expect("a topic filter")
}

/// A topic that the filter of that number matches.
fn topic(nth: u32) -> String {
    let (building, floor, sensor) = (nth % 1000, nth / 1000 % 10, nth / 10_000);
    format!("site/{building}/{floor}/{sensor}/temperature")
}

/// So many filters of sensors in buildings: by name, or every second with wildcards.
fn trie(filters: u32, wildcards: bool) -> Trie<u32> {
    let mut trie = Trie::new(true);
    for nth in 0..filters {
        let (building, floor, sensor) = (nth % 1000, nth / 1000 % 10, nth / 10_000);
        let text = match (wildcards, nth % 4) {
            (true, 0) => format!("site/{building}/+/{sensor}/temperature"),
            (true, 1) => format!("site/{building}/{floor}/#"),
            _ => topic(nth),
        };
        trie.insert(&filter(&text), nth);
    }
    trie
}

const COUNTS: [u32; 3] = [1_000, 100_000, 1_000_000];

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for count in COUNTS {
        for (kind, wildcards) in [("exact", false), ("wildcards", true)] {
            let trie = trie(count, wildcards);
            // Topics all over the trie, each of which some filter matches.
            let topics: Vec<String> = (0..1000).map(|nth| topic(nth * 7919 % count)).collect();
            for topic in &topics {
                let mut found = 0;
                trie.for_each_match(topic, &mut |_| found += 1);
                assert!(found > 0, "{topic}");
            }
            group.bench_function(BenchmarkId::new(kind, count), |bencher| {
                let mut topics = topics.iter().cycle();
                bencher.iter(|| {
                    let mut found = 0u32;
                    let topic = topics.next().expect("an endless iterator");
                    trie.for_each_match(black_box(topic), &mut |value| found ^= value);
                    black_box(found)
                });
            });
        }
    }
    group.finish();
}

fn changing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribe and unsubscribe");
    for (kind, text) in [
        ("exact", "site/500/5/new-sensor/temperature"),
        ("wildcard", "site/+/5/new-sensor/#"),
    ] {
        let mut trie = trie(100_000, true);
        let filter = filter(text);
        group.bench_function(BenchmarkId::new(kind, 100_000), |bencher| {
            bencher.iter(|| {
                trie.insert(black_box(&filter), u32::MAX);
                trie.remove(black_box(&filter), |value| *value == u32::MAX)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = tries;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500));
    targets = matching, changing
}
criterion_main!(tries);
