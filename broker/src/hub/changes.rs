//! What changed about routes lately, so that one that a thread remembers is made anew only when
//! it has to be: clients come and go all the time, on other topics than the busy ones.

use mqtt::topic::TopicFilter;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

/// Changes that are remembered.
pub(super) const CHANGES_MAX: usize = 4096;

/// A route that has more changes than this behind it is made anew without a look at them: that
/// costs less.
const CHANGES_READ: u64 = 64;

/// Changes to subscriptions, rules and policies, by number.
#[derive(Debug)]
pub(super) struct Changes {
    /// The number of the latest one.
    epoch: AtomicU64,
    latest: RwLock<Latest>,
    hash_matches_parent: bool,
}

#[derive(Debug)]
struct Latest {
    /// Routes of an earlier epoch are stale, whatever their topics are.
    since: u64,
    /// The filters under which something changed after `since`, one for each epoch.
    filters: VecDeque<TopicFilter>,
}

/// What a route is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is right, as of this epoch.
    Current(u64),
    /// Its receivers may have changed; what its policies say has not.
    Touched,
    /// Everything about it may have changed.
    Stale,
}

impl Changes {
    /// No changes yet. For `hash_matches_parent` see [`mqtt::Profile`].
    pub(super) fn new(hash_matches_parent: bool) -> Self {
        Self {
            epoch: AtomicU64::new(1),
            latest: RwLock::new(Latest {
                since: 1,
                filters: VecDeque::new(),
            }),
            hash_matches_parent,
        }
    }

    /// The epoch of a route that is made from now on.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// All routes may have changed.
    pub(super) fn all(&self) {
        let mut latest = self.latest.write();
        latest.filters.clear();
        latest.since = self.epoch() + 1;
        self.epoch.store(latest.since, Ordering::Release);
    }

    /// The routes of topics that match these filters may have changed; the change has been made.
    pub(super) fn under<'a>(&self, filters: impl IntoIterator<Item = &'a TopicFilter>) {
        let mut latest = self.latest.write();
        let mut epoch = self.epoch();
        for filter in filters {
            epoch += 1;
            latest.filters.push_back(filter.clone());
            if latest.filters.len() > CHANGES_MAX {
                latest.filters.pop_front();
                latest.since += 1;
            }
        }
        self.epoch.store(epoch, Ordering::Release);
    }

    /// What a route of that epoch is worth.
    pub(super) fn standing(&self, topic: &str, of: u64) -> Standing {
        if of == self.epoch() {
            return Standing::Current(of);
        }
        let latest = self.latest.read();
        let now = self.epoch();
        if of < latest.since {
            return Standing::Stale;
        }
        let behind = now - of;
        let matches = |filter: &TopicFilter| filter.matches(topic, self.hash_matches_parent);
        if behind > CHANGES_READ || newest(&latest.filters, behind).any(matches) {
            return Standing::Touched;
        }
        Standing::Current(now)
    }
}

fn newest(filters: &VecDeque<TopicFilter>, count: u64) -> impl Iterator<Item = &TopicFilter> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    filters.iter().rev().take(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Profile;

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::parse(text, &Profile::mqtt()).expect("a valid filter")
    }

    #[test]
    fn a_route_stands_until_something_changes_under_its_topic() {
        let changes = Changes::new(true);
        let first = changes.epoch();
        changes.under([&filter("a/b"), &filter("c/#")]);
        let second = changes.epoch();
        assert_eq!(changes.standing("x", first), Standing::Current(second));
        assert_eq!(changes.standing("a/b", first), Standing::Touched);
        assert_eq!(changes.standing("c", first), Standing::Touched);
        // A route between the two changes knows the first one.
        assert_eq!(
            changes.standing("a/b", first + 1),
            Standing::Current(second)
        );
        assert_eq!(changes.standing("c/d", first + 1), Standing::Touched);
        changes.all();
        assert_eq!(changes.standing("x", second), Standing::Stale);
        assert_eq!(
            changes.standing("x", changes.epoch()),
            Standing::Current(second + 1)
        );
    }

    #[test]
    fn a_route_that_is_far_behind_is_made_anew() {
        let changes = Changes::new(true);
        let first = changes.epoch();
        let other = filter("other");
        for _ in 0..=CHANGES_READ {
            changes.under([&other]);
        }
        assert_eq!(changes.standing("x", first), Standing::Touched);
        for _ in 0..CHANGES_MAX {
            changes.under([&other]);
        }
        assert_eq!(changes.standing("x", first), Standing::Stale);
        let latest = changes.epoch();
        changes.under([&other]);
        assert_eq!(changes.standing("x", latest), Standing::Current(latest + 1));
    }
}
