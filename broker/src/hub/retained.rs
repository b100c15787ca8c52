//! Retained messages, as publishers, subscribers and the HTTP data plane see them.

use super::Hub;
use super::publication::Publication;
use super::session::Session;
use crate::budget::Claim;
use mqtt::session::Outbound;
use mqtt::topic::TopicFilter;
use mqtt::{Message, QoS};
use std::sync::Arc;

/// A retained message as `GetRetainedMessage` shows it.
#[derive(Clone, Debug)]
pub(crate) struct RetainedMessage {
    pub(crate) message: Message,
    pub(crate) last_modified_ms: u64,
}

impl Hub {
    /// The retained message of a topic.
    pub(crate) fn retained(&self, topic: &str) -> Option<RetainedMessage> {
        let retained = self.retained.read();
        retained.get(topic, self.now_ms()).map(shown)
    }

    /// Retained messages in order of topic, beginning after `after`, at most `limit`.
    pub(crate) fn retained_page(&self, after: Option<&str>, limit: usize) -> Vec<RetainedMessage> {
        let retained = self.retained.read();
        retained
            .page(after, limit, self.now_ms())
            .map(shown)
            .collect()
    }

    /// Keeps a retained message; false when there is no room or no memory.
    pub(super) fn retain(&self, message: &Message, now_ms: u64) -> bool {
        if message.topic.starts_with('$') && !self.profile.retained_on_reserved {
            return true;
        }
        if !message.payload.is_empty() && self.budget.refuses(Claim::Retained) {
            return false;
        }
        let mut retained = self.retained.write();
        let kept = retained.set(message.clone(), now_ms);
        if let Some(journal) = &self.journal
            && kept
        {
            journal.retain(message, now_ms);
        }
        kept
    }

    /// Drops retained messages that have expired.
    pub(super) fn expire_retained(&self, now_ms: u64) {
        let mut retained = self.retained.write();
        let expired = retained.expire(now_ms);
        if let Some(journal) = &self.journal
            && !expired.is_empty()
        {
            journal.forget_retained(&expired);
        }
    }

    /// Drops all retained messages.
    pub(super) fn clear_retained(&self) {
        let mut retained = self.retained.write();
        if let Some(journal) = &self.journal {
            let all = retained.page(None, usize::MAX, 0);
            journal.forget_retained(all.map(|entry| &entry.message.topic));
        }
        retained.clear();
    }

    /// Sends a new subscriber the retained messages that its filter matches and its policies let
    /// it receive.
    pub(super) fn send_retained(
        &self,
        session: &Arc<Session>,
        filter: &TopicFilter,
        qos: QoS,
        subscription_id: Option<u32>,
        now_ms: u64,
    ) {
        let messages: Vec<Arc<Message>> = {
            let retained = self.retained.read();
            let (wildcards, parent) = (
                self.profile.retained_to_wildcards,
                self.profile.hash_matches_parent,
            );
            let matching = retained.matching(filter, wildcards, parent, now_ms);
            let owned = matching.into_iter().map(|entry| entry.message.clone());
            owned.map(Arc::new).collect()
        };
        for message in messages {
            if !self.may_receive(session, &self.topic_arn(&message.topic)) {
                continue;
            }
            let qos = qos.min(message.qos);
            if qos > QoS::AtMostOnce {
                let outbound = Outbound {
                    message,
                    qos,
                    retain: true,
                    subscription_ids: subscription_id.into(),
                    share: None,
                    stored: None,
                };
                session.send(outbound, now_ms);
                continue;
            }
            let publication = Publication::of_message(&message, now_ms);
            session.with_output(|outbox| {
                outbox.put_at_most_once(&publication, true, subscription_id.as_slice())
            });
        }
    }
}

fn shown(entry: &mqtt::retained::Entry) -> RetainedMessage {
    RetainedMessage {
        message: entry.message.clone(),
        last_modified_ms: entry.last_modified_ms,
    }
}
