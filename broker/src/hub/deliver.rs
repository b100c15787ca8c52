//! From a route to outboxes, groups and rules.

use super::group::{Drawn, Group};
use super::origin::Origin;
use super::publication::Publication;
use super::route::{GroupTarget, Route, Service, Target};
use super::session::Session;
use super::{Hub, flush, offer};
use mqtt::QoS;
use mqtt::codec::{PublishForm, PublishRun, Version};
use mqtt::session::{Outbound, Sent};
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

thread_local! {
    /// The receiver for whose sake the publisher that is being served should wait.
    static PRESSURE: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// Takes the receiver, if there is one, that cannot keep up with what this thread just published.
pub(super) fn take_pressure() -> Option<Arc<Session>> {
    PRESSURE.take()
}

/// How many receivers got a message.
#[derive(Default)]
struct Tally {
    delivered: usize,
    dropped: usize,
}

impl Tally {
    fn count(&mut self, delivered: bool) {
        if delivered {
            self.delivered += 1;
        } else {
            self.dropped += 1;
        }
    }
}

impl Hub {
    /// Gives a message to everyone on its route; says how many sessions got it. `from` is the
    /// publishing session, for subscriptions with No Local.
    pub(super) fn deliver(
        &self,
        publication: &Publication<'_>,
        route: &Route,
        from: Option<u64>,
        origin: &Origin,
    ) -> usize {
        let mut tally = Tally::default();
        let many = route.targets.len() > 1;
        let quotas = self.quotas.is_some();
        for target in &route.targets {
            if !(target.no_local && from == Some(target.session.number)) {
                let within = !quotas || self.is_within_quotas(target, publication);
                tally.count(within && give(target, publication, many));
            }
        }
        for group in &route.groups {
            tally.count(self.give_to_group(group, publication));
        }
        let Tally { delivered, dropped } = tally;
        self.metrics.published_in(1, publication.payload().len());
        self.metrics.published_out(delivered, dropped, route.denied);
        offer::offer(self, publication, route, origin);
        self.tap_published(publication, route, origin, delivered);
        match route.asks {
            Some(Service::Shadow) => self.answer_shadow_request(publication, origin),
            Some(Service::Jobs) => self.answer_jobs_request(publication, origin),
            Some(Service::Provisioning) => {
                self.answer_provisioning_request(publication, from, origin);
            }
            None => {}
        }
        delivered
    }

    /// Whether messages on a route can be given to its sessions in one piece: nothing else than
    /// sessions wants each of them.
    pub(super) fn takes_runs(&self, route: &Route) -> bool {
        self.quotas.is_none()
            && !self.taps.are_heard()
            && route.groups.is_empty()
            && route.rules.is_empty()
            // Reserved topics may ask something of the server itself.
            && !route.topic.starts_with('$')
    }

    /// Gives messages that came side by side to everyone on their route, which takes runs.
    pub(super) fn deliver_run(
        &self,
        run: &PublishRun<'_>,
        route: &Route,
        from: Option<u64>,
        now_ms: u64,
    ) {
        let publications = OnceCell::new();
        let mut delivered = 0;
        let targets = route.targets.iter();
        let targets =
            targets.filter(|target| !(target.no_local && from == Some(target.session.number)));
        let mut messages = 0;
        for target in targets {
            messages += run.packets;
            delivered += give_run(target, run, now_ms).unwrap_or_else(|| {
                let publications = publications
                    .get_or_init(|| Publication::of_run(run, &route.topic, now_ms, &self.budget));
                let given = publications.iter().filter(|one| give(target, one, true));
                given.count()
            });
        }
        let denied = route.denied * run.packets;
        self.metrics.published_in(run.packets, run.payload_bytes);
        self.metrics
            .published_out(delivered, messages - delivered, denied);
    }

    /// Whether the rate quotas, which there are, leave room for a message to a session.
    fn is_within_quotas(&self, target: &Target, publication: &Publication<'_>) -> bool {
        let now_ms = publication.now_ms();
        self.quota_deliver(&target.session, now_ms).is_ok()
    }

    /// Gives a message to one member of a group, drawn for it.
    fn give_to_group(&self, target: &GroupTarget, publication: &Publication<'_>) -> bool {
        let may = |session: &Session| !target.denied.contains(&session.number);
        let (group, now_ms) = (&target.group, publication.now_ms());
        let drawn = group.draw(may);
        if let Some(drawn) = &drawn
            && self.quota_deliver(&drawn.session, now_ms).is_ok()
        {
            return give_to_drawn(group, drawn, publication);
        }
        // Messages at QoS 0 do not wait for a member.
        let granted = drawn.as_ref().map_or(QoS::ExactlyOnce, |drawn| drawn.qos);
        if publication.qos.min(granted) == QoS::AtMostOnce || self.quota_wait(now_ms).is_err() {
            return false;
        }
        let kept = group.keep(Arc::clone(publication.message()));
        // A member that has got as much as it may in this second has room in a later one (MQTT,
        // "Shared subscriptions").
        if drawn.is_some() && kept {
            self.drain_later(group);
        }
        kept
    }

    /// Gives a message to everyone from a thread or task that is no connection's.
    pub(super) fn deliver_and_settle(
        &self,
        publication: &Publication<'_>,
        route: &Route,
        origin: &Origin,
    ) -> usize {
        let delivered = self.deliver(publication, route, None, origin);
        flush::settle(publication.now_ms());
        PRESSURE.take();
        delivered
    }
}

/// Gives a message to one session, perhaps of many.
fn give(target: &Target, publication: &Publication<'_>, many: bool) -> bool {
    let qos = publication.qos.min(target.qos);
    let retain = publication.retain && target.retain_as_published;
    let session = &target.session;
    if qos > QoS::AtMostOnce {
        let outbound = Outbound {
            message: Arc::clone(publication.message()),
            qos,
            retain,
            subscription_ids: target.subscription_ids.clone(),
            share: None,
            stored: None,
        };
        let form = many.then(|| publication.form_above(session.version, qos));
        return put_outbound(session, outbound, form, publication);
    }
    let ids = target.subscription_ids.as_slice();
    put_at_most_once(session, publication, retain, ids)
}

fn put_outbound(
    session: &Arc<Session>,
    outbound: Outbound<Arc<Group>>,
    form: Option<&PublishForm>,
    publication: &Publication<'_>,
) -> bool {
    let now_ms = publication.now_ms();
    let (sent, presses) = session.with_output(|outbox| {
        let sent = outbox.send(outbound, form, now_ms);
        (sent, outbox.presses(now_ms))
    });
    if presses {
        press(session);
    }
    sent != Sent::Dropped
}

fn put_at_most_once(
    session: &Arc<Session>,
    publication: &Publication<'_>,
    retain: bool,
    subscription_ids: &[u32],
) -> bool {
    let (version, now_ms) = (session.version, publication.now_ms());
    let (put, presses) = session.with_output(|outbox| {
        let own = version == Version::V5 && !subscription_ids.is_empty();
        let put = if own || outbox.has_aliases() {
            outbox.put_at_most_once(publication, retain, subscription_ids)
        } else {
            let form = publication.form(version);
            outbox.put_message(form.len(), |bytes| {
                let first = bytes.len();
                bytes.extend_from_slice(form);
                bytes[first] = 0x30 | u8::from(retain);
            })
        };
        (put, outbox.presses(now_ms))
    });
    if presses {
        press(session);
    }
    put
}

/// Gives messages at QoS 0 to a session as they are; says how many it got, or nothing if packets for
/// it have to be written anew.
fn give_run(target: &Target, run: &PublishRun<'_>, now_ms: u64) -> Option<usize> {
    let session = &target.session;
    if session.version != run.version() || !target.subscription_ids.as_slice().is_empty() {
        return None;
    }
    let (put, presses) = session.with_output(|outbox| {
        // A packet that is too large for the client must not take the others with it.
        let put = (!outbox.has_aliases() && outbox.takes_packets_of(run.longest))
            .then(|| outbox.put_message(run.longest, |bytes| bytes.extend_from_slice(run.bytes)));
        (put, outbox.presses(now_ms))
    });
    if presses {
        press(session);
    }
    put.map(|put| if put { run.packets } else { 0 })
}

fn press(session: &Arc<Session>) {
    PRESSURE.set(Some(Arc::clone(session)));
}

/// Gives a message to the member of a group that was drawn for it.
fn give_to_drawn(group: &Arc<Group>, drawn: &Drawn, publication: &Publication<'_>) -> bool {
    let Drawn {
        session,
        qos,
        subscription_id,
    } = drawn;
    let qos = publication.qos.min(*qos);
    if qos == QoS::AtMostOnce {
        return put_at_most_once(session, publication, false, subscription_id.as_slice());
    }
    let outbound = group.outbound(Arc::clone(publication.message()), drawn);
    put_outbound(session, outbound, None, publication)
}
