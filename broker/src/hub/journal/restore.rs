//! The start: what the store has becomes the hub's again, and rows that lead nowhere go.

use super::document::SessionDocument;
use super::form::{self, Owed, Share};
use super::{Exchange, Journal, Keeper};
use crate::budget::Held;
use crate::hub::Hub;
use crate::hub::group::{Group, Waiting};
use crate::hub::outbox::Outbox;
use crate::hub::session::Session;
use crate::hub::subscribers::Subscriber;
use crate::hub::subscriptions::Subscribed;
use mqtt::Message;
use mqtt::session::{Outbound, OutgoingLimits};
use mqtt::topic::{Subscription, TopicFilter};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use things::{Row, Table};

/// Sessions by number.
type Restored = HashMap<u64, Arc<Session>>;

/// A row whose key is a session's number and something more.
fn split_key(key: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = key.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// A damaged row is left where it is: another version may know it.
fn damaged(table: Table, key: &[u8], why: &str) {
    let key = key.escape_ascii();
    tracing::warn!(?table, %key, why, "a stored row cannot be read");
}

impl Hub {
    /// Reads sessions, what they are owed and retained messages, before the first client comes.
    ///
    /// # Errors
    /// The store cannot be read, in words.
    pub(crate) fn restore(&self) -> Result<(), String> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let now_ms = self.now_ms();
        let sessions = self.restore_sessions(journal, now_ms)?;
        self.restore_subscriptions(journal, &sessions)?;
        restore_exchanges(journal, &sessions)?;
        let waiting = self.restore_queues(journal, &sessions, now_ms)?;
        let retained = self.restore_retained(journal, now_ms)?;
        if !sessions.is_empty() || retained > 0 {
            let sessions = sessions.len();
            tracing::info!(sessions, waiting, retained, "restored");
        }
        Ok(())
    }

    fn restore_sessions(&self, journal: &Arc<Journal>, now_ms: u64) -> Result<Restored, String> {
        let mut sessions = Restored::new();
        let mut by_client: HashMap<Arc<str>, u64> = HashMap::new();
        let mut gone = Vec::new();
        let mut last = 0;
        // In order of number: the last session of a client id is the one that counts.
        journal.rows.each(Table::Sessions, |key, value| {
            let Some(number) = number(key) else {
                return damaged(Table::Sessions, key, "the key is no number");
            };
            last = last.max(number);
            let document = match SessionDocument::parse(value) {
                Ok(document) => document,
                Err(why) => return damaged(Table::Sessions, key, &why),
            };
            let session = self.restore_session(journal, number, &document, now_ms);
            if session.is_over(now_ms) {
                gone.push(number);
                return;
            }
            let client_id = Arc::clone(&session.client_id);
            gone.extend(by_client.insert(client_id, number));
            sessions.insert(number, session);
        })?;
        self.numbers.fetch_max(last + 1, Ordering::Relaxed);
        for number in gone {
            sessions.remove(&number);
            Keeper::new(journal, number).end(std::iter::empty(), std::iter::empty());
        }
        for session in sessions.values() {
            self.sessions.restore(session);
        }
        Ok(sessions)
    }

    fn restore_session(
        &self,
        journal: &Arc<Journal>,
        number: u64,
        document: &SessionDocument,
        now_ms: u64,
    ) -> Arc<Session> {
        let profile = &self.profile;
        let limits = OutgoingLimits {
            inflight: profile.outbound_inflight,
            queued: profile.queued_messages,
            queued_bytes: profile.queued_bytes,
            stored_per_s: profile.stored_per_s,
            packet_bytes: usize::MAX,
            dup: profile.dup_on_redelivery,
            topic_aliases: 0,
        };
        let session = Session::new(
            document.client_id.as_str().into(),
            number,
            document.version(),
            Arc::new(document.guard(self, now_ms)),
            limits,
            Some(Keeper::new(journal, number)),
            Held::new(&self.budget),
        );
        let mut state = session.state.lock();
        state.expiry_s = document.expiry_s;
        state.delayed_will = document.will().map(Box::new);
        state.ends_at_ms = document.ends_at_ms;
        if state.ends_at_ms.is_none() {
            // Its client was connected when the server ended, which nobody noted the time of.
            state.goes_offline(now_ms);
            session.record(&state);
        }
        drop(state);
        session
    }

    fn restore_subscriptions(&self, journal: &Journal, sessions: &Restored) -> Result<(), String> {
        let mut gone = Vec::new();
        journal.rows.each(Table::Subscriptions, |key, value| {
            let filter = split_key(key).and_then(|(number, filter)| {
                let filter = str::from_utf8(filter).ok()?;
                Some((number, filter))
            });
            let (Some((number, filter)), Some(options)) = (filter, form::read_subscription(value))
            else {
                return damaged(Table::Subscriptions, key, "not in a form that is known");
            };
            let Some(session) = sessions.get(&number) else {
                gone.push(Row::remove(Table::Subscriptions, key));
                return;
            };
            let subscription = match Subscription::parse(filter, &self.profile) {
                Ok(subscription) => subscription,
                Err(why) => return damaged(Table::Subscriptions, key, &why.to_string()),
            };
            let subscriber = Subscriber {
                session: Arc::clone(session),
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                subscription_id: options.subscription_id,
            };
            self.resubscribe(subscription, subscriber);
        })?;
        journal.change(gone);
        self.changes.all();
        Ok(())
    }

    fn resubscribe(&self, subscription: Subscription, subscriber: Subscriber) {
        let (session, qos) = (Arc::clone(&subscriber.session), subscriber.qos);
        let mut router = self.router.write();
        if let Some(group) = router.subscribe(&subscription, subscriber, true) {
            group.set_online(&session, false);
        }
        drop(router);
        let subscribed = Subscribed { subscription, qos };
        session.state.lock().subscriptions.insert(subscribed);
    }

    /// Says how many messages wait.
    fn restore_queues(
        &self,
        journal: &Journal,
        sessions: &Restored,
        now_ms: u64,
    ) -> Result<usize, String> {
        let mut queues = Vec::new();
        journal.rows.each(Table::Queues, |key, value| {
            let numbers = split_key(key).and_then(|(of, at)| Some((of, number(at)?)));
            match (numbers, form::read_owed(value)) {
                (Some((of, at)), Some(owed)) => queues.push((of, at, owed)),
                _ => damaged(Table::Queues, key, "not in a form that is known"),
            }
        })?;
        let mut shared = Vec::new();
        journal.rows.each(Table::Shared, |key, value| {
            match (number(key), form::read_shared(value)) {
                (Some(at), Some((share, message))) => shared.push((at, share, message)),
                _ => damaged(Table::Shared, key, "not in a form that is known"),
            }
        })?;
        let used = queues.iter().map(|(_, at, _)| at);
        let last = used.chain(shared.iter().map(|(at, ..)| at)).max();
        let next = last.map_or(1, |last| last + 1);
        journal.numbers.fetch_max(next, Ordering::Relaxed);
        let all = queues.len() + shared.len();
        let mut lost = 0;
        for (at, share, message) in shared {
            if !self.restore_shared(at, &share, message, now_ms) {
                journal.release_shared([at]);
                lost += 1;
            }
        }
        for (of, at, owed) in queues {
            let session = sessions.get(&of);
            if !session.is_some_and(|session| self.restore_owed(session, at, owed, now_ms)) {
                let key = (u128::from(of) << 64 | u128::from(at)).to_be_bytes();
                journal.change([Row::remove(Table::Queues, key)]);
                lost += 1;
            }
        }
        Ok(all - lost)
    }

    /// False when the message waits for nobody.
    fn restore_shared(&self, at: u64, share: &Share, message: Message, now_ms: u64) -> bool {
        let Some(group) = self.group_of(share).filter(|_| is_live(&message, now_ms)) else {
            return false;
        };
        let waiting = Waiting {
            message: Arc::new(self.hold(message)),
            stored: Some(at),
        };
        group.restore(waiting).is_ok()
    }

    /// False when the session is not owed the message any more. What its client had not
    /// acknowledged of a shared subscription is for any member now, as its connection is gone.
    fn restore_owed(&self, session: &Arc<Session>, at: u64, owed: Owed, now_ms: u64) -> bool {
        if !is_live(&owed.message, now_ms) {
            return false;
        }
        let message = Arc::new(self.hold(owed.message));
        let group = owed.share.as_ref().and_then(|share| self.group_of(share));
        if let Some(group) = &group
            && group.keep(Arc::clone(&message))
        {
            // It has a row of its own now.
            return false;
        }
        let outbound = Outbound {
            message,
            qos: owed.qos,
            retain: owed.retain,
            subscription_ids: owed.subscription_ids,
            share: group,
            stored: Some(at),
        };
        session.with_output(|outbox| outbox.restore(outbound));
        true
    }

    fn group_of(&self, share: &Share) -> Option<Arc<Group>> {
        let filter = TopicFilter::parse(&share.filter, &self.profile).ok()?;
        self.router.read().group(&share.name, &filter)
    }

    /// Says how many there are.
    fn restore_retained(&self, journal: &Journal, now_ms: u64) -> Result<usize, String> {
        let mut retained = self.retained.write();
        let mut expired = Vec::new();
        journal.rows.each(Table::Retained, |key, value| {
            let Some((message, last_modified_ms)) = form::read_retained(value) else {
                return damaged(Table::Retained, key, "not in a form that is known");
            };
            if !is_live(&message, now_ms) {
                expired.push(message.topic);
            } else if !retained.set(self.hold(message), last_modified_ms) {
                damaged(
                    Table::Retained,
                    key,
                    "more retained messages than there is room for",
                );
            }
        })?;
        journal.forget_retained(&expired);
        Ok(retained.len())
    }
}

/// Exchanges of QoS 2 go on where they were.
fn restore_exchanges(journal: &Journal, sessions: &Restored) -> Result<(), String> {
    let mut gone = Vec::new();
    journal.rows.each(Table::Exchanges, |key, _| {
        let found = split_key(key).and_then(|(of, rest)| Some((of, Exchange::parse(rest)?)));
        let Some((of, exchange)) = found else {
            return damaged(Table::Exchanges, key, "not in a form that is known");
        };
        match (sessions.get(&of), exchange) {
            (None, _) => gone.push(Row::remove(Table::Exchanges, key)),
            (Some(session), Exchange::Received(id)) => {
                session.incoming.lock().receive(id);
            }
            (Some(session), Exchange::Released(id)) => {
                session.with_output(|outbox| outbox.restore_released(id));
            }
        }
    })?;
    journal.change(gone);
    Ok(())
}

fn is_live(message: &Message, now_ms: u64) -> bool {
    message.expires_at_ms.is_none_or(|at| at > now_ms)
}

impl Hub {
    /// Notes for the next start that the connections which are still there end now, and waits
    /// until all is on disk. Called when nobody speaks with clients any more.
    pub(crate) fn rest(&self) {
        let Some(journal) = &self.journal else {
            return;
        };
        let now_ms = self.now_ms();
        for session in self.sessions.all() {
            let mut state = session.state.lock();
            if state.ends_at_ms.is_none() {
                state.goes_offline(now_ms);
                session.record(&state);
            }
        }
        journal.rows.stop();
        // Deliveries and groups hold each other, and with them the store, which is to be closed.
        for session in self.sessions.all() {
            session.with_output(Outbox::forget);
        }
    }
}
