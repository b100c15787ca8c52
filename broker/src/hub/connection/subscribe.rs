//! SUBSCRIBE and UNSUBSCRIBE from a client.

use super::{Connection, End};
use crate::hub::group::Group;
use crate::hub::router::Subscriber;
use crate::hub::session::Subscribed;
use mqtt::codec::{
    self, ReasonCode, RetainHandling, Subscribe, SubscribeFilter, Unsubscribe, Version,
};
use mqtt::reserved::may_subscribe;
use mqtt::topic::Subscription;
use mqtt::{QoS, codec::UserProperties};
use policy::VariableMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A filter that is granted.
struct Granted<'a> {
    asked: SubscribeFilter<'a>,
    subscription: Subscription,
    qos: QoS,
}

impl Connection {
    pub(super) fn subscribe(&mut self, subscribe: &Subscribe<'_>) -> ControlFlow<End> {
        self.check_subscribe(subscribe)?;
        let (mut codes, mut granted) = (Vec::new(), Vec::new());
        for asked in subscribe.filters() {
            match self.grant(asked, granted.len()) {
                Ok(grant) => {
                    codes.push(granted_code(grant.qos));
                    granted.push(grant);
                }
                Err(code) => codes.push(code),
            }
        }
        // AWS cuts MQTT 3.1.1 clients off instead of answering with 0x80, but for the quota.
        let refused = codes
            .iter()
            .find(|code| code.is_error() && **code != ReasonCode::QuotaExceeded);
        if let Some(code) = refused
            && self.version == Version::V311
            && self.hub.profile.refused_subscribe_closes_v3
        {
            return match code {
                ReasonCode::NotAuthorized => ControlFlow::Break(End::AuthError),
                code => Self::refuse(*code, "a filter that cannot be subscribed to"),
            };
        }
        let (version, id) = (self.version, subscribe.packet_id);
        self.reply(|out| codec::put_suback(out, version, id, &codes));
        let subscription_id = subscribe.properties.subscription_id;
        let filters: Vec<&str> = granted.iter().map(|grant| grant.asked.filter).collect();
        self.join(granted, subscription_id);
        self.tell_subscriptions("subscribed", &filters);
        ControlFlow::Continue(())
    }

    fn tell_subscriptions(&self, kind: &'static str, filters: &[&str]) {
        self.hub
            .event_subscriptions(kind, &self.session, &self.visit, filters);
    }

    fn check_subscribe(&self, subscribe: &Subscribe<'_>) -> ControlFlow<End> {
        let profile = &self.hub.profile;
        if subscribe.filters().count() > profile.filters_per_subscribe {
            return Self::refuse(ReasonCode::QuotaExceeded, "too many filters in a packet");
        }
        if subscribe.properties.subscription_id.is_some() && !profile.subscription_ids {
            let why = "Subscription Id is not supported now";
            return Self::refuse(ReasonCode::SubscriptionIdentifiersNotSupported, why);
        }
        self.check_user_properties(subscribe.properties.user_properties)?;
        let above = |filter: &SubscribeFilter<'_>| filter.qos > profile.qos_max;
        if profile.subscribe_qos2_closes && subscribe.filters().any(|filter| above(&filter)) {
            return Self::refuse(ReasonCode::QosNotSupported, "QoS 2 is not supported");
        }
        ControlFlow::Continue(())
    }

    fn check_user_properties(&self, properties: UserProperties<'_>) -> ControlFlow<End> {
        let bytes: usize = properties.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes > self.hub.profile.user_property_bytes {
            return Self::refuse(ReasonCode::QuotaExceeded, "user properties too large");
        }
        ControlFlow::Continue(())
    }

    /// Whether a filter may be subscribed to; `before` filters of its packet are granted already.
    fn grant<'a>(
        &self,
        asked: SubscribeFilter<'a>,
        before: usize,
    ) -> Result<Granted<'a>, ReasonCode> {
        let profile = &self.hub.profile;
        let refused = |reason: &str| {
            let client_id = &self.session.client_id;
            tracing::warn!(?client_id, filter = ?asked.filter, reason, "filter refused");
            ReasonCode::TopicFilterInvalid
        };
        let subscription =
            Subscription::parse(asked.filter, profile).map_err(|why| refused(&why.to_string()))?;
        if !may_subscribe(subscription.filter.as_str(), profile) {
            return Err(refused("the topic is reserved"));
        }
        let resource = format!("{}topicfilter/{}", self.hub.arn, asked.filter);
        let action = "iot:Subscribe";
        let verdict = self.guard.decide(action, &resource, &VariableMap::new());
        if !verdict.allowed {
            let (client, principal) = (Some(&self.session.client_id), self.guard.principal());
            let hub = &self.hub;
            hub.refused(client, principal, action, &resource, &verdict.reason);
            return Err(ReasonCode::NotAuthorized);
        }
        let state = self.session.state.lock();
        let count = state.subscriptions.len() + before;
        if count >= profile.subscriptions_per_connection
            && !state.subscriptions.contains_key(asked.filter)
        {
            let client_id = &self.session.client_id;
            tracing::warn!(?client_id, filter = ?asked.filter, count, "too many subscriptions");
            return Err(ReasonCode::QuotaExceeded);
        }
        let qos = asked.qos.min(profile.qos_max);
        Ok(Granted {
            asked,
            subscription,
            qos,
        })
    }

    /// Enters granted filters in session and router, and sends what is retained.
    fn join(&mut self, granted: Vec<Granted<'_>>, subscription_id: Option<u32>) {
        for grant in granted {
            let Some(is_new) = self.remember(&grant) else {
                continue;
            };
            let subscriber = Subscriber {
                session: Arc::clone(&self.session),
                qos: grant.qos,
                no_local: grant.asked.no_local,
                retain_as_published: grant.asked.retain_as_published,
                subscription_id,
            };
            let persistent = self.session.state.lock().expiry_s > 0;
            let group: Option<Arc<Group>> =
                self.hub
                    .router
                    .write()
                    .subscribe(&grant.subscription, subscriber, persistent);
            self.hub.routes_changed();
            // MQTT 5.0 [4.8.2]: shared subscriptions are sent no retained messages.
            if let Some(group) = group {
                self.hub.drain_group(&group, self.now_ms);
                continue;
            }
            let wanted = match grant.asked.retain_handling {
                RetainHandling::Send => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DoNotSend => false,
            };
            if wanted {
                let filter = &grant.subscription.filter;
                let (qos, now_ms) = (grant.qos, self.now_ms);
                self.hub
                    .send_retained(&self.session, filter, qos, subscription_id, now_ms);
            }
        }
    }

    /// Notes a subscription in the session and says whether it is new; `None` when the session is
    /// over, which another connection may have brought about.
    fn remember(&self, grant: &Granted<'_>) -> Option<bool> {
        let mut state = self.session.state.lock();
        if state.over {
            return None;
        }
        let subscribed = Subscribed {
            subscription: grant.subscription.clone(),
        };
        let before = state
            .subscriptions
            .insert(grant.asked.filter.into(), subscribed);
        Some(before.is_none())
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) -> ControlFlow<End> {
        if unsubscribe.filters().count() > self.hub.profile.filters_per_subscribe {
            return Self::refuse(ReasonCode::QuotaExceeded, "too many filters in a packet");
        }
        let (mut codes, mut removed) = (Vec::new(), Vec::new());
        for filter in unsubscribe.filters() {
            let known = self.session.state.lock().subscriptions.remove(filter);
            codes.push(match known {
                Some(known) => {
                    let session = &self.session;
                    let mut router = self.hub.router.write();
                    router.unsubscribe(&known.subscription, session);
                    drop(router);
                    self.hub.routes_changed();
                    removed.push(filter);
                    ReasonCode::Success
                }
                None => self.hub.profile.unsubscribe_unknown,
            });
        }
        let (version, id) = (self.version, unsubscribe.packet_id);
        self.reply(|out| codec::put_unsuback(out, version, id, &codes));
        self.tell_subscriptions("unsubscribed", &removed);
        ControlFlow::Continue(())
    }
}

fn granted_code(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQos1,
        QoS::ExactlyOnce => ReasonCode::GrantedQos2,
    }
}
