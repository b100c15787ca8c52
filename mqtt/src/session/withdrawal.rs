//! Messages that leave a client's outgoing half without having been acknowledged: they go to others,
//! or the client may not have them any more.

use super::outgoing::{Outbound, Outgoing, Stage};
use crate::message::Message;
use std::collections::VecDeque;

impl<G> Outgoing<G> {
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
}
