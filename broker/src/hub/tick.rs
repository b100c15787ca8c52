//! What time asks for: withdrawn permissions, keep alive, delayed wills, ends of sessions, expiry of
//! retained messages, what is sent little by little or again.

use super::Hub;
use super::end::End;
use super::flush;
use super::origin::{Origin, Protocol};
use super::session::Session;
use super::will::StoredWill;
use crate::auth::{Granted, Identity};
use mqtt::Message;
use mqtt::codec::ReasonCode;
use mqtt::session::Redelivery;
use std::sync::Arc;

impl Hub {
    /// Does what is due, once a second.
    pub(crate) fn tick(&self) {
        let now_ms = self.now_ms();
        let tight = self.budget.is_tight();
        let recheck = self.permissions_changed();
        for session in self.sessions.all() {
            self.tick_session(&session, now_ms);
            if tight {
                self.shed(&session, now_ms);
            }
            if recheck {
                self.recheck_waiting(&session, now_ms);
            }
        }
        self.drain_slow_groups(now_ms);
        self.budget.log();
        self.expire_retained(now_ms);
        self.presence.expire(now_ms);
        self.expire_quotas(now_ms);
        self.tick_jobs(now_ms);
        if let Err(error) = self.things.expire_provisioning(now_ms) {
            tracing::error!(%error, "what was not provisioned in time stays");
        }
        flush::settle(now_ms);
    }

    /// Memory is short: takes back what a session does not use. A client that stands still with much
    /// of it loses its connection; messages above QoS 0 wait for its return.
    fn shed(&self, session: &Session, now_ms: u64) {
        if session.look(|outbox| outbox.is_stuck(now_ms)) {
            let why = "the client does not read, and memory is short";
            session.end_connection(End::error(ReasonCode::QuotaExceeded, why));
        } else {
            session.trim();
        }
    }

    fn tick_session(&self, session: &Arc<Session>, now_ms: u64) {
        if let Some(link) = session.link() {
            if let Identity::Custom(granted) = session.guard.load().identity() {
                if granted.ends_ms <= now_ms {
                    link.end(End::CustomAuthExpired);
                } else if granted.takes_refresh(now_ms) {
                    self.refresh(granted, now_ms);
                }
            }
            if link.is_silent(now_ms) {
                link.end(End::KeepAliveTimeout);
            } else if link.is_over(now_ms) {
                link.end(End::WebSocketLifetime);
            }
            let redelivery = self.profile.redelivery(session.version);
            if session.look(|outbox| outbox.is_due(redelivery, now_ms)) {
                self.send_due(session, redelivery, now_ms);
            }
            return;
        }
        let mut state = session.state.lock();
        let will = state.delayed_will.take_if(|will| will.0 <= now_ms);
        if will.is_some() {
            session.record(&state);
        }
        drop(state);
        if let Some((_, will)) = will.map(|will| *will) {
            self.publish_will(session, will, now_ms);
        }
        if session.is_over(now_ms) {
            // A client that has come back since keeps its session.
            self.end_session_if(session, |session| session.link().is_none());
        }
    }

    /// Sends what waited for nothing but time, and again what the client does not acknowledge.
    fn send_due(&self, session: &Arc<Session>, redelivery: Option<Redelivery>, now_ms: u64) {
        let may = |message: &Message| self.may_receive(session, &self.topic_arn(&message.topic));
        let given_up = session.with_output(|outbox| {
            let given_up = redelivery.map_or(0, |rules| outbox.redeliver(rules, may, now_ms));
            outbox.pump(now_ms);
            given_up
        });
        if given_up > 0 {
            self.metrics.published_out(0, given_up, 0);
            let client_id = &session.client_id;
            tracing::warn!(
                ?client_id,
                messages = given_up,
                "not acknowledged, given up"
            );
        }
    }

    /// Asks a custom authorizer again, beside everything else.
    fn refresh(&self, granted: &Arc<Granted>, now_ms: u64) {
        let runtime = tokio::runtime::Handle::try_current();
        let (Some(custom), Ok(runtime)) = (self.custom_auth.get(), runtime) else {
            return;
        };
        let (custom, granted) = (Arc::clone(custom), Arc::clone(granted));
        runtime.spawn(async move { custom.refresh(&granted, now_ms).await });
    }

    /// Publishes the will of a client that is lost. The client may have lost the permission since
    /// it connected, so it is asked for again.
    pub(super) fn publish_will(&self, session: &Session, will: StoredWill, now_ms: u64) {
        let message = will.into_message(now_ms);
        let guard = session.guard.load();
        let resource = self.topic_arn(&message.topic);
        let mut actions = ["iot:Publish", "iot:RetainPublish"]
            .into_iter()
            .take(if message.retain { 2 } else { 1 });
        if let Some(action) = actions.find(|action| !guard.allows(action, &resource)) {
            let reason = "the will may no longer be published";
            let (client, principal) = (Some(&session.client_id), guard.principal());
            self.refused(client, principal, action, &resource, reason);
            return;
        }
        let origin = Origin {
            client_id: Some(Arc::clone(&session.client_id)),
            principal: Arc::clone(guard.principal()),
            source_ip: None,
            protocol: Protocol::Mqtt,
            hops: 0,
        };
        drop(guard);
        self.publish(message, &origin);
    }
}
