//! Topic names and filters (MQTT 5.0 section 4.7): what is valid, and what matches.

use crate::profile::Profile;
use crate::reserved;
use std::sync::Arc;

/// Why a text is no topic name or filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// There is nothing in it.
    #[error("the topic is empty")]
    Empty,
    /// It is longer than the profile allows, in bytes.
    #[error("the topic has more than {0} bytes")]
    TooLong(usize),
    /// It has more levels than the profile allows.
    #[error("the topic has more than {0} slashes")]
    TooDeep(usize),
    /// U+0000 ([MQTT-4.7.3-2]).
    #[error("the topic has a zero character")]
    Zero,
    /// A character that the profile does not allow (MQTT 5.0 [1.5.4]).
    #[error("the topic has a control character")]
    ControlCharacter,
    /// A wildcard in a topic name ([MQTT-3.3.2-2]), or one out of place in a filter.
    #[error("a wildcard is out of place")]
    Wildcard,
    /// The share name is missing, too long or has a wildcard ([MQTT-4.8.2-1]).
    #[error("the share name is not valid")]
    ShareName,
    /// A topic beginning with `$` that clients may not use so.
    #[error("the topic is reserved")]
    Reserved,
    /// A topic below `$SYS/`, where servers tell of themselves and clients are to be kept from telling
    /// each other anything (MQTT 5.0 [4.7.2]).
    #[error("the topic is the server's")]
    Server,
}

/// A topic that can be published to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Checks a topic that a client publishes to.
    pub fn parse(text: &str, profile: &Profile) -> Result<Self, TopicError> {
        check_publish(text, profile)?;
        Ok(TopicName(text.into()))
    }

    /// The topic.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a topic that a client publishes to, without an allocation.
pub fn check_publish(text: &str, profile: &Profile) -> Result<(), TopicError> {
    if text.contains(['+', '#']) {
        return Err(TopicError::Wildcard);
    }
    // AWS counts neither length nor slashes of `$aws/rules/NAME/`.
    let counted = match reserved::BasicIngest::parse(text) {
        Some(ingest) if profile.reserved_topics => ingest.topic,
        _ => text,
    };
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if !profile.allows_characters(text) {
        return Err(TopicError::ControlCharacter);
    }
    check_size(counted, profile)?;
    if !reserved::may_publish(text, profile) {
        return Err(TopicError::Reserved);
    }
    if text.starts_with("$SYS/") {
        return Err(TopicError::Server);
    }
    Ok(())
}

fn check_size(text: &str, profile: &Profile) -> Result<(), TopicError> {
    if text.len() > profile.topic_bytes {
        return Err(TopicError::TooLong(profile.topic_bytes));
    }
    let mut slashes = 0;
    for byte in text.bytes() {
        slashes += usize::from(byte == b'/');
        if byte == 0 {
            return Err(TopicError::Zero);
        }
    }
    if slashes > profile.topic_slashes {
        return Err(TopicError::TooDeep(profile.topic_slashes));
    }
    Ok(())
}

/// A filter that can be subscribed to, without `$share/NAME/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Checks the form and size of a filter; not whether a reserved topic may be subscribed to.
    pub fn parse(text: &str, profile: &Profile) -> Result<Self, TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        check_size(text, profile)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let fits = match level {
                "#" => levels.peek().is_none(),
                "+" => true,
                plain => !plain.contains(['+', '#']),
            };
            if !fits {
                return Err(TopicError::Wildcard);
            }
        }
        Ok(TopicFilter(text.into()))
    }

    /// The filter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has wildcards; without, it is a topic.
    pub fn has_wildcards(&self) -> bool {
        self.0.contains(['+', '#'])
    }

    /// Whether a topic matches. `hash_matches_parent`: see [`Profile::hash_matches_parent`].
    pub fn matches(&self, topic: &str, hash_matches_parent: bool) -> bool {
        // [MQTT-4.7.2-1]: wildcards in the first level match no topic beginning with `$`.
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let (mut filter, mut topic) = (self.0.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), Some(_)) | (None, None) => return true,
                (Some("#"), None) => return hash_matches_parent,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(name)) if level == name => {}
                (Some(_) | None, _) => return false,
            }
        }
    }
}

/// A subscription as a client names it: a filter, perhaps shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The name in `$share/NAME/FILTER`.
    pub share: Option<Arc<str>>,
    /// The filter.
    pub filter: TopicFilter,
}

impl Subscription {
    /// Takes a subscription apart and checks its parts. At AWS length and slashes are those of
    /// the filter alone (Quotas).
    pub fn parse(text: &str, profile: &Profile) -> Result<Self, TopicError> {
        let Some(shared) = text.strip_prefix("$share/") else {
            // `$share` alone, or with a name alone, is nobody's topic.
            if text == "$share" {
                return Err(TopicError::ShareName);
            }
            return Ok(Subscription {
                share: None,
                filter: TopicFilter::parse(text, profile)?,
            });
        };
        let (name, filter) = shared.split_once('/').ok_or(TopicError::ShareName)?;
        let long = name.chars().count() > profile.share_name_chars;
        if name.is_empty() || long || name.contains(['+', '#']) {
            return Err(TopicError::ShareName);
        }
        let filter = TopicFilter::parse(filter, profile)?;
        Ok(Subscription {
            share: Some(name.into()),
            filter,
        })
    }
}
