//! A list of operations on one client's outgoing and incoming halves, against a model of few lines:
//! the window is never exceeded, no packet id is in flight twice, messages come in order, none is
//! lost or invented, and memory stays within the limits.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mqtt::codec::{Packet, PublishForm, Version, decode, frame};
use mqtt::session::{
    Incoming, Outbound, Outgoing, OutgoingLimits, Redelivery, Sent, SubscriptionIds,
};
use mqtt::{Message, QoS};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A message as the model knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owed {
    number: u64,
    qos: QoS,
    shared: bool,
}

/// What a connected client does not acknowledge is sent again, and given up.
const REDELIVERY: Redelivery = Redelivery {
    interval_s: 2,
    max_s: 5,
};

struct Model {
    outgoing: Outgoing<()>,
    limits: OutgoingLimits,
    out: Vec<u8>,
    now_ms: u64,
    online: bool,
    /// Accepted and not settled, in order.
    owed: VecDeque<Owed>,
    /// Sent on this connection and not settled, by packet id.
    sent: BTreeMap<u16, Owed>,
    /// When the one with this packet id was first and last sent on this connection.
    times: BTreeMap<u16, (u64, u64)>,
    /// Ids whose PUBLISH the client has: PUBREC was sent.
    received: BTreeSet<u16>,
    /// Ids of earlier connections, for late acknowledgements.
    before: BTreeMap<u16, Owed>,
    /// Messages that may leave the queue without having been sent.
    passing: BTreeSet<u64>,
    next: u64,
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, operations)) = data.split_first() else {
        return;
    };
    let version = if first & 0x80 == 0 {
        Version::V311
    } else {
        Version::V5
    };
    let limits = OutgoingLimits {
        inflight: u16::from(first & 3) + 1,
        queued: usize::from(first >> 2 & 7) + 1,
        queued_bytes: 64,
        stored_per_s: 0,
        packet_bytes: 40,
        dup: first & 0x40 != 0,
        topic_aliases: if version == Version::V5 {
            u16::from(first >> 5 & 1)
        } else {
            0
        },
    };
    let mut model = Model {
        outgoing: Outgoing::new(version, limits),
        limits,
        out: Vec::new(),
        now_ms: 0,
        online: false,
        owed: VecDeque::new(),
        sent: BTreeMap::new(),
        times: BTreeMap::new(),
        received: BTreeSet::new(),
        before: BTreeMap::new(),
        passing: BTreeSet::new(),
        next: 0,
    };
    let mut incoming = Incoming::default();
    for &operation in operations {
        model.step(operation);
        model.check();
        aliases(&mut incoming, operation);
    }
    model.finish();
});

impl Model {
    fn step(&mut self, operation: u8) {
        let (kind, value) = (operation & 7, operation >> 3);
        match kind {
            0 | 1 => self.send(value),
            2 | 3 => self.acknowledge(value),
            4 if self.online => {
                self.online = false;
                self.outgoing.disconnect();
                self.before.append(&mut self.sent);
            }
            4 => self.connect(u16::from(value & 3) + 1),
            5 => {
                self.now_ms += u64::from(value) * 500;
                // What was sent so far is on disk.
                self.outgoing.settle_up_to(self.next);
                self.outgoing.pump(self.now_ms, &mut self.out);
            }
            6 if !self.online => {
                if value & 1 == 0 {
                    self.take_shared();
                } else {
                    self.retain(u64::from(value));
                }
            }
            6 if value & 3 == 3 => drop(self.outgoing.puback(0xFFFF)),
            6 => self.redeliver(value),
            _ => {
                let id = u16::from(value);
                let late = self.before.get(&id).copied();
                self.settle(id, late);
            }
        }
        self.read();
    }

    fn send(&mut self, value: u8) {
        let number = self.next;
        self.next += 1;
        let qos = if value & 1 == 0 {
            QoS::AtLeastOnce
        } else {
            QoS::ExactlyOnce
        };
        let owed = Owed {
            number,
            qos,
            shared: value & 2 != 0,
        };
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(8 + usize::from(value >> 3) * 16, 0);
        let message = Message {
            topic: "t".into(),
            payload: Bytes::from(payload),
            qos,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: (value & 4 != 0).then_some(self.now_ms + 3000),
        };
        if message.expires_at_ms.is_some() || message.payload.len() > 8 {
            self.passing.insert(number);
        }
        let outbound = Outbound {
            message: Arc::new(message),
            qos,
            retain: false,
            subscription_ids: SubscriptionIds::default(),
            share: owed.shared.then_some(()),
            stored: Some(number),
        };
        let room = value & 16 == 0;
        // Now and then as it is given to many: encoded before.
        let form = (value & 8 != 0).then(|| {
            let body = outbound.message.body(self.now_ms, &[]);
            PublishForm::new(self.outgoing.version(), qos, &body)
        });
        match self
            .outgoing
            .send(outbound, form.as_ref(), room, self.now_ms, &mut self.out)
        {
            Sent::Now | Sent::Queued => self.owed.push_back(owed),
            Sent::Dropped => {}
        }
    }

    fn connect(&mut self, inflight: u16) {
        self.online = true;
        self.limits.inflight = inflight;
        self.outgoing
            .connect(self.limits, self.now_ms, &mut self.out);
    }

    /// The client answers something that it was sent on this connection.
    fn acknowledge(&mut self, value: u8) {
        if !self.online || self.sent.is_empty() {
            return;
        }
        let at = usize::from(value) % self.sent.len();
        let Some((id, owed)) = self.sent.iter().nth(at).map(|(id, owed)| (*id, *owed)) else {
            return;
        };
        if owed.qos == QoS::ExactlyOnce && self.received.insert(id) {
            assert!(self.outgoing.pubrec(id, false, &mut self.out));
            return;
        }
        self.settle(id, Some(owed));
        self.outgoing.pump(self.now_ms, &mut self.out);
    }

    fn settle(&mut self, id: u16, owed: Option<Owed>) {
        let Some(owed) = owed.filter(|owed| self.owed.contains(owed)) else {
            return;
        };
        let known = match owed.qos {
            QoS::ExactlyOnce if !self.received.contains(&id) => return,
            QoS::ExactlyOnce => self.outgoing.pubcomp(id),
            _ => self.outgoing.puback(id),
        };
        assert!(known, "{id} {owed:?}");
        self.owed.retain(|other| *other != owed);
        self.sent.remove(&id);
        self.before.remove(&id);
        self.received.remove(&id);
    }

    /// Time is looked at: what is given up, and what is sent again.
    fn redeliver(&mut self, value: u8) {
        let now_ms = self.now_ms;
        let (interval_ms, max_ms) = (
            u64::from(REDELIVERY.interval_s) * 1000,
            u64::from(REDELIVERY.max_s) * 1000,
        );
        let overdue = self.outgoing.is_overdue(REDELIVERY, now_ms);
        let given_up = self.outgoing.give_up(REDELIVERY, now_ms);
        for (id, owed) in self.sent.clone() {
            let in_flight_ms = now_ms - self.times[&id].0;
            if given_up.contains(&id) {
                assert!(owed.qos == QoS::AtLeastOnce && in_flight_ms >= max_ms);
                self.owed.retain(|other| *other != owed);
                self.sent.remove(&id);
                self.before.remove(&id);
            } else {
                // It counts in whole seconds.
                assert!(owed.qos == QoS::ExactlyOnce || in_flight_ms < max_ms + 2000);
            }
        }
        let may = |message: &Message| value & 4 == 0 || message.payload[7] & 1 == 0;
        let has_room = |out: &[u8]| value & 8 == 0 || out.is_empty();
        let count = self
            .outgoing
            .redeliver(REDELIVERY, may, has_room, now_ms, &mut self.out);
        assert!(overdue || (given_up.is_empty() && count == 0));
        let bytes = std::mem::take(&mut self.out);
        let (mut rest, mut again) = (&bytes[..], Vec::new());
        while let Some(one) = frame(rest, 1 << 20).expect("packets are well formed") {
            rest = &rest[one.bytes.len()..];
            let packet = decode(&one, self.outgoing.version()).expect("packets are well formed");
            let Packet::Publish(publish) = packet else {
                panic!("{packet:?}");
            };
            let id = publish.packet_id.expect("it is above QoS 0");
            let owed = self.sent[&id];
            let number = u64::from_be_bytes(publish.payload[..8].try_into().expect("a number"));
            assert_eq!((owed.number, owed.qos), (number, QoS::AtLeastOnce));
            assert_eq!(publish.dup, self.limits.dup);
            let (_, last_ms) = self.times.get_mut(&id).expect("it was sent");
            assert!(now_ms - *last_ms >= interval_ms);
            *last_ms = now_ms;
            again.push(number);
        }
        assert!(again.is_sorted());
        assert_eq!(again.len(), count);
        self.outgoing.pump(now_ms, &mut self.out);
    }

    fn take_shared(&mut self) {
        let taken = self.outgoing.take_shared();
        let numbers: Vec<u64> = taken.iter().filter_map(|o| o.stored).collect();
        let mut seen = numbers.clone();
        seen.dedup();
        assert_eq!(seen, numbers);
        for number in &numbers {
            assert!(
                self.owed
                    .iter()
                    .any(|owed| owed.number == *number && owed.shared)
            );
        }
        self.forget(|owed| numbers.contains(&owed.number));
    }

    fn retain(&mut self, divisor: u64) {
        let number = |message: &Message| {
            u64::from_be_bytes(message.payload[..8].try_into().expect("it has a number"))
        };
        let gone = |number: u64| number.is_multiple_of(divisor);
        self.outgoing.retain(|message| !gone(number(message)));
        let received: Vec<u64> = self
            .received
            .iter()
            .filter_map(|id| self.before.get(id))
            .map(|owed| owed.number)
            .collect();
        self.forget(|owed| gone(owed.number) && !received.contains(&owed.number));
    }

    fn forget(&mut self, gone: impl Fn(&Owed) -> bool) {
        self.owed.retain(|owed| !gone(owed));
        self.before.retain(|_, owed| !gone(owed));
    }

    /// Reads what was written, as the client does.
    fn read(&mut self) {
        let bytes = std::mem::take(&mut self.out);
        let mut rest = &bytes[..];
        while let Some(one) = frame(rest, 1 << 20).expect("packets are well formed") {
            rest = &rest[one.bytes.len()..];
            match decode(&one, self.outgoing.version()).expect("packets are well formed") {
                Packet::Publish(publish) => {
                    let id = publish.packet_id.expect("it is above QoS 0");
                    let number =
                        u64::from_be_bytes(publish.payload[..8].try_into().expect("a number"));
                    let owed = self.owed.iter().find(|owed| owed.number == number).copied();
                    let owed = owed.unwrap_or_else(|| panic!("{number} is not owed"));
                    // In order: nothing on this connection was sent ahead of it.
                    assert!(self.sent.values().all(|sent| sent.number < number));
                    assert_eq!(self.sent.insert(id, owed), None, "{id} is in flight");
                    self.times.insert(id, (self.now_ms, self.now_ms));
                }
                Packet::PubRel(ack) => {
                    let owed = self.before.get(&ack.packet_id).copied();
                    if let Some(owed) = owed.filter(|_| !self.sent.contains_key(&ack.packet_id)) {
                        assert_eq!(self.sent.insert(ack.packet_id, owed), None);
                        self.times.insert(ack.packet_id, (self.now_ms, self.now_ms));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(rest.is_empty());
    }

    fn check(&mut self) {
        assert!(!self.online || self.sent.len() <= usize::from(self.limits.inflight));
        assert!(self.outgoing.waiting() <= self.limits.queued);
        // Once the client has a message, it is kept nowhere else.
        let ids = self.received.iter();
        let known = ids.filter_map(|id| self.sent.get(id).or_else(|| self.before.get(id)));
        let received: Vec<u64> = known.map(|owed| owed.number).collect();
        // What has expired, or is too large for the client that has come, leaves the queue untold.
        let mut gone = self.outgoing.take_released();
        gone.retain(|number| self.passing.contains(number) && !received.contains(number));
        self.owed.retain(|owed| !gone.contains(&owed.number));
        assert_eq!(
            self.outgoing.inflight() + self.outgoing.waiting(),
            self.owed.len()
        );
        let mut kept: Vec<u64> = self.outgoing.stored().collect();
        kept.sort_unstable();
        let numbers = self.owed.iter().map(|owed| owed.number);
        let owed: Vec<u64> = numbers.filter(|n| !received.contains(n)).collect();
        assert_eq!(kept, owed);
    }

    /// A client that answers everything gets everything.
    fn finish(&mut self) {
        self.outgoing.settle_up_to(self.next);
        if !self.online {
            self.connect(4);
            self.read();
        }
        for _ in 0..2000 {
            self.check();
            if self.owed.is_empty() {
                return;
            }
            self.acknowledge(0);
            self.outgoing.pump(self.now_ms, &mut self.out);
            self.read();
        }
        let Self {
            owed,
            sent,
            before,
            received,
            outgoing,
            ..
        } = self;
        panic!("never sent: {owed:?} of {outgoing:?}; {sent:?} {before:?} {received:?}");
    }
}

fn aliases(incoming: &mut Incoming, operation: u8) {
    let (alias, topic) = (u16::from(operation & 15), operation >> 4);
    let topic = if topic < 8 { "" } else { "t" };
    let resolved = incoming.resolve(topic, alias, 8);
    assert_eq!(
        resolved.is_err(),
        alias == 0 || alias > 8 || resolved.is_err()
    );
    let id = u16::from(operation);
    let fresh = incoming.receive(id);
    assert_eq!(incoming.receive(id), false);
    if fresh {
        assert!(incoming.release(id));
    }
}
