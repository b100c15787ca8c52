//! PUBLISH from a client: limits, policies, route, acknowledgement.

use super::{Connection, End, NO_MEMORY, Publication};
use crate::budget::Claim;
use crate::hub::journal::Exchange;
use crate::hub::origin::{Origin, Protocol};
use crate::hub::outbox::RUN_BYTES_MAX;
use crate::hub::publication::PublishedPacket;
use crate::hub::route::Route;
use crate::hub::route::TOPIC_BYTES_REMEMBERED;
use mqtt::QoS;
use mqtt::codec::{self, Frame, Publish, PublishRun, ReasonCode, Version};
use mqtt::profile::Denied;
use mqtt::session::AliasError;
use mqtt::topic::{TopicError, check_publish};
use policy::VariableMap;
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Topics whose decisions and routes a connection remembers.
const TOPICS_MAX: usize = 256;

/// The topics that a connection may publish to, as far as it has been asked, and where they lead.
pub(super) struct Topics {
    origin: Origin,
    /// The epoch of the control plane that `known` is of.
    of: u64,
    known: HashMap<Arc<str>, Topic, foldhash::fast::RandomState>,
}

/// A valid topic that the client may publish to.
struct Topic {
    route: Arc<Route>,
    /// Whether it may set RETAIN; asked for when it first does.
    retain: bool,
}

impl Topics {
    pub(super) fn new(principal: &Arc<str>, client_id: &Arc<str>, address: IpAddr) -> Self {
        Self {
            origin: Origin {
                client_id: Some(Arc::clone(client_id)),
                principal: Arc::clone(principal),
                source_ip: Some(address),
                protocol: Protocol::Mqtt,
                hops: 0,
            },
            of: 0,
            known: HashMap::default(),
        }
    }
}

/// What became of a PUBLISH before it is routed.
enum Refused {
    /// The topic has a character that makes the packet malformed.
    Character(String),
    /// The topic is not valid, or nothing that clients publish to.
    Topic(String),
    /// A policy forbids it, or it is the server's.
    Denied,
}

impl Connection {
    /// Acts on a PUBLISH; `packet` is the whole of it.
    pub(super) fn publish(&mut self, publish: &Publish<'_>, packet: &[u8]) -> ControlFlow<End> {
        if publish.qos > self.hub.profile.qos_max {
            return self.publish_above_qos_max();
        }
        self.check_publish_limits(publish)?;
        if !self.within_quotas(publish) {
            return ControlFlow::Continue(());
        }
        let aliased = publish.properties.topic_alias.is_some();
        let resolved;
        let topic = if aliased {
            resolved = self.resolve_alias(publish)?;
            &*resolved
        } else {
            publish.topic
        };
        let route = match self.route(topic, publish.retain) {
            Ok(route) => route,
            Err(Refused::Character(reason)) => {
                return Self::refuse(ReasonCode::MalformedPacket, reason);
            }
            Err(Refused::Topic(reason)) => return self.topic_refused(publish, reason),
            Err(Refused::Denied) => return self.publish_denied(publish),
        };
        if publish.qos == QoS::ExactlyOnce {
            return self.publish_once(publish, packet, aliased, &route);
        }
        if publish.qos == QoS::AtLeastOnce && self.hub.budget.refuses(Claim::Publish) {
            return self.publish_without_memory(publish);
        }
        let reason = self.route_publish(publish, packet, aliased, &route);
        self.acknowledge(publish, reason);
        ControlFlow::Continue(())
    }

    /// Acts on the PUBLISH packets behind `before` that differ in their payloads alone: in one piece,
    /// where nobody can tell it from one by one. Says how many bytes they are.
    pub(super) fn publish_run(
        &mut self,
        before: &Frame<'_>,
        bytes: &[u8],
    ) -> ControlFlow<End, usize> {
        let profile = &self.hub.profile;
        let (bytes_max, payload_max) = (profile.packet_bytes, profile.payload_bytes);
        let bytes_max = bytes_max.min(RUN_BYTES_MAX);
        let run = PublishRun::behind(before, bytes, self.version, bytes_max, payload_max);
        let Some(run) = run else {
            return ControlFlow::Continue(0);
        };
        let known = self.known_route(run.topic(), false);
        if let Some(route) = known.filter(|route| self.hub.takes_runs(route)) {
            let from = Some(self.session.number);
            self.hub.deliver_run(&run, &route, from, self.now_ms);
        } else {
            for (packet, publish) in run.iter() {
                self.publish(&publish, packet)?;
            }
        }
        ControlFlow::Continue(run.bytes.len())
    }

    /// AWS ignores QoS 2 of MQTT 3.1.1, and ends the connection of MQTT 5 ("MQTT" in the guide).
    fn publish_above_qos_max(&self) -> ControlFlow<End> {
        match self.version {
            Version::V311 => {
                let client_id = &self.session.client_id;
                tracing::warn!(?client_id, "PUBLISH with QoS 2 ignored");
                ControlFlow::Continue(())
            }
            Version::V5 => Self::refuse(ReasonCode::QosNotSupported, "QoS 2 is not supported"),
        }
    }

    /// Whether the rate quotas leave room for a message. One beyond them is discarded; AWS does
    /// not acknowledge it to a client of MQTT 3.1.1.
    fn within_quotas(&self, publish: &Publish<'_>) -> bool {
        if self.hub.quotas.is_none() {
            return true;
        }
        let (client_id, now_ms) = (&self.session.client_id, self.now_ms);
        let within = self
            .hub
            .quota_publish(client_id, &self.link, now_ms)
            .is_ok()
            && (!publish.retain
                || self
                    .hub
                    .quota_retain(Some(client_id), publish.topic, now_ms)
                    .is_ok());
        let answered = self.version == Version::V5;
        match self.hub.profile.throttled_publish_v5 {
            Denied::Refuse if !within && answered => {
                self.acknowledge(publish, ReasonCode::QuotaExceeded);
            }
            Denied::Refuse | Denied::Ignore | Denied::Close => {}
        }
        within
    }

    fn check_publish_limits(&self, publish: &Publish<'_>) -> ControlFlow<End> {
        let profile = &self.hub.profile;
        if publish.payload.len() > profile.payload_bytes {
            return Self::refuse(ReasonCode::QuotaExceeded, "payload too large");
        }
        let properties = &publish.properties;
        if properties.raw.is_empty() {
            return ControlFlow::Continue(());
        }
        if properties.subscription_id.is_some() {
            let why = "a subscription identifier in a client's PUBLISH";
            return Self::refuse(ReasonCode::ProtocolError, why);
        }
        let content_type = properties.content_type.map_or(0, str::len);
        let correlation_data = properties.correlation_data.map_or(0, <[u8]>::len);
        if properties.user_property_bytes() > profile.user_property_bytes
            || content_type > profile.content_type_bytes
            || correlation_data > profile.correlation_data_bytes
        {
            return Self::refuse(ReasonCode::QuotaExceeded, "properties too large");
        }
        ControlFlow::Continue(())
    }

    fn resolve_alias(&self, publish: &Publish<'_>) -> ControlFlow<End, Arc<str>> {
        let alias = publish.properties.topic_alias.unwrap_or_default();
        let maximum = self.hub.profile.topic_alias_maximum;
        let mut incoming = self.session.incoming.lock();
        match incoming.resolve(publish.topic, alias, maximum) {
            Ok(topic) => ControlFlow::Continue(topic),
            Err(AliasError::Invalid) => {
                Self::refuse(ReasonCode::TopicAliasInvalid, "topic alias out of range")
            }
            Err(AliasError::Unknown) => Self::refuse(
                ReasonCode::ProtocolError,
                "a topic alias that was never set",
            ),
        }
    }

    /// The route of a topic, if it is known that the client may publish to it.
    fn known_route(&mut self, topic: &str, retain: bool) -> Option<Arc<Route>> {
        let epoch = self.hub.things.epoch();
        if self.topics.of != epoch {
            self.topics.known.clear();
            self.topics.of = epoch;
        }
        let known = self.topics.known.get_mut(topic)?;
        if retain && !known.retain {
            return None;
        }
        if !self.hub.is_current(&known.route) {
            known.route = self.hub.route(topic);
        }
        Some(Arc::clone(&known.route))
    }

    /// The route of a topic that the client may publish to.
    fn route(&mut self, topic: &str, retain: bool) -> Result<Arc<Route>, Refused> {
        if let Some(route) = self.known_route(topic, retain) {
            return Ok(route);
        }
        self.check(topic, retain)?;
        let route = self.hub.route(topic);
        if topic.len() > TOPIC_BYTES_REMEMBERED {
            return Ok(route);
        }
        if self.topics.known.len() >= TOPICS_MAX {
            self.topics.known.clear();
        }
        let known = Topic {
            route: Arc::clone(&route),
            retain,
        };
        self.topics.known.insert(Arc::clone(&route.topic), known);
        Ok(route)
    }

    /// Whether the client may publish to a topic at all.
    fn check(&self, topic: &str, retain: bool) -> Result<(), Refused> {
        match check_publish(topic, &self.hub.profile) {
            Ok(()) => {}
            Err(why @ TopicError::ControlCharacter) => {
                return Err(Refused::Character(why.to_string()));
            }
            Err(why @ TopicError::Server) => {
                let client_id = &self.session.client_id;
                tracing::warn!(?client_id, ?topic, reason = %why, "publish refused");
                return Err(Refused::Denied);
            }
            Err(why) => return Err(Refused::Topic(why.to_string())),
        }
        if retain && topic.starts_with('$') && !self.hub.profile.retained_on_reserved {
            let why = "messages on reserved topics cannot be retained";
            return Err(Refused::Topic(why.to_owned()));
        }
        self.authorize(topic, retain)
    }

    fn authorize(&self, topic: &str, retain: bool) -> Result<(), Refused> {
        let resource = self.hub.topic_arn(topic);
        let actions = ["iot:Publish", "iot:RetainPublish"];
        for action in actions.into_iter().take(if retain { 2 } else { 1 }) {
            let verdict = self.guard.decide(action, &resource, &VariableMap::new());
            if !verdict.allowed {
                let (client, principal) = (Some(&self.session.client_id), self.guard.principal());
                let hub = &self.hub;
                hub.refused(client, principal, action, &resource, &verdict.reason);
                return Err(Refused::Denied);
            }
        }
        Ok(())
    }

    /// A topic that cannot be published to: MQTT 3.1.1 has no way to say so.
    fn topic_refused(&self, publish: &Publish<'_>, reason: String) -> ControlFlow<End> {
        let client_id = &self.session.client_id;
        tracing::warn!(?client_id, topic = ?publish.topic, reason, "topic refused");
        if self.version == Version::V5 && publish.qos > QoS::AtMostOnce {
            self.acknowledge(publish, ReasonCode::TopicNameInvalid);
            return ControlFlow::Continue(());
        }
        Self::refuse(ReasonCode::TopicNameInvalid, reason)
    }

    /// There is no memory to keep a message in. It is not acknowledged as if it had been: MQTT 3.1.1
    /// knows no other answer than the end of the connection ([MQTT-3.3.5-2]).
    fn publish_without_memory(&self, publish: &Publish<'_>) -> ControlFlow<End> {
        if self.version == Version::V5 {
            self.acknowledge(publish, ReasonCode::QuotaExceeded);
            return ControlFlow::Continue(());
        }
        Self::refuse(ReasonCode::QuotaExceeded, NO_MEMORY)
    }

    fn publish_denied(&self, publish: &Publish<'_>) -> ControlFlow<End> {
        match self.hub.profile.denied_publish(self.version, publish.qos) {
            Denied::Close => return ControlFlow::Break(End::AuthError),
            Denied::Refuse => self.acknowledge(publish, ReasonCode::NotAuthorized),
            Denied::Ignore => self.acknowledge(publish, ReasonCode::Success),
        }
        ControlFlow::Continue(())
    }

    /// Sends a QoS 2 message on its way unless it was before. That it was is on disk together with
    /// what it became.
    fn publish_once(
        &self,
        publish: &Publish<'_>,
        packet: &[u8],
        aliased: bool,
        route: &Route,
    ) -> ControlFlow<End> {
        let id = publish.packet_id.unwrap_or_default();
        if !self.receive_qos2(publish)? {
            return ControlFlow::Continue(());
        }
        if self.hub.budget.refuses(Claim::Publish) {
            self.session.incoming.lock().release(id);
            return self.publish_without_memory(publish);
        }
        let journal = self.hub.journal.as_ref();
        let together = journal.map(|journal| journal.together());
        let reason = self.route_publish(publish, packet, aliased, route);
        if reason.is_error() {
            // MQTT 5.0 [4.3.3-4]: the exchange is over, and the packet id is free.
            self.session.incoming.lock().release(id);
        } else if let Some(keeper) = &self.session.keeper {
            keeper.begin(Exchange::Received(id));
        }
        drop(together);
        self.acknowledge(publish, reason);
        ControlFlow::Continue(())
    }

    /// Notes a QoS 2 message; false when it was routed before (MQTT 5.0 [4.3.3]).
    fn receive_qos2(&self, publish: &Publish<'_>) -> ControlFlow<End, bool> {
        let id = publish.packet_id.unwrap_or_default();
        let mut incoming = self.session.incoming.lock();
        let fresh = incoming.receive(id);
        let unreleased = incoming.unreleased();
        drop(incoming);
        // MQTT 3.1.1 has no Receive Maximum; the packet ids are its bound.
        let bounded = self.version == Version::V5;
        if bounded && unreleased > usize::from(self.hub.profile.inbound_inflight) {
            let why = "more QoS 2 messages than Receive Maximum allows";
            return Self::refuse(ReasonCode::ReceiveMaximumExceeded, why);
        }
        if !fresh {
            // The first one may not be on disk yet.
            if let Some(journal) = &self.hub.journal {
                journal.touch();
            }
            self.acknowledge(publish, ReasonCode::Success);
        }
        ControlFlow::Continue(fresh)
    }

    /// Sends the message on its way; the reason code is for the acknowledgement.
    fn route_publish(
        &self,
        publish: &Publish<'_>,
        packet: &[u8],
        aliased: bool,
        route: &Route,
    ) -> ReasonCode {
        let properties = forwardable(publish);
        let expiry_s = publish.properties.message_expiry_s;
        let expires_at_ms = expiry_s
            .map(|asked| self.now_ms + u64::from(self.hub.profile.message_expiry_s(asked)) * 1000);
        let as_it_is =
            publish.qos == QoS::AtMostOnce && !aliased && matches!(properties, Cow::Borrowed(_));
        let published = PublishedPacket {
            qos: publish.qos,
            retain: publish.retain,
            payload: publish.payload,
            properties: &properties,
            expires_at_ms,
            now_ms: self.now_ms,
            verbatim: as_it_is.then_some((self.version, packet)),
        };
        let publication = Publication::of_packet(&published, &route.topic, &self.hub.budget);
        if let Some(journal) = &self.hub.journal {
            journal.watch();
        }
        let kept = !publish.retain || self.hub.retain(publication.message(), self.now_ms);
        let from = Some(self.session.number);
        self.hub
            .deliver(&publication, route, from, &self.topics.origin);
        match kept {
            false => ReasonCode::QuotaExceeded,
            true if publish.qos == QoS::AtLeastOnce && route.leads_nowhere() => {
                self.hub.profile.no_subscribers
            }
            true => ReasonCode::Success,
        }
    }

    fn acknowledge(&self, publish: &Publish<'_>, reason: ReasonCode) {
        let Some(id) = publish.packet_id else {
            return;
        };
        let version = self.version;
        let qos = publish.qos;
        self.answer(move |out| match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => codec::put_puback(out, version, id, reason),
            QoS::ExactlyOnce => codec::put_pubrec(out, version, id, reason),
        });
    }
}

/// The properties that travel to receivers; borrowed when they are all that there are.
fn forwardable<'a>(publish: &Publish<'a>) -> Cow<'a, [u8]> {
    if publish.properties.is_forwardable() {
        return Cow::Borrowed(publish.properties.raw);
    }
    let mut kept = Vec::new();
    publish.properties.put_forwardable(&mut kept);
    Cow::Owned(kept)
}
