//! Which sessions, groups and rules a topic leads to.

use super::group::Group;
use super::journal::Journal;
use super::route::{GroupTarget, Route, Service, Target};
use super::session::Session;
use super::subscribers::{Subscriber, Subscribers};
use mqtt::Profile;
use mqtt::reserved::{BasicIngest, JobsRequest, ProvisioningRequest, ShadowRequest};
use mqtt::share::Member;
use mqtt::topic::{Subscription, TopicFilter};
use mqtt::trie::Trie;
use rules::delivery::{RuleHandle, RuleSet};
use std::collections::HashMap;
use std::sync::Arc;

/// What stands under a filter.
#[derive(Debug)]
enum Entry {
    Sessions(Subscribers),
    Group(Arc<Group>),
    Rule(RuleHandle),
}

/// Subscriptions and rules by filter. Whoever changes it makes every cached route stale.
#[derive(Debug)]
pub(super) struct Router {
    trie: Trie<Entry>,
    /// All rules, for Basic Ingest.
    rules: HashMap<Arc<str>, RuleHandle>,
    overlapping_copies: bool,
    groups: usize,
    profile: Profile,
    journal: Option<Arc<Journal>>,
}

impl Router {
    pub(super) fn new(profile: &Profile, journal: Option<Arc<Journal>>) -> Self {
        Self {
            trie: Trie::new(profile.hash_matches_parent),
            rules: HashMap::new(),
            overlapping_copies: profile.overlapping_copies,
            groups: 0,
            profile: profile.clone(),
            journal,
        }
    }

    /// Adds a subscription in place of the session's own on the same filter, and returns the
    /// group that it joined.
    pub(super) fn subscribe(
        &mut self,
        subscription: &Subscription,
        subscriber: Subscriber,
        persistent: bool,
    ) -> Option<Arc<Group>> {
        let filter = &subscription.filter;
        let Some(name) = &subscription.share else {
            self.add_session(filter, subscriber);
            return None;
        };
        let group = self.group(name, filter).unwrap_or_else(|| {
            let (profile, journal) = (&self.profile, self.journal.clone());
            let group = Group::new(Arc::clone(name), filter.clone(), profile, journal);
            self.trie.insert(filter, Entry::Group(Arc::clone(&group)));
            self.groups += 1;
            group
        });
        group.join(Member {
            session: subscriber.session,
            qos: subscriber.qos,
            subscription_id: subscriber.subscription_id,
            online: true,
            persistent,
        });
        Some(group)
    }

    /// Takes a subscription away.
    pub(super) fn unsubscribe(&mut self, subscription: &Subscription, session: &Arc<Session>) {
        let filter = &subscription.filter;
        let Some(name) = &subscription.share else {
            self.remove_session(filter, session);
            return;
        };
        if let Some(group) = self.group(name, filter)
            && group.leave(session)
        {
            self.groups -= 1;
            self.trie.remove(filter, |entry| match entry {
                Entry::Group(other) => Arc::ptr_eq(other, &group),
                Entry::Sessions(_) | Entry::Rule(_) => false,
            });
        }
    }

    /// Filters that something stands under.
    #[cfg(test)]
    pub(super) fn filters(&self) -> usize {
        self.trie.len()
    }

    fn add_session(&mut self, filter: &TopicFilter, subscriber: Subscriber) {
        if let Some(there) = self.sessions(filter) {
            there.put(subscriber);
            return;
        }
        let mut sessions = Subscribers::default();
        sessions.put(subscriber);
        self.trie.insert(filter, Entry::Sessions(sessions));
    }

    fn remove_session(&mut self, filter: &TopicFilter, session: &Arc<Session>) {
        if let Some(there) = self.sessions(filter)
            && there.remove(session)
            && there.is_empty()
        {
            let empty = |entry: &Entry| matches!(entry, Entry::Sessions(_));
            self.trie.remove(filter, empty);
        }
    }

    fn sessions(&mut self, filter: &TopicFilter) -> Option<&mut Subscribers> {
        let mut entries = self.trie.values_mut(filter).iter_mut();
        entries.find_map(|entry| match entry {
            Entry::Sessions(sessions) => Some(sessions),
            Entry::Group(_) | Entry::Rule(_) => None,
        })
    }

    /// Groups of shared subscriptions.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The group of a shared subscription.
    pub(super) fn group(&self, name: &str, filter: &TopicFilter) -> Option<Arc<Group>> {
        let mut entries = self.trie.values(filter).iter();
        entries.find_map(|entry| match entry {
            Entry::Group(group) if *group.name == *name => Some(Arc::clone(group)),
            Entry::Group(_) | Entry::Sessions(_) | Entry::Rule(_) => None,
        })
    }

    /// Replaces all rules.
    pub(super) fn set_rules(&mut self, rules: Vec<RuleHandle>) {
        for (_, old) in std::mem::take(&mut self.rules) {
            if let Some(filter) = self.rule_filter(&old) {
                let is_old = |entry: &Entry| match entry {
                    Entry::Rule(handle) => handle.name() == old.name(),
                    Entry::Sessions(_) | Entry::Group(_) => false,
                };
                self.trie.remove(&filter, is_old);
            }
        }
        for rule in rules {
            if let Some(filter) = self.rule_filter(&rule) {
                self.trie.insert(&filter, Entry::Rule(rule.clone()));
            }
            self.rules.insert(Arc::clone(rule.name()), rule);
        }
    }

    /// The filter of FROM; a rule whose filter is none is reached by Basic Ingest alone.
    fn rule_filter(&self, rule: &RuleHandle) -> Option<TopicFilter> {
        TopicFilter::parse(rule.rule().topic_filter()?, &self.profile).ok()
    }

    /// Where a topic leads. `may` says whether a session's policies let it receive the topic.
    pub(super) fn route(&self, topic: &str, may: &dyn Fn(&Session) -> bool) -> Route {
        if self.profile.reserved_topics
            && let Some(ingest) = BasicIngest::parse(topic)
        {
            let mut route = Route::nowhere(topic);
            let of_topic = |rule: &RuleHandle| RuleSet::of_basic_ingest(&route.topic, rule.clone());
            let ingest = self.rules.get(ingest.rule).map(of_topic);
            route.ingest = Some(ingest);
            return route;
        }
        let mut route = Route::nowhere(topic);
        if self.profile.reserved_topics {
            if JobsRequest::parse(topic).is_some() {
                // Only the service sees it ("Jobs device MQTT API" in the AWS IoT developer guide).
                route.asks = Some(Service::Jobs);
                return route;
            }
            if ProvisioningRequest::parse(topic).is_some() {
                // Only the service sees it: requests carry tokens.
                route.asks = Some(Service::Provisioning);
                return route;
            }
            route.asks = ShadowRequest::parse(topic).map(|_| Service::Shadow);
        }
        let mut subscribers: Vec<&Subscriber> = Vec::new();
        let mut rules = Vec::new();
        self.trie.for_each_match(topic, &mut |entry| match entry {
            Entry::Sessions(sessions) => subscribers.extend(sessions.iter()),
            Entry::Group(group) => route.groups.push(group_target(group, may)),
            Entry::Rule(rule) => rules.push(rule.clone()),
        });
        route.rules = RuleSet::new(&route.topic, rules);
        subscribers.sort_by_key(|subscriber| subscriber.session.number);
        for subscriber in subscribers {
            // Read before the guard is asked: if another takes over meanwhile, it is asked again.
            let guard = subscriber.session.guard_number();
            match route.targets.last_mut() {
                Some(last) if !self.overlapping_copies && last.is_of(subscriber) => {
                    last.merge(subscriber);
                }
                Some(_) | None if may(&subscriber.session) => {
                    route.targets.push(Target::new(subscriber, guard));
                }
                Some(_) | None => route.denied += 1,
            }
        }
        route
    }
}

fn group_target(group: &Arc<Group>, may: &dyn Fn(&Session) -> bool) -> GroupTarget {
    let sessions = group.sessions();
    let denied = sessions.iter().filter(|session| !may(session));
    GroupTarget {
        group: Arc::clone(group),
        denied: denied.map(|session| session.number).collect(),
    }
}
