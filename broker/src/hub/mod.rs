//! The message core as the other doors see it: publish, retained messages, live connections,
//! and a tap on everything that passes.

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::net::Arrival;
use mqtt::{Message, Profile};
use rules::delivery::RuleHandle;
use std::net::IpAddr;
use std::sync::Arc;
use things::Things;

/// How a message or request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// An MQTT client, over TCP, TLS or WebSocket.
    Mqtt,
    /// The HTTP data plane.
    Http,
    /// A republish action of a rule.
    Rule,
    /// The server itself (lifecycle events, wills are Mqtt).
    Server,
}

/// Who published a message, for rules and logs.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The MQTT client id; `None` when it did not come over MQTT.
    pub(crate) client_id: Option<Arc<str>>,
    /// Certificate id, or the IAM identity (`principal()` in rule SQL).
    pub(crate) principal: Arc<str>,
    /// The publisher's address.
    pub(crate) source_ip: Option<IpAddr>,
    /// The way in.
    pub(crate) protocol: Protocol,
    /// How many republish actions it went through.
    pub(crate) hops: u8,
}

/// A retained message as `GetRetainedMessage` shows it.
#[derive(Clone, Debug)]
pub(crate) struct RetainedMessage {
    pub(crate) message: Message,
    pub(crate) last_modified_ms: u64,
}

/// What `thingcore tail` and the console show, as it happens.
#[derive(Clone, Debug)]
pub(crate) enum TapEvent {
    /// A message was accepted; `rules` names the rules that it was offered to.
    Published {
        message: Message,
        origin: Origin,
        rules: Vec<Arc<str>>,
        deliveries: usize,
    },
    /// Something was refused, and why (the deciding statement, the limit, the malformed packet).
    Refused {
        client_id: Option<Arc<str>>,
        principal: Arc<str>,
        action: &'static str,
        resource: String,
        reason: String,
    },
    /// A client connected.
    Connected {
        client_id: Arc<str>,
        principal: Arc<str>,
        source_ip: Option<IpAddr>,
    },
    /// A client left; `reason` is AWS's disconnectReason.
    Disconnected {
        client_id: Arc<str>,
        reason: &'static str,
    },
    /// A rule ran: `outcome` is `success` or what failed.
    RuleRan {
        rule: Arc<str>,
        topic: Arc<str>,
        action: String,
        outcome: String,
    },
}

/// What the message core is made of.
pub(crate) struct HubParts {
    pub(crate) profile: Profile,
    pub(crate) things: Arc<Things>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// For the ARNs of topics, filters and clients.
    pub(crate) region: String,
    pub(crate) account_id: String,
    /// The policy of anonymous clients; `None` allows them everything.
    pub(crate) anonymous: Option<Arc<policy::Document>>,
}

/// The message core.
pub(crate) struct Hub {}

impl Hub {
    /// A core without clients.
    pub(crate) fn new(parts: HubParts) -> Arc<Self> {
        let _ = parts;
        todo!()
    }

    /// Speaks MQTT with a client until it is gone. Runs on the shard that the connection is to
    /// stay on.
    pub(crate) async fn serve(self: Arc<Self>, arrival: Arrival) {
        let _ = arrival;
        todo!()
    }

    /// Does what time asks for, once a second: keep alive, session expiry, delayed wills.
    pub(crate) fn tick(&self) {
        todo!()
    }

    /// Routes a message to subscribers and rules, and stores it when it is retained. The caller
    /// has checked policies and limits.
    pub(crate) fn publish(&self, message: Message, origin: &Origin) {
        let _ = (message, origin);
        todo!()
    }

    /// The retained message of a topic.
    pub(crate) fn retained(&self, topic: &str) -> Option<RetainedMessage> {
        let _ = topic;
        todo!()
    }

    /// Retained messages in order of topic, beginning after `after`, at most `limit`.
    pub(crate) fn retained_page(&self, after: Option<&str>, limit: usize) -> Vec<RetainedMessage> {
        let _ = (after, limit);
        todo!()
    }

    /// Closes the live connections of a certificate, as its deactivation asks.
    pub(crate) fn close_principal(&self, certificate_id: &str) {
        let _ = certificate_id;
        todo!()
    }

    /// Tells the core that policies, attachments or certificates changed, so that cached
    /// decisions are taken anew.
    pub(crate) fn policies_changed(&self) {
        todo!()
    }

    /// Replaces the topic rules: those that are enabled and reachable.
    pub(crate) fn set_rules(&self, rules: Vec<RuleHandle>) {
        let _ = rules;
        todo!()
    }

    /// A live feed of what happens; a receiver that falls behind loses the oldest events.
    pub(crate) fn tap(&self) -> tokio::sync::broadcast::Receiver<Arc<TapEvent>> {
        todo!()
    }

    /// Drops sessions, retained messages and queues, and closes every connection
    /// (`/_thingcore/reset`).
    pub(crate) fn reset(&self) {
        todo!()
    }
}
