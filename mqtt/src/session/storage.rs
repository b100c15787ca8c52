//! What of a client's outgoing half is kept outside, for sessions that outlive the server.

use super::outgoing::{Inflight, Outbound, Outgoing, Stage};
use crate::message::QoS;

impl<G> Outgoing<G> {
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
        self.ids.occupy(id);
        self.inflight.push_back(Inflight {
            id,
            stage: Stage::Released,
            sent_s: 0,
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

    /// Whether a message may be sent. One at QoS 2 that is kept outside has to be there first, and
    /// its packet id has to be free: what the receiver has seen must not come under another id
    /// after a restart.
    pub(super) fn is_ready(&self, outbound: &Outbound<G>) -> bool {
        fixed_id(outbound)
            .is_none_or(|id| outbound.stored <= Some(self.settled) && !self.is_in_flight(id))
    }
}

/// The packet id of a QoS 2 message that outlives the server, which follows from where it is kept:
/// sent again after a restart it has the same, by which the receiver knows it.
pub(super) fn fixed_id<G>(outbound: &Outbound<G>) -> Option<u16> {
    let number = outbound
        .stored
        .filter(|_| outbound.qos == QoS::ExactlyOnce)?;
    u16::try_from(number % u64::from(u16::MAX) + 1).ok()
}
