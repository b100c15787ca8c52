//! The index of sessions by client id: connecting, taking over, ending.

use super::Hub;
use super::end::End;
use super::group::Group;
use super::journal::{Exchange, Keeper};
use super::link::Link;
use super::outbox::Outbox;
use super::session::Session;
use super::subscriptions;
use super::will::StoredWill;
use crate::auth::Guard;
use crate::budget::Held;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use mqtt::Message;
use mqtt::codec::Version;
use mqtt::session::{Outbound, OutgoingLimits};
use std::sync::Arc;

/// All sessions of a hub.
#[derive(Debug, Default)]
pub(super) struct Sessions(DashMap<Arc<str>, Arc<Session>, foldhash::fast::RandomState>);

impl Sessions {
    /// Every session at this moment.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        let all = self.0.iter().map(|entry| Arc::clone(&entry)).collect();
        // A simulation must come out the same every time, and the map's order does not.
        #[cfg(test)]
        let all = {
            let mut all: Vec<Arc<Session>> = all;
            all.sort_by_key(|session| session.number);
            all
        };
        all
    }

    /// The session of a client.
    pub(super) fn of(&self, client_id: &str) -> Option<Arc<Session>> {
        self.0.get(client_id).map(|found| Arc::clone(&found))
    }

    /// Adds a session that was kept over a restart.
    pub(super) fn restore(&self, session: &Arc<Session>) {
        let client_id = Arc::clone(&session.client_id);
        self.0.insert(client_id, Arc::clone(session));
    }
}

/// An accepted CONNECT, as far as the session is concerned.
pub(super) struct Opening {
    pub(super) client_id: Arc<str>,
    pub(super) version: Version,
    pub(super) clean_start: bool,
    /// How long the session outlives its connection, in seconds.
    pub(super) expiry_s: u32,
    pub(super) guard: Arc<Guard>,
    pub(super) limits: OutgoingLimits,
}

impl Hub {
    /// Gives a connection its session, resumed or new, and takes it from any other connection.
    /// `connack` writes the answer, told whether a session is present.
    pub(super) fn open_session(
        &self,
        opening: &Opening,
        link: &Arc<Link>,
        connack: impl FnOnce(bool) -> Vec<u8>,
        now_ms: u64,
    ) -> Arc<Session> {
        // The entry is locked throughout, so that of two connections with one client id the
        // second waits and takes over.
        let client_id = Arc::clone(&opening.client_id);
        match self.sessions.0.entry(client_id) {
            Entry::Occupied(mut occupied) => {
                let old = Arc::clone(occupied.get());
                self.take_over(&old);
                // AWS resumes no session across versions of the protocol.
                if opening.clean_start || old.is_over(now_ms) || old.version != opening.version {
                    self.dissolve(&old);
                    let fresh = self.new_session(opening);
                    occupied.insert(Arc::clone(&fresh));
                    self.begin(&fresh, opening, link, &connack(false), now_ms);
                    fresh
                } else {
                    self.begin(&old, opening, link, &connack(true), now_ms);
                    drop(occupied);
                    self.resumed(&old, now_ms);
                    old
                }
            }
            Entry::Vacant(vacant) => {
                let fresh = self.new_session(opening);
                // Unlocked before its connection is there, it would look like one that is over.
                let _entry = vacant.insert(Arc::clone(&fresh));
                self.begin(&fresh, opening, link, &connack(false), now_ms);
                fresh
            }
        }
    }

    fn new_session(&self, opening: &Opening) -> Arc<Session> {
        let number = self.next_number();
        let journal = self.journal.as_ref().filter(|_| opening.expiry_s > 0);
        Session::new(
            Arc::clone(&opening.client_id),
            number,
            opening.version,
            Arc::clone(&opening.guard),
            opening.limits,
            journal.map(|journal| Keeper::new(journal, number)),
            Held::new(&self.budget),
        )
    }

    /// The connection becomes the session's, whose entry in the index is locked.
    fn begin(
        &self,
        session: &Arc<Session>,
        opening: &Opening,
        link: &Arc<Link>,
        connack: &[u8],
        now_ms: u64,
    ) {
        debug_assert!(
            self.sessions.0.try_get(&opening.client_id).is_locked(),
            "nobody sees a session between its entry and its connection"
        );
        session.set_guard(Arc::clone(&opening.guard));
        self.recheck_subscriptions(session);
        session.incoming.lock().disconnect();
        {
            let mut state = session.state.lock();
            state.expiry_s = opening.expiry_s;
            state.ends_at_ms = None;
            // MQTT 5.0 [3.1.3-9]: a client that is back in time has no will.
            state.delayed_will = None;
            session.record(&state);
        }
        // Permissions may have been withdrawn while it was away.
        let keep = |message: &Message| self.may_receive(session, &self.topic_arn(&message.topic));
        session.with_output(|outbox| outbox.retain(keep));
        session.attach(Arc::clone(link), connack, opening.limits, now_ms);
    }

    /// Ends the live connection of a session for the sake of a new one. What it held of shared
    /// subscriptions stays with the session, which goes on.
    fn take_over(&self, session: &Arc<Session>) {
        if let Some(link) = session.link() {
            link.end(End::DuplicateClientId);
        }
    }

    /// The other members of its groups may have left while it was away, and what waited for the
    /// client may no longer be allowed: groups learn that it is there, and get to hand out.
    fn resumed(&self, session: &Arc<Session>, now_ms: u64) {
        let filters: Vec<_> = {
            let state = session.state.lock();
            let all = state.subscriptions.iter();
            all.map(|s| s.subscription.filter.clone()).collect()
        };
        self.changes.under(&filters);
        for group in self.groups_of(session) {
            group.set_online(session, true);
            self.drain_group(&group, now_ms);
        }
    }

    /// Hands what waits for a group to its connected members.
    pub(super) fn drain_group(&self, group: &Arc<Group>, now_ms: u64) {
        let may =
            |session: &Session, topic: &str| self.may_receive(session, &self.topic_arn(topic));
        if group.drain(&may, now_ms) {
            self.drain_later(group);
        }
    }

    /// Has a group hand out more of what waits when some time has passed.
    pub(super) fn drain_later(&self, group: &Arc<Group>) {
        let mut slow = self.slow_groups.lock();
        if !slow.iter().any(|known| Arc::ptr_eq(known, group)) {
            slow.push(Arc::clone(group));
        }
    }

    /// Has the groups that hand out little by little go on.
    pub(super) fn drain_slow_groups(&self, now_ms: u64) {
        let slow = std::mem::take(&mut *self.slow_groups.lock());
        for group in slow {
            self.drain_group(&group, now_ms);
        }
    }

    fn groups_of(&self, session: &Session) -> Vec<Arc<Group>> {
        let shared: Vec<_> = {
            let state = session.state.lock();
            let all = state.subscriptions.iter().map(|one| &one.subscription);
            all.filter(|s| s.share.is_some()).cloned().collect()
        };
        if shared.is_empty() {
            return Vec::new();
        }
        let router = self.router.read();
        let group = |s: &mqtt::topic::Subscription| router.group(s.share.as_deref()?, &s.filter);
        shared.iter().filter_map(group).collect()
    }

    /// A connection is gone: the session waits for the next one or ends. The will is published,
    /// at once or after its delay.
    pub(super) fn connection_gone(
        &self,
        session: &Arc<Session>,
        link: &Link,
        will: Option<StoredWill>,
        now_ms: u64,
    ) {
        let Some(unacknowledged) = self.leave(session, link, now_ms) else {
            // Another connection has taken over. The will of this one is due all the same, unless it
            // has a delay and the session goes on: its client is back in time (MQTT 5.0 [3.1.3-9]).
            let goes_on = !session.state.lock().over;
            if let Some(will) = will.filter(|will| will.delay_s == 0 || !goes_on) {
                self.publish_will(session, will, now_ms);
            }
            return;
        };
        for group in self.groups_of(session) {
            group.set_online(session, false);
        }
        let due = will.and_then(|will| self.delay_will(session, will, now_ms));
        if let Some(will) = due {
            self.publish_will(session, will, now_ms);
        }
        if session.is_over(now_ms) {
            self.dissolve(session);
        }
        self.hand_on(session, unacknowledged, now_ms);
    }

    /// Gives what one member of shared subscriptions did not acknowledge to the others.
    pub(super) fn hand_on(
        &self,
        session: &Session,
        unacknowledged: Vec<Outbound<Arc<Group>>>,
        now_ms: u64,
    ) {
        for outbound in unacknowledged {
            let stored = outbound.stored;
            let Some(group) = outbound.share else {
                continue;
            };
            let arn = self.topic_arn(&outbound.message.topic);
            let may = |session: &Session| self.may_receive(session, &arn);
            group.give(outbound.message, &may, now_ms);
            // After it was given, so that it is on disk at every moment.
            if let (Some(keeper), Some(number)) = (&session.keeper, stored) {
                keeper.release([number]);
            }
        }
    }

    /// Takes the connection from its session, and a session that ends with it from the index.
    /// `None` when another connection has the session already.
    fn leave(
        &self,
        session: &Arc<Session>,
        link: &Link,
        now_ms: u64,
    ) -> Option<Vec<Outbound<Arc<Group>>>> {
        // The entry is locked meanwhile: a connection that comes now finds the session either
        // with its end settled, or not at all.
        let entry = self.sessions.0.entry(Arc::clone(&session.client_id));
        let unacknowledged = session.detach(link.number)?;
        let mut state = session.state.lock();
        let ends_ms = state.goes_offline(now_ms);
        session.record(&state);
        drop(state);
        if let Entry::Occupied(occupied) = entry
            && ends_ms <= now_ms
            && occupied.get() == session
        {
            occupied.remove();
        }
        Some(unacknowledged)
    }

    /// Keeps a will that has a delay; gives it back when it is due at once. The delay ends with
    /// the session (MQTT 5.0 [3.1.3.2.2]).
    fn delay_will(&self, session: &Session, will: StoredWill, now_ms: u64) -> Option<StoredWill> {
        let mut state = session.state.lock();
        let delay_s = will.delay_s.min(state.expiry_s);
        if delay_s == 0 {
            return Some(will);
        }
        let due_ms = now_ms + u64::from(delay_s) * 1000;
        state.delayed_will = Some(Box::new((due_ms, will)));
        session.record(&state);
        None
    }

    /// Removes a session from the index and everywhere else.
    pub(super) fn end_session(&self, session: &Arc<Session>) {
        self.end_session_if(session, |_| true);
    }

    /// The same, if it is still so when the session cannot be resumed any more.
    pub(super) fn end_session_if(
        &self,
        session: &Arc<Session>,
        still: impl FnOnce(&Session) -> bool,
    ) {
        let is_it = |_: &Arc<str>, found: &Arc<Session>| found == session && still(found);
        let removed = self.sessions.0.remove_if(&session.client_id, is_it);
        if removed.is_some() {
            self.dissolve(session);
        }
    }

    /// Removes a session from router and groups; a will that waited is published now.
    fn dissolve(&self, session: &Arc<Session>) {
        let received: Vec<u16> = session.incoming.lock().received().collect();
        let released = session.look(Outbox::released_ids);
        let (subscriptions, will) = {
            let mut state = session.state.lock();
            state.over = true;
            let subscriptions = std::mem::take(&mut state.subscriptions);
            if let Some(keeper) = &session.keeper {
                let received = received.into_iter().map(Exchange::Received);
                let released = released.into_iter().map(Exchange::Released);
                let exchanges = received.chain(released);
                let filters = subscriptions.iter();
                let filters = filters.map(|one| subscriptions::text(&one.subscription));
                keeper.end(filters, exchanges);
            }
            (subscriptions, state.delayed_will.take())
        };
        if !subscriptions.is_empty() {
            let mut router = self.router.write();
            for one in subscriptions.iter() {
                router.unsubscribe(&one.subscription, session);
            }
            drop(router);
            let gone = subscriptions.iter();
            self.changes.under(gone.map(|one| &one.subscription.filter));
        }
        let now_ms = self.now_ms();
        // A connection that is still there is being taken over; its messages must not be lost.
        let link = session.link().map(|link| link.number);
        let shared = link.and_then(|number| session.detach(number));
        self.hand_on(session, shared.unwrap_or_default(), now_ms);
        session.with_output(Outbox::forget);
        if let Some((_, will)) = will.map(|will| *will) {
            self.publish_will(session, will, now_ms);
        }
    }
}
