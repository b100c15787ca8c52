//! What a client has sent that is not settled: topic aliases and QoS 2 packet ids.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a PUBLISH's topic and alias do not name a topic (MQTT 5.0 [3.3.2.3.4]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasError {
    /// The alias is 0 or above the broker's Topic Alias Maximum: reason code 0x94.
    Invalid,
    /// No topic, and the alias was never set on this connection: reason code 0x82.
    Unknown,
}

/// The incoming half of one connection. Aliases live as long as the connection, QoS 2 ids as long
/// as the session (MQTT 5.0 [4.1.0-1]).
#[derive(Debug, Default)]
pub struct Incoming {
    aliases: Vec<Option<Arc<str>>>,
    received: BTreeSet<u16>,
}

impl Incoming {
    /// The topic that a PUBLISH means: its own, which sets the alias if there is one, or the one
    /// that the alias stands for.
    pub fn resolve(
        &mut self,
        topic: &str,
        alias: u16,
        alias_maximum: u16,
    ) -> Result<Arc<str>, AliasError> {
        if alias == 0 || alias > alias_maximum {
            return Err(AliasError::Invalid);
        }
        let slot = usize::from(alias) - 1;
        if self.aliases.len() <= slot {
            self.aliases.resize(slot + 1, None);
        }
        if !topic.is_empty() {
            self.aliases[slot] = Some(topic.into());
        }
        self.aliases[slot].clone().ok_or(AliasError::Unknown)
    }

    /// Notes a QoS 2 PUBLISH. False when it was received before and must not be routed again
    /// (MQTT 3.1.1 [4.3.3], method A).
    pub fn receive(&mut self, id: u16) -> bool {
        self.received.insert(id)
    }

    /// Settles a QoS 2 exchange at PUBREL. False for an unknown id.
    pub fn release(&mut self, id: u16) -> bool {
        self.received.remove(&id)
    }

    /// Their packet ids.
    pub fn received(&self) -> impl Iterator<Item = u16> {
        self.received.iter().copied()
    }

    /// QoS 2 messages that the client has not released yet.
    pub fn unreleased(&self) -> usize {
        self.received.len()
    }

    /// Forgets what belongs to the connection and keeps what belongs to the session.
    pub fn disconnect(&mut self) {
        self.aliases = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_stands_for_the_topic_it_was_set_with() {
        let mut incoming = Incoming::default();
        assert_eq!(incoming.resolve("", 1, 8), Err(AliasError::Unknown));
        assert_eq!(incoming.resolve("a/b", 1, 8).as_deref(), Ok("a/b"));
        assert_eq!(incoming.resolve("", 1, 8).as_deref(), Ok("a/b"));
        assert_eq!(incoming.resolve("c", 1, 8).as_deref(), Ok("c"));
        assert_eq!(incoming.resolve("", 1, 8).as_deref(), Ok("c"));
        for alias in [0, 9] {
            assert_eq!(incoming.resolve("a", alias, 8), Err(AliasError::Invalid));
        }
        incoming.disconnect();
        assert_eq!(incoming.resolve("", 1, 8), Err(AliasError::Unknown));
    }

    #[test]
    fn a_qos_2_message_is_routed_once_until_it_is_released() {
        let mut incoming = Incoming::default();
        assert!(incoming.receive(7));
        assert!(!incoming.receive(7));
        assert!(incoming.release(7));
        assert!(!incoming.release(7));
        assert!(incoming.receive(7));
    }
}
