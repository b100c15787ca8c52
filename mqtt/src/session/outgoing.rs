//! What a client is owed: messages in flight, messages waiting, and the packet ids between.

use super::aliases::Aliases;
use super::packet_ids::PacketIds;
use super::redelivery::{Resent, seconds};
use super::storage::fixed_id;
use super::subscription_ids::SubscriptionIds;
use super::waiting::Backlog;
use crate::codec::{self, PublishBody, PublishForm, PublishHead, Version};
use crate::message::{Message, QoS};
use crate::rate::Bucket;
use std::collections::VecDeque;
use std::sync::Arc;

/// The bounds of one client's outgoing side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingLimits {
    /// Messages above QoS 0 in flight at once: the smaller of the client's Receive Maximum
    /// (MQTT 5.0 [3.1.2.11.3]) and the broker's own limit.
    pub inflight: u16,
    /// Messages waiting beyond the window or for the client to come back.
    pub queued: usize,
    /// Bytes of payload among the waiting messages.
    pub queued_bytes: usize,
    /// Messages a second that are sent of those that waited when the connection began; 0 for all at
    /// once.
    pub stored_per_s: u32,
    /// Largest packet that the client accepts (MQTT 5.0 [3.1.2.11.4]).
    pub packet_bytes: usize,
    /// Whether a message sent again carries DUP; AWS never sets it.
    pub dup: bool,
    /// Topics that get an alias: the smaller of the client's Topic Alias Maximum (MQTT 5.0
    /// [3.1.2.11.5]) and the broker's own limit.
    pub topic_aliases: u16,
}

/// One message above QoS 0 that a client is owed.
#[derive(Clone, Debug)]
pub struct Outbound<G> {
    /// The message, shared among all of its receivers.
    pub message: Arc<Message>,
    /// The QoS of this delivery: the lower of the publish's and the subscription's.
    pub qos: QoS,
    /// RETAIN of this delivery.
    pub retain: bool,
    /// The subscription identifiers to send along, of every subscription that matches.
    pub subscription_ids: SubscriptionIds,
    /// The shared subscription it was drawn from; handed to another member if this one leaves.
    pub share: Option<G>,
    /// Where it is kept outside, for sessions that outlive the server.
    pub stored: Option<u64>,
}

/// What became of a message handed to [`Outgoing::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Written to the output.
    Now,
    /// Waiting for room in the window or for the client.
    Queued,
    /// Dropped: the queue is full, or the packet is larger than the client accepts.
    Dropped,
}

/// How far a message in flight has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// PUBLISH sent; PUBACK (QoS 1) or PUBREC (QoS 2) is awaited.
    Published,
    /// PUBREL sent; PUBCOMP is awaited. The message itself is the receiver's by now.
    Released,
}

#[derive(Clone, Debug)]
pub(super) struct Inflight<G> {
    pub(super) id: u16,
    pub(super) stage: Stage,
    /// When it was first sent on this connection, in seconds; in what `id` leaves free of a word.
    pub(super) sent_s: u32,
    pub(super) outbound: Outbound<G>,
}

/// A client's outgoing half: window, queue and packet ids.
///
/// Invariants: no packet id is in flight twice; the window never exceeds its limit; a message
/// leaves only when it was acknowledged, has expired, was given up (see [`Redelivery`]), or was
/// handed to another member of its shared group.
///
/// [`Redelivery`]: super::Redelivery
#[derive(Debug)]
pub struct Outgoing<G> {
    pub(super) version: Version,
    pub(super) limits: OutgoingLimits,
    pub(super) online: bool,
    pub(super) ids: PacketIds,
    /// In the order sent, so that acknowledgements are found at the front.
    pub(super) inflight: VecDeque<Inflight<G>>,
    /// How many at the back of `inflight` have not been sent again on this connection.
    pub(super) unsent: usize,
    /// Of the live connection, once something was sent again on it.
    pub(super) resent: Option<Box<Resent>>,
    pub(super) waiting: VecDeque<Outbound<G>>,
    /// Of the live connection; see [`OutgoingLimits::stored_per_s`].
    pub(super) backlog: Option<Box<Backlog<G>>>,
    /// Of both.
    pub(super) waiting_bytes: usize,
    /// Of the live connection, if its client takes any.
    pub(super) aliases: Option<Box<Aliases>>,
    /// See [`Outgoing::settle_up_to`].
    pub(super) settled: u64,
    /// See [`Outgoing::take_released`].
    pub(super) released: Vec<u64>,
}

impl<G> Outgoing<G> {
    /// The outgoing half of a session that is not connected yet.
    pub fn new(version: Version, limits: OutgoingLimits) -> Self {
        Outgoing {
            version,
            limits,
            online: false,
            ids: PacketIds::default(),
            inflight: VecDeque::new(),
            unsent: 0,
            resent: None,
            waiting: VecDeque::new(),
            backlog: None,
            waiting_bytes: 0,
            aliases: None,
            settled: 0,
            released: Vec::new(),
        }
    }

    /// The client is there: sends again what is in flight, then what waits, as far as the window
    /// and the pace of this connection go. What is in flight is not held to the pace.
    ///
    /// MQTT 3.1.1 [4.4.0-1]: unacknowledged PUBLISH and PUBREL packets keep their packet ids.
    pub fn connect(&mut self, limits: OutgoingLimits, now_ms: u64, out: &mut Vec<u8>) {
        self.limits = limits;
        self.online = true;
        self.unsent = self.inflight.len();
        self.resent = None;
        self.aliases = Aliases::up_to(limits.topic_aliases);
        self.rejoin();
        if limits.stored_per_s > 0 && !self.waiting.is_empty() {
            self.backlog = Some(Box::new(Backlog {
                messages: std::mem::take(&mut self.waiting),
                pace: Bucket::new(limits.stored_per_s, now_ms),
            }));
        }
        self.pump(now_ms, out);
    }

    /// The client is gone; what it is owed stays.
    pub fn disconnect(&mut self) {
        self.online = false;
        self.unsent = 0;
        self.resent = None;
        self.aliases = None;
        self.rejoin();
    }

    /// Whether packets at QoS 0 have to be written for this client alone.
    pub fn has_aliases(&self) -> bool {
        self.aliases.is_some()
    }

    /// Writes a message at QoS 0; false when it is larger than the client accepts.
    pub fn put_at_most_once(
        &mut self,
        topic: &Arc<str>,
        retain: bool,
        mut body: PublishBody<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let head = PublishHead {
            qos: QoS::AtMostOnce,
            dup: false,
            retain,
            packet_id: None,
        };
        let bytes = codec::publish_bytes(self.version, head.qos, &body);
        let Some(room) = self.limits.packet_bytes.checked_sub(bytes) else {
            return false;
        };
        if let Some(aliases) = &mut self.aliases {
            aliases.shorten(topic, &mut body, room);
        }
        codec::put_publish(out, self.version, head, &body);
        true
    }

    /// Delivers a message above QoS 0: at once if the window and `room` allow, else it waits.
    /// `form` is the message as it has been encoded for many.
    pub fn send(
        &mut self,
        outbound: Outbound<G>,
        form: Option<&PublishForm>,
        room: bool,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Sent {
        let form = form.filter(|form| {
            form.fits(self.version, outbound.qos)
                && outbound.subscription_ids.as_slice().is_empty()
                && self.aliases.is_none()
        });
        let bytes = form.map_or_else(
            || packet_bytes(self.version, &outbound),
            PublishForm::packet_bytes,
        );
        if self.online && bytes > self.limits.packet_bytes {
            return Sent::Dropped;
        }
        let open = self.unsent == 0 && self.waiting.is_empty() && self.window_open();
        if self.online && room && open && self.is_ready(&outbound) {
            self.launch(outbound, form, now_ms, out);
            return Sent::Now;
        }
        let bytes = outbound.message.payload.len();
        if self.waiting() >= self.limits.queued
            || self.waiting_bytes + bytes > self.limits.queued_bytes
        {
            return Sent::Dropped;
        }
        self.waiting_bytes += bytes;
        self.waiting.push_back(outbound);
        Sent::Queued
    }

    /// Delivers a message above QoS 0 at once or not at all; the packet id if it did.
    pub fn send_now(
        &mut self,
        outbound: Outbound<G>,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Option<u16> {
        let fits = packet_bytes(self.version, &outbound) <= self.limits.packet_bytes;
        let open = self.unsent == 0 && self.waiting.is_empty() && self.window_open();
        if !(self.online && open && fits) {
            return None;
        }
        self.launch(outbound, None, now_ms, out);
        self.inflight.back().map(|flight| flight.id)
    }

    /// Whether a packet id is in flight.
    pub fn is_in_flight(&self, id: u16) -> bool {
        self.inflight.iter().any(|flight| flight.id == id)
    }

    /// PUBACK arrived. False when no such message is in flight.
    pub fn puback(&mut self, id: u16) -> bool {
        self.settle(id, |flight| flight.outbound.qos == QoS::AtLeastOnce)
    }

    /// PUBREC arrived: the receiver has the message, PUBREL follows. False for an unknown id.
    /// A refusal (`refused`, MQTT 5.0 [4.3.3-4]) ends the exchange instead.
    pub fn pubrec(&mut self, id: u16, refused: bool, out: &mut Vec<u8>) -> bool {
        if refused {
            return self.settle(id, |flight| flight.outbound.qos == QoS::ExactlyOnce);
        }
        let flight = self.inflight.iter_mut().find(|flight| flight.id == id);
        let Some(flight) = flight.filter(|flight| flight.outbound.qos == QoS::ExactlyOnce) else {
            return false;
        };
        flight.stage = Stage::Released;
        // The message is the receiver's; what is left is the packet id.
        self.released.extend(flight.outbound.stored.take());
        codec::put_pubrel(out, self.version, id);
        true
    }

    /// PUBCOMP arrived. False when no such exchange waits for it.
    pub fn pubcomp(&mut self, id: u16) -> bool {
        self.settle(id, |flight| flight.stage == Stage::Released)
    }

    /// Messages in flight.
    pub fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// Memory of the lists, without the messages, in bytes.
    pub fn list_bytes(&self) -> usize {
        let backlog = self.backlog.as_ref();
        let backlog = backlog.map_or(0, |backlog| backlog.messages.capacity());
        self.inflight.capacity() * size_of::<Inflight<G>>()
            + (self.waiting.capacity() + backlog) * size_of::<Outbound<G>>()
    }

    /// The protocol version of the session; AWS resumes none across versions.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The largest packet that the client accepts, in bytes.
    pub fn packet_bytes_max(&self) -> usize {
        self.limits.packet_bytes
    }

    pub(super) fn window_open(&self) -> bool {
        self.inflight.len() - self.unsent < usize::from(self.limits.inflight)
    }

    pub(super) fn launch(
        &mut self,
        outbound: Outbound<G>,
        form: Option<&PublishForm>,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) {
        let id = match fixed_id(&outbound) {
            Some(id) => {
                self.ids.occupy(id);
                id
            }
            None => {
                let in_flight = self.inflight.iter().map(|flight| flight.id);
                self.ids.next(&in_flight)
            }
        };
        if let Some(form) = form {
            form.put(out, outbound.retain, id);
        } else {
            let to = (self.version, self.limits.packet_bytes);
            write(out, to, &mut self.aliases, (id, false), &outbound, now_ms);
        }
        self.inflight.push_back(Inflight {
            id,
            stage: Stage::Published,
            sent_s: seconds(now_ms),
            outbound,
        });
    }

    pub(super) fn settle(&mut self, id: u16, fits: impl Fn(&Inflight<G>) -> bool) -> bool {
        let Some(at) = self.inflight.iter().position(|flight| flight.id == id) else {
            return false;
        };
        if !fits(&self.inflight[at]) {
            return false;
        }
        // A late acknowledgement may settle what has not been sent again yet.
        if at >= self.inflight.len() - self.unsent {
            self.unsent -= 1;
        }
        self.forget_resent(id);
        if let Some(flight) = self.inflight.remove(at) {
            self.released.extend(flight.outbound.stored);
        }
        if self.inflight.is_empty() && self.inflight.capacity() > KEPT {
            self.inflight = VecDeque::new();
        }
        true
    }
}

/// Room in lists that an idle client keeps after a burst, in messages.
pub(super) const KEPT: usize = 128;

pub(super) fn write<G>(
    out: &mut Vec<u8>,
    (version, bytes_max): (Version, usize),
    aliases: &mut Option<Box<Aliases>>,
    (id, dup): (u16, bool),
    outbound: &Outbound<G>,
    now_ms: u64,
) {
    let message = &*outbound.message;
    let head = PublishHead {
        qos: outbound.qos,
        dup,
        retain: outbound.retain,
        packet_id: Some(id),
    };
    let mut body = message.body(now_ms, outbound.subscription_ids.as_slice());
    if let Some(aliases) = aliases {
        let bytes = codec::publish_bytes(version, outbound.qos, &body);
        aliases.shorten(&message.topic, &mut body, bytes_max.saturating_sub(bytes));
    }
    codec::put_publish(out, version, head, &body);
}

pub(super) fn packet_bytes<G>(version: Version, outbound: &Outbound<G>) -> usize {
    codec::publish_bytes(
        version,
        outbound.qos,
        &outbound
            .message
            .body(0, outbound.subscription_ids.as_slice()),
    )
}
