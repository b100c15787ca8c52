//! Retained messages (MQTT 5.0 section 3.3.1.3): the last one of each topic.

use crate::message::Message;
use crate::topic::TopicFilter;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// One retained message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The message.
    pub message: Message,
    /// When it was published, milliseconds since the epoch.
    pub last_modified_ms: u64,
}

/// The retained messages of a broker, in order of topic.
#[derive(Debug)]
pub struct Retained {
    entries: BTreeMap<Arc<str>, Entry>,
    bytes: usize,
    messages_max: usize,
    bytes_max: usize,
}

impl Retained {
    /// An empty store of at most so many messages and bytes of payload.
    pub fn new(messages_max: usize, bytes_max: usize) -> Self {
        Retained {
            entries: BTreeMap::new(),
            bytes: 0,
            messages_max,
            bytes_max,
        }
    }

    /// Keeps a message in place of its topic's last one; an empty payload clears the topic
    /// ([MQTT-3.3.1-6]). False when there is no room.
    pub fn set(&mut self, message: Message, now_ms: u64) -> bool {
        let old = self
            .entries
            .get(&message.topic)
            .map_or(0, |entry| entry.message.payload.len());
        if message.payload.is_empty() {
            self.entries.remove(&message.topic);
            self.bytes -= old;
            return true;
        }
        let bytes = self.bytes - old + message.payload.len();
        let known = self.entries.contains_key(&message.topic);
        if bytes > self.bytes_max || (!known && self.entries.len() >= self.messages_max) {
            return false;
        }
        self.bytes = bytes;
        let entry = Entry {
            last_modified_ms: now_ms,
            message,
        };
        self.entries.insert(entry.message.topic.clone(), entry);
        true
    }

    /// The message of a topic, unless it has expired.
    pub fn get(&self, topic: &str, now_ms: u64) -> Option<&Entry> {
        self.entries
            .get(topic)
            .filter(|entry| entry.is_live(now_ms))
    }

    /// The messages whose topics a filter matches. One without wildcards is looked up; one with
    /// wildcards walks the topics that begin as it does, if the caller allows it that at all
    /// (`wildcards`; AWS does not).
    pub fn matching<'a>(
        &'a self,
        filter: &'a TopicFilter,
        wildcards: bool,
        hash_matches_parent: bool,
        now_ms: u64,
    ) -> Vec<&'a Entry> {
        if !filter.has_wildcards() {
            return self.get(filter.as_str(), now_ms).into_iter().collect();
        }
        if !wildcards {
            return Vec::new();
        }
        let text = filter.as_str();
        let fixed = &text[..text.find(['+', '#']).unwrap_or(text.len())];
        // `a/#` may match `a`, which sorts before `a/`.
        let from = fixed.strip_suffix('/').unwrap_or(fixed);
        self.entries
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .take_while(|(topic, _)| topic.starts_with(from))
            .filter(|(topic, _)| filter.matches(topic, hash_matches_parent))
            .map(|(_, entry)| entry)
            .filter(|entry| entry.is_live(now_ms))
            .collect()
    }

    /// Messages in order of topic behind `after`.
    pub fn page(
        &self,
        after: Option<&str>,
        limit: usize,
        now_ms: u64,
    ) -> impl Iterator<Item = &Entry> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.entries
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .filter(move |entry| entry.is_live(now_ms))
            .take(limit)
    }

    /// Drops what has expired and names its topics.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Arc<str>> {
        let mut expired = Vec::new();
        self.entries.retain(|topic, entry| {
            let live = entry.is_live(now_ms);
            if !live {
                self.bytes -= entry.message.payload.len();
                expired.push(Arc::clone(topic));
            }
            live
        });
        expired
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Entry {
    fn is_live(&self, now_ms: u64) -> bool {
        self.message.expires_at_ms.is_none_or(|at| at > now_ms)
    }
}
