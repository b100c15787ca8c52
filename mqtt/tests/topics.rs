//! AWS's documented examples of topics and filters.

use mqtt::Profile;
use mqtt::reserved;
use mqtt::topic::{Subscription, check_publish};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    id: String,
    kind: String,
    filter: Option<String>,
    topic: Option<String>,
    expect: bool,
}

fn check(vector: &Vector, profile: &Profile) -> bool {
    let topic = vector.topic.as_deref().unwrap_or_default();
    let filter = vector.filter.as_deref().unwrap_or_default();
    match vector.kind.as_str() {
        "match" => Subscription::parse(filter, profile)
            .is_ok_and(|s| s.filter.matches(topic, profile.hash_matches_parent)),
        "publish_topic_valid" => check_publish(topic, profile).is_ok(),
        _ => Subscription::parse(filter, profile)
            .is_ok_and(|s| reserved::may_subscribe(s.filter.as_str(), profile)),
    }
}

#[test]
fn topics_and_filters_are_what_aws_documents() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("data/topics.json")).unwrap();
    let profile = Profile::aws();
    let wrong: Vec<&str> = vectors
        .iter()
        .filter(|vector| check(vector, &profile) != vector.expect)
        .map(|vector| vector.id.as_str())
        .collect();
    assert!(vectors.len() >= 60 && wrong.is_empty(), "{wrong:?}");
}
