//! Faults that are planted to see the simulation catch them. The message core knows nothing of them:
//! it is given wrong rules, what it keeps is tampered with between two steps, or what it writes is.

use crate::hub::Hub;
use crate::hub::outbox::Outbox;
use crate::hub::session::Session;
use crate::hub::subscribers::Subscriber;
use crate::net::Mangle;
use mqtt::session::Incoming;
use mqtt::topic::Subscription;
use mqtt::{Profile, QoS, codec};
use std::cell::Cell;
use std::sync::Arc;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Messages that wait for a client that is away vanish.
    LosesWhileAway,
    /// What is in flight is forgotten when the connection ends.
    ForgetsInflight,
    /// One message more is sent than the window allows.
    WindowTooLarge,
    /// Two messages that are written together change places.
    ChangesOrder,
    /// A message is sent with the packet id of the one before.
    UsesIdTwice,
    /// A shared subscription is an ordinary one too.
    SharesWithAll,
    /// A group keeps nothing for a member to come.
    KeepsNothingForGroups,
    /// QoS 2 packet ids are forgotten between connections.
    ForgetsReceived,
    /// The queue of a session has no limit.
    QueueUnbounded,
    /// Output that is not read grows without limit.
    OutputUnbounded,
    /// A subscription stays when its session ends.
    LeavesSubscriptions,
    /// What is not acknowledged is sent again sooner than it may be.
    RedeliversTooSoon,
    /// It is sent again while the client is connected, which the standard forbids.
    RedeliversUnasked,
    /// It is sent again for ever.
    NeverGivesUp,
}

/// How a fault is planted.
enum Way {
    /// The message core is told other rules than the oracle.
    Rules(fn(&mut Profile)),
    /// A session is tampered with whenever nothing else happens.
    Session(fn(&Hub, &Arc<Session>)),
    /// What is written to clients is changed.
    Output(Mangle),
}

impl Fault {
    fn way(self) -> Way {
        match self {
            Fault::LosesWhileAway => Way::Session(|_, session| {
                if session.link().is_none() {
                    session.with_output(|outbox| drop(outbox.take_denied(|_| false)));
                }
            }),
            Fault::ForgetsInflight => Way::Session(|_, session| {
                if session.link().is_none() {
                    session.with_output(|outbox| outbox.retain(|_| false));
                }
            }),
            Fault::ForgetsReceived => Way::Session(|_, session| {
                if session.link().is_none() {
                    *session.incoming.lock() = Incoming::default();
                }
            }),
            Fault::OutputUnbounded => Way::Session(|_, session| {
                if session.look(Outbox::is_blocked) {
                    let pile = |out: &mut Vec<u8>| (0..4000).for_each(|_| codec::put_pingresp(out));
                    session.with_output(|outbox| outbox.put(pile));
                }
            }),
            Fault::SharesWithAll => Way::Session(|hub, session| {
                let all = session.state.lock();
                let all = all.subscriptions.iter().map(|one| &one.subscription);
                let shared: Vec<_> = all.filter(|one| one.share.is_some()).cloned().collect();
                for one in shared {
                    subscribe(hub, session, &Subscription { share: None, ..one });
                }
            }),
            Fault::LeavesSubscriptions => Way::Session(|hub, session| {
                let left = Subscription::parse("left/over", &hub.profile);
                subscribe(hub, session, &left.expect("a valid filter"));
            }),
            Fault::WindowTooLarge => Way::Rules(|rules| rules.outbound_inflight += 1),
            Fault::QueueUnbounded => Way::Rules(|rules| rules.queued_messages = usize::MAX),
            Fault::KeepsNothingForGroups => Way::Rules(|rules| rules.shared_queue_messages = 0),
            Fault::RedeliversTooSoon => Way::Rules(|rules| {
                rules.redelivery_interval_s = rules.redelivery_interval_s.min(1);
            }),
            Fault::RedeliversUnasked => Way::Rules(|rules| {
                if rules.redelivery_interval_s == 0 {
                    rules.redelivery_interval_s = 1;
                }
            }),
            Fault::NeverGivesUp => Way::Rules(|rules| {
                (rules.redelivery_max_v3_s, rules.redelivery_max_v5_s) = (0, 0);
            }),
            Fault::ChangesOrder => Way::Output(change_order),
            Fault::UsesIdTwice => Way::Output(use_id_twice),
        }
    }
}

/// A subscription that the session knows nothing of.
fn subscribe(hub: &Hub, session: &Arc<Session>, subscription: &Subscription) {
    let subscriber = Subscriber {
        session: Arc::clone(session),
        qos: QoS::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        subscription_id: None,
    };
    let mut router = hub.router.write();
    router.subscribe(subscription, subscriber, false);
    drop(router);
    hub.changes.under([&subscription.filter]);
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault on this thread, in place of any other.
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

fn planted() -> Option<Way> {
    PLANTED.get().map(Fault::way)
}

/// The rules that the message core is told.
pub(super) fn rules(right: &Profile) -> Profile {
    let mut rules = right.clone();
    if let Some(Way::Rules(change)) = planted() {
        change(&mut rules);
    }
    rules
}

/// Tampers with what the message core keeps.
pub(super) fn tamper(hub: &Hub) {
    if let Some(Way::Session(tamper)) = planted() {
        for session in hub.sessions.all() {
            tamper(hub, &session);
        }
    }
}

/// What is to become of the bytes that the server writes.
pub(super) fn mangle() -> Option<Mangle> {
    match planted() {
        Some(Way::Output(mangle)) => Some(mangle),
        Some(Way::Rules(_) | Way::Session(_)) | None => None,
    }
}

/// The packets in bytes that are whole packets, and nothing otherwise.
fn packets(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Ok(Some(one)) = codec::frame(rest, usize::MAX) {
        found.push(one.bytes);
        rest = &rest[one.bytes.len()..];
    }
    if rest.is_empty() { found } else { Vec::new() }
}

fn is_above_qos_0(packet: &[u8]) -> bool {
    packet[0] >> 4 == 3 && packet[0] & 6 != 0
}

fn change_order(bytes: &[u8]) -> Vec<u8> {
    let mut packets = packets(bytes);
    if packets.is_empty() {
        return bytes.to_vec();
    }
    let at = packets
        .windows(2)
        .position(|two| two.iter().all(|packet| is_above_qos_0(packet)));
    if let Some(at) = at {
        packets.swap(at, at + 1);
    }
    packets.concat()
}

fn use_id_twice(bytes: &[u8]) -> Vec<u8> {
    let packets = packets(bytes);
    if packets.is_empty() {
        return bytes.to_vec();
    }
    let mut out = Vec::new();
    let mut last: Option<[u8; 2]> = None;
    for packet in packets {
        let mut packet = packet.to_vec();
        // Packets of up to 127 bytes have one byte of length.
        if is_above_qos_0(&packet) && packet[1] < 0x80 {
            let at = 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let own = [packet[at], packet[at + 1]];
            packet[at..at + 2].copy_from_slice(&last.unwrap_or(own));
            last = Some(own);
        }
        out.extend(packet);
    }
    out
}
