//! What a client is owed: messages in flight, messages waiting, and the packet ids between.

use super::aliases::Aliases;
use super::subscription_ids::SubscriptionIds;
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
enum Stage {
    /// PUBLISH sent; PUBACK (QoS 1) or PUBREC (QoS 2) is awaited.
    Published,
    /// PUBREL sent; PUBCOMP is awaited. The message itself is the receiver's by now.
    Released,
}

#[derive(Clone, Debug)]
struct Inflight<G> {
    id: u16,
    stage: Stage,
    outbound: Outbound<G>,
}

/// What waited when the connection began, and is sent little by little, beside what comes meanwhile.
#[derive(Debug)]
struct Backlog<G> {
    messages: VecDeque<Outbound<G>>,
    pace: Bucket,
}

/// A client's outgoing half: window, queue and packet ids.
///
/// Invariants: no packet id is in flight twice; the window never exceeds its limit; a message
/// leaves only when it was acknowledged, has expired, or was handed to another member of its
/// shared group.
#[derive(Debug)]
pub struct Outgoing<G> {
    version: Version,
    limits: OutgoingLimits,
    online: bool,
    last_id: u16,
    /// Ids that were in flight when `last_id` last began at 1, those still ahead of it, the
    /// nearest last.
    taken: Vec<u16>,
    /// In the order sent, so that acknowledgements are found at the front.
    inflight: VecDeque<Inflight<G>>,
    /// How many at the back of `inflight` have not been sent again on this connection.
    unsent: usize,
    waiting: VecDeque<Outbound<G>>,
    /// Of the live connection; see [`OutgoingLimits::stored_per_s`].
    backlog: Option<Box<Backlog<G>>>,
    /// Of both.
    waiting_bytes: usize,
    /// Of the live connection, if its client takes any.
    aliases: Option<Box<Aliases>>,
    /// See [`Outgoing::settle_up_to`].
    settled: u64,
    /// See [`Outgoing::take_released`].
    released: Vec<u64>,
}

impl<G> Outgoing<G> {
    /// The outgoing half of a session that is not connected yet.
    pub fn new(version: Version, limits: OutgoingLimits) -> Self {
        Outgoing {
            version,
            limits,
            online: false,
            last_id: 0,
            taken: Vec::new(),
            inflight: VecDeque::new(),
            unsent: 0,
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

    /// Puts what is left of the backlog in front of what came after it.
    fn rejoin(&mut self) {
        if let Some(mut backlog) = self.backlog.take() {
            backlog.messages.append(&mut self.waiting);
            self.waiting = backlog.messages;
        }
    }

    /// The client is gone; what it is owed stays.
    pub fn disconnect(&mut self) {
        self.online = false;
        self.unsent = 0;
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
        Some(self.last_id)
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

    /// Sends what waits, as far as the window goes; expired messages are skipped
    /// (MQTT 5.0 [3.3.2-5]).
    pub fn pump(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        while self.online && self.unsent > 0 && self.window_open() {
            self.send_again(now_ms, out);
        }
        if let Some(mut backlog) = self.backlog.take() {
            let Backlog { messages, pace } = &mut *backlog;
            self.pump_queue(messages, || pace.take(now_ms), now_ms, out);
            self.backlog = Some(backlog).filter(|backlog| !backlog.messages.is_empty());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        self.pump_queue(&mut waiting, || true, now_ms, out);
        self.waiting = waiting;
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
    }

    fn pump_queue(
        &mut self,
        queue: &mut VecDeque<Outbound<G>>,
        mut may_go: impl FnMut() -> bool,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) {
        while self.online && self.unsent == 0 && self.window_open() {
            let Some(next) = queue.front().filter(|next| self.is_ready(next)) else {
                break;
            };
            let expires_at_ms = next.message.expires_at_ms;
            let is_lost = expires_at_ms.is_some_and(|at| at <= now_ms)
                || packet_bytes(self.version, next) > self.limits.packet_bytes;
            if !is_lost && !may_go() {
                break;
            }
            let Some(outbound) = queue.pop_front() else {
                break;
            };
            self.waiting_bytes -= outbound.message.payload.len();
            if is_lost {
                self.released.extend(outbound.stored);
            } else {
                self.launch(outbound, None, now_ms, out);
            }
        }
    }

    /// Takes out what came through shared subscriptions and is not acknowledged, for the other
    /// members of those groups; to be called between connections. What the receiver already has
    /// (PUBREC) is not given twice.
    pub fn take_shared(&mut self) -> Vec<Outbound<G>> {
        self.rejoin();
        let mut taken = Vec::new();
        let given = |o: &Outbound<G>| o.share.is_some();
        let (mine, shared): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.inflight)
            .into_iter()
            .partition(|f| !given(&f.outbound) || f.stage == Stage::Released);
        self.inflight = mine;
        taken.extend(shared.into_iter().map(|flight| flight.outbound));
        let (mine, shared): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|o| !given(o));
        self.waiting = mine;
        taken.extend(shared);
        self.released.extend(taken.iter().filter_map(|o| o.stored));
        self.count_waiting();
        taken
    }

    /// Takes out what waits and the client may no longer have. What it has been sent, it has.
    pub fn take_denied(&mut self, may: impl Fn(&Message) -> bool) -> Vec<Outbound<G>> {
        let mut denied = Vec::new();
        let mut keep_allowed = |queue: &mut VecDeque<Outbound<G>>| {
            let (mine, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(queue)
                .into_iter()
                .partition(|outbound| may(&outbound.message));
            *queue = mine;
            denied.extend(others);
        };
        if let Some(backlog) = &mut self.backlog {
            keep_allowed(&mut backlog.messages);
        }
        keep_allowed(&mut self.waiting);
        self.count_waiting();
        denied
    }

    /// Counts the bytes that wait, after many have gone at once.
    fn count_waiting(&mut self) {
        let backlog = self.backlog.iter().flat_map(|backlog| &backlog.messages);
        let waiting = backlog.chain(&self.waiting);
        self.waiting_bytes = waiting.map(|o| o.message.payload.len()).sum();
    }

    /// Drops what the client may no longer have, in flight or waiting; to be called between
    /// connections. An exchange whose message the client already has goes on.
    pub fn retain(&mut self, keep: impl Fn(&Message) -> bool) {
        self.rejoin();
        let released = &mut self.released;
        let mut kept = |outbound: &Outbound<G>| {
            let keeps = keep(&outbound.message);
            released.extend(outbound.stored.filter(|_| !keeps));
            keeps
        };
        self.inflight
            .retain(|flight| flight.stage == Stage::Released || kept(&flight.outbound));
        self.waiting.retain(|outbound| kept(outbound));
        self.count_waiting();
    }

    /// Drops everything, exchanges that are not finished too: the session is over.
    pub fn clear(&mut self) {
        self.rejoin();
        let inflight = self.inflight.drain(..).map(|flight| flight.outbound);
        let all = inflight.chain(self.waiting.drain(..));
        self.released
            .extend(all.filter_map(|outbound| outbound.stored));
        self.unsent = 0;
        self.waiting_bytes = 0;
    }

    /// The places outside of messages that the client is owed no longer, since the last call.
    pub fn take_released(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.released)
    }

    /// The places outside of everything that the client is still owed.
    pub fn stored(&self) -> impl Iterator<Item = u64> {
        let inflight = self.inflight.iter().map(|flight| &flight.outbound);
        let backlog = self.backlog.iter().flat_map(|backlog| &backlog.messages);
        let waiting = backlog.chain(&self.waiting);
        inflight.chain(waiting).filter_map(|o| o.stored)
    }

    /// What is kept outside under this number, and all below it, is safe there: messages at QoS 2
    /// wait for that before they are sent.
    pub fn settle_up_to(&mut self, number: u64) {
        self.settled = self.settled.max(number);
    }

    /// Takes back a message that was stored, when the session is read again after a restart.
    pub fn restore(&mut self, outbound: Outbound<G>) {
        self.settle_up_to(outbound.stored.unwrap_or(0));
        self.waiting_bytes += outbound.message.payload.len();
        self.waiting.push_back(outbound);
    }

    /// Takes back an exchange whose message the client had before a restart: its PUBREL is sent
    /// again. To be called before the first connection.
    pub fn restore_released(&mut self, id: u16, outbound: Outbound<G>) {
        self.occupy(id);
        self.inflight.push_back(Inflight {
            id,
            stage: Stage::Released,
            outbound,
        });
    }

    /// Packet ids of exchanges that wait for PUBCOMP.
    pub fn released_ids(&self) -> impl Iterator<Item = u16> {
        let released = |flight: &&Inflight<G>| flight.stage == Stage::Released;
        self.inflight
            .iter()
            .filter(released)
            .map(|flight| flight.id)
    }

    /// Messages in flight.
    pub fn inflight(&self) -> usize {
        self.inflight.len()
    }

    /// Messages waiting for the window or for the client.
    pub fn waiting(&self) -> usize {
        let backlog = self.backlog.as_ref();
        self.waiting.len() + backlog.map_or(0, |backlog| backlog.messages.len())
    }

    /// Memory of the lists, without the messages, in bytes.
    pub fn list_bytes(&self) -> usize {
        let backlog = self.backlog.as_ref();
        let backlog = backlog.map_or(0, |backlog| backlog.messages.capacity());
        self.inflight.capacity() * size_of::<Inflight<G>>()
            + (self.waiting.capacity() + backlog) * size_of::<Outbound<G>>()
    }

    /// Whether anything waits for the window, to be sent for the first time or again.
    pub fn has_more(&self) -> bool {
        self.unsent > 0 || !self.waiting.is_empty() || self.backlog.is_some()
    }

    /// Whether something waits for nothing but time.
    pub fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    /// The protocol version of the session; AWS resumes none across versions.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The largest packet that the client accepts, in bytes.
    pub fn packet_bytes_max(&self) -> usize {
        self.limits.packet_bytes
    }

    fn window_open(&self) -> bool {
        self.inflight.len() - self.unsent < usize::from(self.limits.inflight)
    }

    fn send_again(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        let flight = &self.inflight[self.inflight.len() - self.unsent];
        self.unsent -= 1;
        match flight.stage {
            Stage::Published => {
                let (id, dup) = (flight.id, self.limits.dup);
                let to = (self.version, self.limits.packet_bytes);
                write(
                    out,
                    to,
                    &mut self.aliases,
                    (id, dup),
                    &flight.outbound,
                    now_ms,
                );
            }
            Stage::Released => codec::put_pubrel(out, self.version, flight.id),
        }
    }

    fn launch(
        &mut self,
        outbound: Outbound<G>,
        form: Option<&PublishForm>,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) {
        let id = match fixed_id(&outbound) {
            Some(id) => {
                self.occupy(id);
                id
            }
            None => self.next_id(),
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
            outbound,
        });
    }

    /// Whether a message may be sent. One at QoS 2 that is kept outside has to be there first, and
    /// its packet id has to be free: what the receiver has seen must not come under another id
    /// after a restart.
    fn is_ready(&self, outbound: &Outbound<G>) -> bool {
        fixed_id(outbound)
            .is_none_or(|id| outbound.stored <= Some(self.settled) && !self.is_in_flight(id))
    }

    /// Takes a packet id out of the turn.
    fn occupy(&mut self, id: u16) {
        if id > self.last_id {
            let at = self.taken.partition_point(|taken| *taken > id);
            self.taken.insert(at, id);
        }
    }

    /// The next packet id that is not in flight. Ids are given in laps from 1 to 65,535, so that
    /// one can only meet what was in flight when its lap began. The window is smaller than a lap:
    /// there is always one to give.
    fn next_id(&mut self) -> u16 {
        loop {
            if self.last_id == u16::MAX {
                self.last_id = 0;
                self.taken = self.inflight.iter().map(|flight| flight.id).collect();
                self.taken.sort_unstable_by(|a, b| b.cmp(a));
            }
            self.last_id += 1;
            if self.taken.pop_if(|id| *id == self.last_id).is_none() {
                return self.last_id;
            }
        }
    }

    fn settle(&mut self, id: u16, fits: impl Fn(&Inflight<G>) -> bool) -> bool {
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
        if let Some(flight) = self.inflight.remove(at) {
            self.released.extend(flight.outbound.stored);
        }
        if self.inflight.is_empty() && self.inflight.capacity() > KEPT {
            self.inflight = VecDeque::new();
        }
        true
    }
}

/// The packet id of a QoS 2 message that outlives the server, which follows from where it is kept:
/// sent again after a restart it has the same, by which the receiver knows it.
fn fixed_id<G>(outbound: &Outbound<G>) -> Option<u16> {
    let number = outbound
        .stored
        .filter(|_| outbound.qos == QoS::ExactlyOnce)?;
    u16::try_from(number % u64::from(u16::MAX) + 1).ok()
}

/// Room in lists that an idle client keeps after a burst, in messages.
const KEPT: usize = 128;

fn write<G>(
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

fn packet_bytes<G>(version: Version, outbound: &Outbound<G>) -> usize {
    codec::publish_bytes(
        version,
        outbound.qos,
        &outbound
            .message
            .body(0, outbound.subscription_ids.as_slice()),
    )
}
