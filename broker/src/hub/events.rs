//! Lifecycle events: what AWS IoT publishes when clients come, go, fail to connect, subscribe and
//! unsubscribe ("Lifecycle events" in the AWS IoT developer guide).

use super::Hub;
use super::connections::Left;
use super::end::End;
use super::group::random_uuid;
use super::link::Link;
use super::origin::{Origin, Protocol};
use super::publication::Publication;
use super::session::Session;
use crate::auth::{Guard, Identity};
use bytes::Bytes;
use dashmap::DashMap;
use mqtt::{Message, QoS};
use rustls_pki_types::CertificateDer;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use things::{Connectivity, JustInTime, RegistryEvent};
use uuid::Uuid;

/// Time after which a client's version numbers begin anew, while it is not connected; about an
/// hour at AWS.
const VERSION_KEPT_MS: u64 = 3_600_000;

/// With more clients than this, those that are away are forgotten at once.
const ENTRIES_MANY: usize = 100_000;

/// Connects of each client id, for `versionNumber`.
#[derive(Debug, Default)]
pub(super) struct Presence(DashMap<Arc<str>, Seen, foldhash::fast::RandomState>);

#[derive(Debug)]
struct Seen {
    version: u64,
    connected: u32,
    left_ms: u64,
    /// When the last connection began.
    since_ms: u64,
    /// The last connection, once it has ended.
    left: Option<Box<Left>>,
}

/// What the events of one connection have in common.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// `sessionIdentifier`.
    id: Uuid,
    version: u64,
}

impl Presence {
    fn enter(&self, client_id: &Arc<str>, since_ms: u64) -> u64 {
        let mut seen = self.0.entry(Arc::clone(client_id)).or_insert(Seen {
            version: 0,
            connected: 0,
            left_ms: u64::MAX,
            since_ms,
            left: None,
        });
        (seen.since_ms, seen.left) = (since_ms, None);
        // The first visit has number 0.
        if seen.connected > 0 || seen.left_ms < u64::MAX {
            seen.version += 1;
        }
        seen.connected += 1;
        seen.version
    }

    /// Whether a client is connected.
    pub(super) fn connectivity(&self, client_id: &str) -> Option<Connectivity> {
        let seen = self.0.get(client_id)?;
        Some(match &seen.left {
            Some(left) => Connectivity {
                connected: false,
                since_ms: left.at_ms(),
                disconnect_reason: Some(left.reason()),
            },
            None => Connectivity {
                connected: true,
                since_ms: seen.since_ms,
                disconnect_reason: None,
            },
        })
    }

    fn leave(&self, client_id: &str, left: Left) {
        if let Some(mut seen) = self.0.get_mut(client_id) {
            seen.connected = seen.connected.saturating_sub(1);
            seen.left_ms = left.at_ms();
            // Another connection may have taken over.
            seen.left = (seen.connected == 0).then(|| Box::new(left));
        }
    }

    /// The last connection of a client that is gone.
    pub(super) fn left(&self, client_id: &str) -> Option<Left> {
        let seen = self.0.get(client_id)?;
        seen.left.as_deref().cloned()
    }

    /// Forgets everybody.
    pub(super) fn clear(&self) {
        self.0.clear();
    }

    /// Forgets clients that have been away for long.
    pub(super) fn expire(&self, now_ms: u64) {
        // Whoever makes up client ids does not fill the memory.
        let kept_ms = match self.0.len() {
            0..ENTRIES_MANY => VERSION_KEPT_MS,
            _ => 0,
        };
        self.0
            .retain(|_, seen| seen.connected > 0 || now_ms.saturating_sub(seen.left_ms) < kept_ms);
    }
}

impl Hub {
    /// A client has connected.
    pub(super) fn event_connected(&self, session: &Session, link: &Link, address: IpAddr) -> Visit {
        // Without events nobody asks how often a client came.
        let version = match self.profile.reserved_topics {
            true => self.presence.enter(&session.client_id, link.since_ms),
            false => 0,
        };
        let visit = Visit {
            id: random_uuid(),
            version,
        };
        let guard = session.guard.load();
        self.event("presence/connected", &session.client_id, &guard, |event| {
            event.insert("eventType".into(), "connected".into());
            event.insert("sessionIdentifier".into(), visit.id.to_string().into());
            event.insert("ipAddress".into(), json!(address));
            event.insert("versionNumber".into(), visit.version.into());
        });
        visit
    }

    /// A client is gone.
    pub(super) fn event_disconnected(
        &self,
        session: &Session,
        guard: &Guard,
        link: &Link,
        visit: &Visit,
        end: &End,
    ) {
        let reason = end.disconnect_reason();
        if self.profile.reserved_topics {
            let left = self.left(session, guard, link, reason);
            self.presence.leave(&session.client_id, left);
        }
        self.event(
            "presence/disconnected",
            &session.client_id,
            guard,
            |event| {
                let by_client = matches!(end, End::Client { .. });
                event.insert("eventType".into(), "disconnected".into());
                event.insert("clientInitiatedDisconnect".into(), by_client.into());
                event.insert("sessionIdentifier".into(), visit.id.to_string().into());
                event.insert("disconnectReason".into(), reason.into());
                event.insert("versionNumber".into(), visit.version.into());
            },
        );
    }

    /// A client may not connect.
    pub(super) fn event_connect_failed(&self, client_id: &str, guard: &Guard, address: IpAddr) {
        self.event("presence/connect_failed", client_id, guard, |event| {
            event.insert("eventType".into(), "connect_failed".into());
            let reason = "AUTHORIZATION_FAILED";
            event.insert("connectFailureReason".into(), reason.into());
            event.insert("sessionIdentifier".into(), random_uuid().to_string().into());
            event.insert("ipAddress".into(), json!(address));
        });
    }

    /// A client has subscribed to filters, or unsubscribed; `kind` is `subscribed` or
    /// `unsubscribed`.
    pub(super) fn event_subscriptions(
        &self,
        kind: &'static str,
        session: &Session,
        visit: &Visit,
        filters: &[&str],
    ) {
        if filters.is_empty() {
            return;
        }
        let guard = session.guard.load();
        let topic = format!("subscriptions/{kind}");
        self.event(&topic, &session.client_id, &guard, |event| {
            event.insert("eventType".into(), kind.into());
            event.insert("sessionIdentifier".into(), visit.id.to_string().into());
            event.insert("topics".into(), json!(filters));
        });
    }

    /// Publishes an event to those who listen. Client ids with `+` or `#` have none.
    fn event(
        &self,
        kind: &str,
        client_id: &str,
        guard: &Guard,
        fill: impl FnOnce(&mut Map<String, Value>),
    ) {
        if !self.profile.reserved_topics || client_id.contains(['+', '#']) {
            return;
        }
        let topic = format!("$aws/events/{kind}/{client_id}");
        // Not from the cache, which holds what is published again and again.
        let route = self.fresh_route(&topic, None);
        if route.leads_nowhere() {
            return;
        }
        let mut event = Map::new();
        event.insert("clientId".into(), client_id.into());
        if let Some(name) = self.exclusive_thing(guard, client_id) {
            event.insert("thingName".into(), name.into());
        }
        let now_ms = self.now_ms();
        event.insert("timestamp".into(), now_ms.into());
        let principal = guard.principal();
        event.insert("principalIdentifier".into(), json!(**principal));
        fill(&mut event);
        let topic = Arc::clone(&route.topic);
        let message = Arc::new(event_message(topic, Value::Object(event).to_string()));
        let origin = event_origin(Arc::clone(principal));
        let publication = Publication::of_message(&message, now_ms);
        self.deliver_and_settle(&publication, &route, &origin);
    }

    /// Registers the certificate of a client that is not let in yet, if its CA has it so, and
    /// tells of it: whoever listens may activate it, or its CA's template does.
    pub(super) fn register_just_in_time(&self, der: &CertificateDer<'static>, address: IpAddr) {
        let now_ms = self.now_ms();
        let registered = match self.things.register_just_in_time(der, now_ms) {
            Ok(Some(registered)) => registered,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "a certificate could not be registered just in time");
                return;
            }
        };
        let JustInTime {
            certificate,
            ca_certificate_id,
            is_new,
        } = &registered;
        let registered_ms = (!is_new).then(|| certificate.created_ms.to_string());
        let event = json!({
            "certificateId": *certificate.id,
            "caCertificateId": ca_certificate_id,
            "timestamp": now_ms,
            "certificateStatus": certificate.status.name(),
            "awsAccountId": self.things.account_id(),
            "certificateRegistrationTimestamp": registered_ms,
            "sourceIp": address,
        });
        let topic = format!("$aws/events/certificates/registered/{ca_certificate_id}");
        self.publish_event(&topic, event.to_string());
        // The event tells of the registration, which a template does not change: it is AWS's first
        // step of just-in-time provisioning too.
        if let Some(provisioner) = self.provisioner() {
            provisioner.just_in_time(der, &registered, now_ms);
        }
    }

    /// Publishes what the registry tells of a change.
    pub(crate) fn publish_registry_event(&self, event: &RegistryEvent) {
        if !self.profile.reserved_topics {
            return;
        }
        let now_ms = self.now_ms();
        let mut members = Map::new();
        members.insert("eventId".into(), random_uuid().to_string().into());
        members.insert("timestamp".into(), now_ms.into());
        members.extend(event.members.clone());
        self.publish_event(&event.topic, Value::Object(members).to_string());
    }

    fn publish_event(&self, topic: &str, payload: String) {
        let message = event_message(topic.into(), payload);
        self.publish(message, &event_origin("".into()));
    }

    /// The thing that events name: AWS names it for exclusive attachments alone.
    fn exclusive_thing(&self, guard: &Guard, client_id: &str) -> Option<String> {
        let Identity::Certificate { id, .. } = guard.identity() else {
            return None;
        };
        let thing = self.things.connection_thing(id, client_id)?;
        thing.exclusive.then_some(thing.name)
    }
}

/// An event as it is published.
pub(super) fn event_message(topic: Arc<str>, payload: String) -> Message {
    Message {
        topic,
        payload: Bytes::from(payload),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Bytes::new(),
        expires_at_ms: None,
    }
}

/// Events come from the server, on account of a principal.
pub(super) fn event_origin(principal: Arc<str>) -> Origin {
    Origin {
        client_id: None,
        principal,
        source_ip: None,
        protocol: Protocol::Server,
        hops: 0,
    }
}
