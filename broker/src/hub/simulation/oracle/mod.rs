//! What the message core should have done, told by what passed through the pipes.

mod clients;
mod ends;
mod redelivery;
mod server;

use super::counts::Counts;
use super::ledger::{GroupName, Ledger, Mark};
use super::session::Seen;
use mqtt::QoS;
use mqtt::codec::Version;
use mqtt::profile::Profile;
use mqtt::topic::{Subscription, TopicFilter};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that was broken, in words.
pub(super) type Violation = String;

/// One connection as the server must see it.
#[derive(Debug)]
struct Line {
    client: usize,
    version: Version,
    /// Whether the CONNECT was read.
    opened: bool,
    window: usize,
    silence_max_ms: u64,
    heard_ms: u64,
    from_client: Vec<u8>,
    to_client: Vec<u8>,
    will: Option<Will>,
    aliases: BTreeMap<u16, String>,
    /// Those that the server has set, and how many it may set.
    aliases_out: BTreeMap<u16, String>,
    alias_maximum: u16,
    /// Why the server may close it.
    reason: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Will {
    mark: Mark,
    topic: String,
    qos: QoS,
    delay_s: u32,
}

#[derive(Debug)]
struct Retained {
    mark: Mark,
    qos: QoS,
    expires: bool,
}

/// The model of the message core.
pub(super) struct Oracle {
    profile: Profile,
    /// Whether queues are so short that messages are dropped.
    tight: bool,
    pub(super) now_ms: u64,
    sessions: BTreeMap<usize, Seen>,
    lines: BTreeMap<usize, Line>,
    /// Connections whose CONNECT found a session.
    present: BTreeSet<usize>,
    ledger: Ledger,
    retained: BTreeMap<String, Retained>,
    pub(super) counts: Counts,
}

impl Oracle {
    pub(super) fn new(profile: Profile, tight: bool, now_ms: u64) -> Self {
        Self {
            profile,
            tight,
            now_ms,
            sessions: BTreeMap::new(),
            lines: BTreeMap::new(),
            present: BTreeSet::new(),
            ledger: Ledger::default(),
            retained: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// A client opens a connection.
    pub(super) fn opens(&mut self, line: usize, client: usize) {
        self.lines.insert(
            line,
            Line {
                client,
                version: Version::V311,
                opened: false,
                window: 0,
                silence_max_ms: 0,
                heard_ms: self.now_ms,
                from_client: Vec::new(),
                to_client: Vec::new(),
                will: None,
                aliases: BTreeMap::new(),
                aliases_out: BTreeMap::new(),
                alias_maximum: 0,
                reason: None,
            },
        );
    }

    /// The network broke a connection.
    pub(super) fn breaks(&mut self, line: usize) {
        self.may_close(line, "broken");
    }

    /// Whether a CONNACK on this line must say that a session is present.
    pub(super) fn present(&self, line: usize) -> bool {
        self.present.contains(&line)
    }

    fn may_close(&mut self, line: usize, reason: &'static str) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.reason.get_or_insert(reason);
        }
    }

    fn line(&mut self, number: usize) -> Result<&mut Line, Violation> {
        let missing = || format!("connection {number} passes bytes after its end");
        self.lines.get_mut(&number).ok_or_else(missing)
    }

    fn session(&mut self, client: usize) -> Result<&mut Seen, Violation> {
        let missing = || format!("client {client} has no session");
        self.sessions.get_mut(&client).ok_or_else(missing)
    }

    fn matches(&self, filter: &TopicFilter, topic: &str) -> bool {
        filter.matches(topic, self.profile.hash_matches_parent)
    }

    /// Groups without a persistent member keep nothing.
    fn weaken(&mut self) {
        let all = self
            .sessions
            .values()
            .flat_map(|s| s.subscriptions.values());
        let keeping = all.filter(|subscribed| subscribed.persistent);
        let groups = keeping
            .filter_map(|s| group_name(&s.subscription))
            .collect();
        self.ledger.weaken(&groups);
    }

    /// Everything is quiet: whoever is there has everything.
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        for (client, session) in &self.sessions {
            session.has_everything(*client)?;
        }
        self.ledger.finish()
    }

    /// A message is routed: who is owed it from now on.
    fn publish(&mut self, mark: Mark, topic: &str, qos: QoS, expires: bool) {
        self.ledger.published(mark);
        let mut groups: BTreeMap<GroupName, bool> = BTreeMap::new();
        let (tight, queued) = (self.tight, self.profile.queued_messages);
        let parent = self.profile.hash_matches_parent;
        for session in self.sessions.values_mut() {
            let mut highest = None;
            for subscribed in session.subscriptions.values() {
                let subscription = &subscribed.subscription;
                if !subscription.filter.matches(topic, parent) {
                    continue;
                }
                match group_name(subscription) {
                    Some(name) => *groups.entry(name).or_default() |= subscribed.persistent,
                    None => highest = highest.max(Some(subscribed.qos)),
                }
            }
            if highest.is_some_and(|highest| highest.min(qos) > QoS::AtMostOnce) {
                let may_drop = expires || (tight && session.may_overflow(queued));
                session.owes(mark, may_drop);
                self.counts.queued_while_away += u32::from(session.line.is_none());
            }
        }
        if groups.is_empty() {
            return;
        }
        let kept = groups.values().filter(|kept| **kept).count();
        let strict = kept == groups.len() && !tight && !expires;
        self.ledger
            .owe_groups(mark, qos, groups.into_keys(), strict);
    }

    fn publish_will(&mut self, will: &Will) {
        self.counts.wills += 1;
        self.publish(will.mark, &will.topic, will.qos, false);
    }
}

fn group_name(subscription: &Subscription) -> Option<GroupName> {
    let name = subscription.share.as_ref()?;
    Some((name.to_string(), subscription.filter.as_str().to_owned()))
}
