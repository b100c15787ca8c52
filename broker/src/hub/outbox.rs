//! What goes out to one client: one buffer of encoded packets, and the messages above QoS 0 that
//! it is owed.

use super::confirmations::Confirmations;
use super::end::End;
use super::group::Group;
use super::journal::Keeper;
use super::link::Link;
use super::publication::Publication;
use crate::budget::{BUFFER_BYTES_COUNTED, Budget, Held};
use bytes::Bytes;
use mqtt::codec::{PublishForm, Version};
use mqtt::session::{Outbound, Outgoing, OutgoingLimits, Redelivery, Sent, SubscriptionIds};
use mqtt::{Message, QoS};
use std::io;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Output that waits for a client's socket, in bytes, beyond which QoS 0 is dropped, messages
/// above it wait in the session's queue, and the client itself is not read.
pub(super) const OUTBOX_BYTES_MAX: usize = if cfg!(test) { 4 } else { 1024 } * 1024;

/// The same while memory is short, and while there is none.
const OUTBOX_BYTES_TIGHT: usize = OUTBOX_BYTES_MAX / 16;
const OUTBOX_BYTES_FULL: usize = OUTBOX_BYTES_MAX / 64;

/// Bytes that are put into an output in one piece, so that it is bounded all the same; small enough
/// to stay in the processor's first cache from one receiver to the next.
pub(super) const RUN_BYTES_MAX: usize = if cfg!(test) { 3 } else { 16 } * 1024;

/// A publisher whose receiver has more than this waiting is held back.
pub(super) const OUTBOX_BYTES_HIGH: usize = OUTBOX_BYTES_MAX / 4 * 3;

/// A buffer that a burst has grown beyond this is given back.
const KEPT_BYTES: usize = 256 * 1024;

/// The output of one session; nothing in it is allocated while the client is idle.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Bytes at the front that the wire has taken.
    sent: usize,
    /// Whether the session is on a shard's list of those to flush.
    pub(super) dirty: bool,
    /// Whether the socket takes no more; the connection's task waits for it.
    blocked: bool,
    /// When the socket last took something, or had nothing to take.
    progress_ms: u64,
    link: Option<Arc<Link>>,
    outgoing: Outgoing<Arc<Group>>,
    /// Keeps on disk what the client is owed; `None` once the session is over.
    keeper: Option<Keeper>,
    /// The last message at QoS 2 that waits until it is on disk, if nobody has seen to it yet.
    unsettled: Option<u64>,
    /// Who waits for the PUBACK of a packet id.
    confirmations: Option<Box<Confirmations>>,
    /// The memory of buffer and lists. It is brought up to date at each flush, not at each append.
    held: Held,
}

/// What became of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is written.
    All,
    /// The socket is full.
    Blocked,
}

impl Outbox {
    pub(super) fn new(
        version: Version,
        limits: OutgoingLimits,
        keeper: Option<Keeper>,
        held: Held,
    ) -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            dirty: false,
            blocked: false,
            progress_ms: 0,
            link: None,
            outgoing: Outgoing::new(version, limits),
            keeper,
            unsettled: None,
            confirmations: None,
            held,
        }
    }

    /// A connection takes over: `connack` goes first, then what the client is owed.
    pub(super) fn attach(
        &mut self,
        link: Arc<Link>,
        connack: &[u8],
        limits: OutgoingLimits,
        now_ms: u64,
    ) {
        if let Some(old) = self.link.take_if(|_| !self.bytes.is_empty()) {
            old.cut();
        }
        self.clear();
        self.progress_ms = now_ms;
        self.link = Some(link);
        self.bytes.extend_from_slice(connack);
        self.outgoing.connect(limits, now_ms, &mut self.bytes);
    }

    /// The connection of that number is gone, if it is still this one; what its client is owed
    /// through shared subscriptions is handed back for others. What of that is on disk stays there
    /// until the others have it.
    pub(super) fn detach(&mut self, number: u64) -> Option<Vec<Outbound<Arc<Group>>>> {
        self.link.take_if(|link| link.number == number)?;
        self.clear();
        self.outgoing.disconnect();
        self.release();
        let shared = self.outgoing.take_shared();
        self.outgoing.take_released();
        self.count();
        Some(shared)
    }

    /// Drops what the client may no longer have.
    pub(super) fn retain(&mut self, keep: impl Fn(&Message) -> bool) {
        if self.owed() > 0 {
            self.outgoing.retain(keep);
        }
    }

    /// Messages that wait for the window or for the client.
    pub(super) fn waiting_messages(&self) -> usize {
        self.outgoing.waiting()
    }

    /// Takes out what waits and the client may no longer have. What others of a shared subscription
    /// may have stays on disk until it is theirs.
    pub(super) fn take_denied(
        &mut self,
        may: impl Fn(&Message) -> bool,
    ) -> Vec<Outbound<Arc<Group>>> {
        let denied = self.outgoing.take_denied(may);
        if let Some(keeper) = &self.keeper {
            let own = denied.iter().filter(|outbound| outbound.share.is_none());
            keeper.release(own.filter_map(|outbound| outbound.stored));
        }
        denied
    }

    /// Drops everything that the client is owed: its session is over.
    pub(super) fn forget(&mut self) {
        self.outgoing.clear();
        self.release();
        self.keeper = None;
        self.count();
    }

    /// Takes what the client is owed no longer from the disk.
    pub(super) fn release(&mut self) {
        if let Some(keeper) = &self.keeper {
            let released = self.outgoing.take_released();
            if !released.is_empty() {
                keeper.release(released);
            }
        }
    }

    /// Takes back what the client was owed before the server's start.
    pub(super) fn restore(&mut self, outbound: Outbound<Arc<Group>>) {
        self.outgoing.restore(outbound);
    }

    /// Takes back an exchange whose message the client had before the server's start.
    pub(super) fn restore_released(&mut self, id: u16) {
        // The message itself is not needed any more.
        let message = Message {
            topic: "".into(),
            payload: Bytes::new(),
            qos: QoS::ExactlyOnce,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: None,
        };
        let outbound = Outbound {
            message: Arc::new(message),
            qos: QoS::ExactlyOnce,
            retain: false,
            subscription_ids: SubscriptionIds::None,
            share: None,
            stored: None,
        };
        self.outgoing.restore_released(id, outbound);
    }

    /// Packet ids of exchanges that wait for PUBCOMP.
    pub(super) fn released_ids(&self) -> Vec<u16> {
        self.outgoing.released_ids().collect()
    }

    /// PUBREC of a session that outlives the server: the PUBREL that is to follow once what has
    /// changed is on disk; `None` for an id that is not in flight.
    pub(super) fn pubrec_kept(&mut self, id: u16) -> Option<Vec<u8>> {
        let mut pubrel = Vec::new();
        let known = self.outgoing.pubrec(id, false, &mut pubrel);
        known.then_some(pubrel)
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
        self.sent = 0;
        self.blocked = false;
        self.confirmations = None;
    }

    /// The live connection.
    pub(super) fn link(&self) -> Option<&Arc<Link>> {
        self.link.as_ref()
    }

    /// Whether the live connection is the one of that number.
    pub(super) fn is_of(&self, number: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.number == number)
    }

    /// Bytes that wait for the socket.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether there is room for more, short of the limit.
    pub(super) fn has_room(&self) -> bool {
        has_room(self.waiting_bytes(), self.held.budget())
    }

    /// Whether publishers should be held back: much waits, and the client is reading. One that
    /// does not read holds nobody back.
    pub(super) fn presses(&self, now_ms: u64) -> bool {
        const STALLED_MS: u64 = 20;
        self.waiting_bytes() > OUTBOX_BYTES_HIGH
            && now_ms.saturating_sub(self.progress_ms) < STALLED_MS
    }

    /// Whether much has waited for long for a client that takes nothing.
    pub(super) fn is_stuck(&self, now_ms: u64) -> bool {
        const STUCK_MS: u64 = 5_000;
        self.blocked
            && self.waiting_bytes() >= OUTBOX_BYTES_FULL
            && now_ms.saturating_sub(self.progress_ms) >= STUCK_MS
    }

    /// Appends packets that answer the client's own; they are never dropped, for a client whose
    /// output is full is not read. Nothing when the connection is gone.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.link.is_some() {
            write(&mut self.bytes);
        }
    }

    /// Appends a message at QoS 0 of `len` bytes; false when it is dropped.
    pub(super) fn put_message(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.link.is_none() || !self.has_room() || !self.takes_packets_of(len) {
            return false;
        }
        write(&mut self.bytes);
        true
    }

    /// Whether the client accepts packets of so many bytes (MQTT 5.0 [3.1.2-24]).
    pub(super) fn takes_packets_of(&self, len: usize) -> bool {
        len <= self.outgoing.packet_bytes_max()
    }

    /// Whether packets at QoS 0 have to be written for this client alone.
    pub(super) fn has_aliases(&self) -> bool {
        self.outgoing.has_aliases()
    }

    /// Writes a message at QoS 0 for this client alone; false when it is dropped.
    pub(super) fn put_at_most_once(
        &mut self,
        publication: &Publication<'_>,
        retain: bool,
        subscription_ids: &[u32],
    ) -> bool {
        if self.link.is_none() || !self.has_room() {
            return false;
        }
        let (topic, body) = (publication.topic(), publication.body(subscription_ids));
        self.outgoing
            .put_at_most_once(topic, retain, body, &mut self.bytes)
    }

    /// Hands over a message above QoS 0.
    pub(super) fn send(
        &mut self,
        mut outbound: Outbound<Arc<Group>>,
        form: Option<&PublishForm>,
        now_ms: u64,
    ) -> Sent {
        let room = self.has_room();
        let bytes = &mut self.bytes;
        let Some(keeper) = &self.keeper else {
            let sent = self.outgoing.send(outbound, form, room, now_ms, bytes);
            if sent == Sent::Queued {
                self.count();
            }
            return sent;
        };
        let row = keeper.enter(&mut outbound);
        let unsettled = outbound.stored.filter(|_| outbound.qos == QoS::ExactlyOnce);
        let sent = self.outgoing.send(outbound, form, room, now_ms, bytes);
        if sent != Sent::Dropped {
            keeper.store(row);
            self.unsettled = unsettled.or(self.unsettled);
        }
        if sent == Sent::Queued {
            self.count();
        }
        sent
    }

    /// Sends a message at QoS 1 at once, or not at all; the receiver learns of its PUBACK.
    pub(super) fn send_confirmed(
        &mut self,
        outbound: Outbound<Arc<Group>>,
        now_ms: u64,
    ) -> Option<oneshot::Receiver<()>> {
        if !self.has_room() {
            return None;
        }
        let id = self.outgoing.send_now(outbound, now_ms, &mut self.bytes)?;
        let confirmations = self.confirmations.get_or_insert_default();
        Some(confirmations.wait_for(id))
    }

    /// PUBACKs; false when one is for a message in flight that is not acknowledged so.
    pub(super) fn pubacks(&mut self, ids: impl IntoIterator<Item = u16>, now_ms: u64) -> bool {
        let mut ids = ids.into_iter();
        let fit = ids.all(|id| {
            let known = self.outgoing.puback(id);
            if known && let Some(confirmations) = &mut self.confirmations {
                confirmations.confirm(id);
            }
            known || !self.outgoing.is_in_flight(id)
        });
        self.pump(now_ms);
        fit
    }

    /// PUBREC; false for an id that is not in flight.
    pub(super) fn pubrec(&mut self, id: u16, refused: bool, now_ms: u64) -> bool {
        let known = self.outgoing.pubrec(id, refused, &mut self.bytes);
        self.pump(now_ms);
        known
    }

    /// PUBCOMP; false for an id that is not in flight.
    pub(super) fn pubcomp(&mut self, id: u16, now_ms: u64) -> bool {
        let known = self.outgoing.pubcomp(id);
        self.pump(now_ms);
        known
    }

    /// Takes out what has to be told when it is on disk.
    pub(super) fn take_unsettled(&mut self) -> Option<u64> {
        self.unsettled.take()
    }

    /// What is owed up to this number is on disk.
    pub(super) fn settle_up_to(&mut self, number: u64, now_ms: u64) {
        self.outgoing.settle_up_to(number);
        self.pump(now_ms);
    }

    /// Whether a packet id is in flight.
    pub(super) fn is_in_flight(&self, id: u16) -> bool {
        self.outgoing.is_in_flight(id)
    }

    /// Whether time asks for something: what is sent little by little, or what the client does not
    /// acknowledge.
    pub(super) fn is_due(&self, redelivery: Option<Redelivery>, now_ms: u64) -> bool {
        let overdue = |rules| self.outgoing.is_overdue(rules, now_ms);
        self.outgoing.has_backlog() || redelivery.is_some_and(overdue)
    }

    /// Gives up what the client has not acknowledged for too long, and says how many messages that
    /// is; sends again what is due and the client may still have. Into an output that is not read
    /// nothing is sent again: the message may still be in it.
    pub(super) fn redeliver(
        &mut self,
        rules: Redelivery,
        may: impl Fn(&Message) -> bool,
        now_ms: u64,
    ) -> usize {
        let given_up = self.outgoing.give_up(rules, now_ms);
        if let Some(confirmations) = &mut self.confirmations {
            confirmations.forget_gone();
        }
        if !self.blocked {
            let (sent, budget) = (self.sent, self.held.budget());
            let has_room = |bytes: &[u8]| has_room(bytes.len() - sent, budget);
            let (outgoing, bytes) = (&mut self.outgoing, &mut self.bytes);
            outgoing.redeliver(rules, may, has_room, now_ms, bytes);
        }
        given_up.len()
    }

    /// Sends what waits, as far as window, pace and room allow.
    pub(super) fn pump(&mut self, now_ms: u64) {
        if self.outgoing.has_more() && self.has_room() {
            self.outgoing.pump(now_ms, &mut self.bytes);
        }
    }

    /// Writes what the socket takes. When it is full, the connection's task is woken to wait for
    /// it, and until `unblock` nobody else tries.
    pub(super) fn flush(&mut self, now_ms: u64) -> Flushed {
        let flushed = self.write_out(now_ms);
        self.release();
        self.count();
        flushed
    }

    fn write_out(&mut self, now_ms: u64) -> Flushed {
        self.dirty = false;
        if self.blocked {
            return Flushed::Blocked;
        }
        let Some(link) = self.link.clone() else {
            return Flushed::All;
        };
        loop {
            match self.write(&link) {
                Ok(()) => self.pump(now_ms),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    link.wake.notify_one();
                    return Flushed::Blocked;
                }
                Err(_) => {
                    self.clear();
                    link.end(End::ConnectionLost);
                    return Flushed::All;
                }
            }
            if self.bytes.is_empty() {
                self.progress_ms = now_ms;
                link.drained.notify_waiters();
                return Flushed::All;
            }
        }
    }

    /// Writes all of the buffer.
    fn write(&mut self, link: &Link) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            self.sent += link.wire.try_write(&self.bytes[self.sent..])?;
        }
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.sent = 0;
        link.wire.try_flush()
    }

    /// Gives back a buffer that has nothing in it.
    pub(super) fn trim(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() >= BUFFER_BYTES_COUNTED {
            self.bytes = Vec::new();
            self.count();
        }
    }

    /// Counts the memory that is held now.
    fn count(&mut self) {
        let lists = self.outgoing.list_bytes();
        self.held.buffer(self.bytes.capacity() + lists);
    }

    /// Whether the connection's task is to wait for the socket.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The socket takes bytes again.
    pub(super) fn unblock(&mut self, now_ms: u64) -> Flushed {
        self.blocked = false;
        self.progress_ms = now_ms;
        let sent = self.sent;
        self.bytes.drain(..sent);
        self.sent = 0;
        self.flush(now_ms)
    }

    /// Messages above QoS 0 that the client has not acknowledged.
    pub(super) fn owed(&self) -> usize {
        self.outgoing.inflight() + self.outgoing.waiting()
    }
}

/// Whether an output has room for more while so many bytes wait in it.
fn has_room(waiting: usize, budget: &Budget) -> bool {
    // The usual case looks at nothing that threads share.
    waiting < OUTBOX_BYTES_FULL
        || (waiting < OUTBOX_BYTES_TIGHT && !budget.is_full())
        || (waiting < OUTBOX_BYTES_MAX && !budget.is_tight())
}
