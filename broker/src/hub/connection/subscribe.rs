//! SUBSCRIBE and UNSUBSCRIBE from a client.

use super::{Connection, End};
use crate::hub::Hub;
use crate::hub::group::Group;
use crate::hub::session::Session;
use crate::hub::subscribers::Subscriber;
use crate::hub::subscriptions::Subscribed;
use mqtt::codec::{
    self, ReasonCode, RetainHandling, Subscribe, SubscribeFilter, Unsubscribe, Version,
};
use mqtt::reserved::may_subscribe;
use mqtt::topic::{Subscription, TopicFilter};
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

/// A new subscription whose client wants what is retained.
struct WantsRetained {
    filter: TopicFilter,
    qos: QoS,
    subscription_id: Option<u32>,
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
                code if *code == self.hub.profile.denied_subscribe => {
                    ControlFlow::Break(End::AuthError)
                }
                code => Self::refuse(*code, "a filter that cannot be subscribed to"),
            };
        }
        let (version, id) = (self.version, subscribe.packet_id);
        let suback = move |out: &mut Vec<u8>| codec::put_suback(out, version, id, &codes);
        let filters: Vec<&str> = granted.iter().map(|grant| grant.asked.filter).collect();
        let subscription_id = subscribe.properties.subscription_id;
        match &self.hub.journal {
            Some(journal) if self.session.keeper.is_some() => {
                journal.watch();
                let wanted = self.join(granted, subscription_id);
                self.answer_with_retained(suback, wanted);
            }
            Some(_) | None => {
                self.reply(suback);
                for wanted in self.join(granted, subscription_id) {
                    wanted.send(&self.hub, &self.session, self.now_ms);
                }
            }
        }
        self.tell_subscriptions("subscribed", &filters);
        ControlFlow::Continue(())
    }

    /// SUBACK once the subscriptions are on disk, and then what is retained.
    fn answer_with_retained(
        &self,
        suback: impl FnOnce(&mut Vec<u8>) + Send + 'static,
        wanted: Vec<WantsRetained>,
    ) {
        let (hub, number) = (Arc::clone(&self.hub), self.link.number);
        self.answer_with(move |session| {
            let there = session.with_output(|outbox| {
                let there = outbox.is_of(number);
                if there {
                    outbox.put(suback);
                }
                there
            });
            for wanted in wanted.iter().filter(|_| there) {
                wanted.send(&hub, session, hub.now_ms());
            }
        });
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
        self.check_characters(subscribe.filters().map(|asked| asked.filter))?;
        let above = |filter: &SubscribeFilter<'_>| filter.qos > profile.qos_max;
        if profile.subscribe_qos2_closes && subscribe.filters().any(|filter| above(&filter)) {
            return Self::refuse(ReasonCode::QosNotSupported, "QoS 2 is not supported");
        }
        ControlFlow::Continue(())
    }

    /// Filters with characters that the profile does not allow make a packet malformed.
    fn check_characters<'a>(&self, mut filters: impl Iterator<Item = &'a str>) -> ControlFlow<End> {
        if filters.all(|filter| self.hub.profile.allows_characters(filter)) {
            return ControlFlow::Continue(());
        }
        let why = "a control character in a topic filter";
        Self::refuse(ReasonCode::MalformedPacket, why)
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
            return Err(profile.denied_subscribe);
        }
        let state = self.session.state.lock();
        let count = state.subscriptions.len() + before;
        if count >= profile.subscriptions_per_connection
            && !state.subscriptions.contains(asked.filter)
        {
            let client_id = &self.session.client_id;
            tracing::warn!(?client_id, filter = ?asked.filter, count, "too many subscriptions");
            return Err(ReasonCode::QuotaExceeded);
        }
        drop(state);
        let hub = &self.hub;
        let (client_id, now_ms) = (&self.session.client_id, self.now_ms);
        hub.quota_subscribe(client_id, asked.filter, &subscription, now_ms)
            .map_err(|_| ReasonCode::QuotaExceeded)?;
        let qos = asked.qos.min(profile.qos_max);
        Ok(Granted {
            asked,
            subscription,
            qos,
        })
    }

    /// Enters granted filters in session and router, and says for which of them the client wants
    /// what is retained.
    fn join(
        &mut self,
        granted: Vec<Granted<'_>>,
        subscription_id: Option<u32>,
    ) -> Vec<WantsRetained> {
        let mut all_wanted = Vec::new();
        for grant in granted {
            let subscriber = Subscriber {
                session: Arc::clone(&self.session),
                qos: grant.qos,
                no_local: grant.asked.no_local,
                retain_as_published: grant.asked.retain_as_published,
                subscription_id,
            };
            let Some(is_new) = self.remember(&grant, &subscriber) else {
                continue;
            };
            let persistent = self.session.state.lock().expiry_s > 0;
            let group: Option<Arc<Group>> =
                self.hub
                    .router
                    .write()
                    .subscribe(&grant.subscription, subscriber, persistent);
            self.hub.changes.under([&grant.subscription.filter]);
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
                all_wanted.push(WantsRetained {
                    filter: grant.subscription.filter,
                    qos: grant.qos,
                    subscription_id,
                });
            }
        }
        all_wanted
    }

    /// Notes a subscription in the session and says whether it is new; `None` when the session is
    /// over, which another connection may have brought about.
    fn remember(&self, grant: &Granted<'_>, subscriber: &Subscriber) -> Option<bool> {
        let mut state = self.session.state.lock();
        if state.over {
            return None;
        }
        let is_new = state.subscriptions.insert(Subscribed {
            subscription: grant.subscription.clone(),
            qos: grant.qos,
        });
        if let Some(keeper) = &self.session.keeper {
            keeper.subscribe(grant.asked.filter, subscriber);
        }
        Some(is_new)
    }

    pub(super) fn unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>) -> ControlFlow<End> {
        if unsubscribe.filters().count() > self.hub.profile.filters_per_subscribe {
            // Seen at AWS: no UNSUBACK, and the subscriptions stay.
            if self.version == Version::V311 {
                let client_id = &self.session.client_id;
                tracing::warn!(?client_id, "UNSUBSCRIBE with too many filters ignored");
                return ControlFlow::Continue(());
            }
            return Self::refuse(ReasonCode::QuotaExceeded, "too many filters in a packet");
        }
        self.check_characters(unsubscribe.filters())?;
        if let Some(journal) = &self.hub.journal {
            journal.watch();
        }
        let (mut codes, mut removed) = (Vec::new(), Vec::new());
        for filter in unsubscribe.filters() {
            let known = self.forget(filter);
            codes.push(match known {
                Some(known) => {
                    let session = &self.session;
                    let mut router = self.hub.router.write();
                    router.unsubscribe(&known, session);
                    drop(router);
                    self.hub.changes.under([&known.filter]);
                    removed.push(filter);
                    ReasonCode::Success
                }
                None => self.hub.profile.unsubscribe_unknown,
            });
        }
        let (version, id) = (self.version, unsubscribe.packet_id);
        self.answer(move |out| codec::put_unsuback(out, version, id, &codes));
        self.tell_subscriptions("unsubscribed", &removed);
        ControlFlow::Continue(())
    }

    /// Takes a subscription from the session.
    fn forget(&self, filter: &str) -> Option<Subscription> {
        let mut state = self.session.state.lock();
        let known = state.subscriptions.remove(filter)?;
        if let Some(keeper) = &self.session.keeper {
            keeper.unsubscribe(filter);
        }
        Some(known.subscription)
    }
}

impl WantsRetained {
    fn send(&self, hub: &Hub, session: &Arc<Session>, now_ms: u64) {
        hub.send_retained(
            session,
            &self.filter,
            self.qos,
            self.subscription_id,
            now_ms,
        );
    }
}

fn granted_code(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQos1,
        QoS::ExactlyOnce => ReasonCode::GrantedQos2,
    }
}
