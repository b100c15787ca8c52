//! What is in flight is sent again: when the client is back, and while it is connected from time to
//! time, until it is given up.

use super::outgoing::{Inflight, Outgoing, Stage, write};
use crate::codec;
use crate::message::{Message, QoS};
use std::collections::BTreeMap;

/// When a message at QoS 1 that a connected client does not acknowledge is sent again.
///
/// It counts from the sending on this connection: what is sent again because the client is back
/// begins anew, for as long as the client was away it could not acknowledge, and after a restart
/// nobody knows when a message was first sent. Unknown at AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redelivery {
    /// Seconds from one sending to the next, at the least.
    pub interval_s: u32,
    /// Seconds after which it is given up; 0 for never.
    pub max_s: u32,
}

impl Redelivery {
    /// Seconds before which there is nothing to do about a message.
    fn first_s(self) -> u32 {
        match self.max_s {
            0 => self.interval_s,
            max_s => self.interval_s.min(max_s),
        }
    }
}

/// When messages were last sent again on this connection, by packet id, in seconds. Those that were
/// not have their time in their place in flight.
#[derive(Debug, Default)]
pub(super) struct Resent(BTreeMap<u16, u32>);

impl<G> Outgoing<G> {
    /// Whether something in flight is to be given up or sent again.
    pub fn is_overdue(&self, rules: Redelivery, now_ms: u64) -> bool {
        let now_s = whole_seconds(now_ms);
        let mut old = self.in_flight_for(rules.first_s(), now_s);
        old.any(|flight| {
            is_given_up(flight, rules, now_s) || is_due(flight, self.resent(), rules, now_s)
        })
    }

    /// Gives up what has been in flight for too long, if it came through a shared subscription too:
    /// its place in the window is free, it is owed no longer. The packet ids, in the order sent.
    pub fn give_up(&mut self, rules: Redelivery, now_ms: u64) -> Vec<u16> {
        let now_s = whole_seconds(now_ms);
        let old = self.in_flight_for(rules.first_s(), now_s);
        let over = old.filter(|flight| is_given_up(flight, rules, now_s));
        let ids: Vec<u16> = over.map(|flight| flight.id).collect();
        for id in &ids {
            self.settle(*id, |_| true);
        }
        ids
    }

    /// Sends again what was last sent an interval ago, in the order of the first time and under the
    /// packet ids that it has. `may` says whether the client may still have a message; one that it
    /// may not have is passed over until it is acknowledged or given up. Ends when `has_room` says
    /// that the output has no room; the rest is due the next time. Says how many were sent.
    pub fn redeliver(
        &mut self,
        rules: Redelivery,
        may: impl Fn(&Message) -> bool,
        has_room: impl Fn(&[u8]) -> bool,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> usize {
        let now_s = whole_seconds(now_ms);
        let old = self.in_flight_for(rules.first_s(), now_s);
        let due: Vec<usize> = old
            .enumerate()
            .filter(|(_, flight)| is_due(flight, self.resent(), rules, now_s))
            .map(|(at, _)| at)
            .collect();
        let mut sent = 0;
        for at in due {
            if !has_room(out) {
                break;
            }
            let flight = &self.inflight[at];
            let id = flight.id;
            if may(&flight.outbound.message) {
                self.write_again(at, now_ms, out);
                sent += 1;
            }
            let Resent(last) = &mut **self.resent.get_or_insert_default();
            last.insert(id, seconds(now_ms));
        }
        sent
    }

    /// Sends again the next of what was in flight before this connection.
    pub(super) fn send_again(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        let at = self.inflight.len() - self.unsent;
        self.unsent -= 1;
        self.inflight[at].sent_s = seconds(now_ms);
        match self.inflight[at].stage {
            Stage::Published => self.write_again(at, now_ms, out),
            Stage::Released => codec::put_pubrel(out, self.version, self.inflight[at].id),
        }
    }

    fn write_again(&mut self, at: usize, now_ms: u64, out: &mut Vec<u8>) {
        let flight = &self.inflight[at];
        let head = (flight.id, self.limits.dup);
        let to = (self.version, self.limits.packet_bytes);
        let aliases = &mut self.aliases;
        write(out, to, aliases, head, &flight.outbound, now_ms);
    }

    /// What was sent on this connection for the first time so many seconds ago, in the order sent.
    fn in_flight_for(&self, age_s: u32, now_s: u32) -> impl Iterator<Item = &Inflight<G>> {
        let sent = if self.online {
            self.inflight.len() - self.unsent
        } else {
            0
        };
        let sent = self.inflight.iter().take(sent);
        sent.take_while(move |flight| now_s.saturating_sub(flight.sent_s) >= age_s)
    }

    fn resent(&self) -> Option<&Resent> {
        self.resent.as_deref()
    }

    /// A packet id is in flight no longer.
    pub(super) fn forget_resent(&mut self, id: u16) {
        if let Some(resent) = &mut self.resent {
            resent.0.remove(&id);
        }
    }
}

fn awaits_puback<G>(flight: &Inflight<G>) -> bool {
    flight.outbound.qos == QoS::AtLeastOnce
}

fn is_given_up<G>(flight: &Inflight<G>, rules: Redelivery, now_s: u32) -> bool {
    let age_s = now_s.saturating_sub(flight.sent_s);
    awaits_puback(flight) && rules.max_s > 0 && age_s >= rules.max_s
}

fn is_due<G>(flight: &Inflight<G>, resent: Option<&Resent>, rules: Redelivery, now_s: u32) -> bool {
    let again = resent.and_then(|Resent(last)| last.get(&flight.id));
    let last_s = again.copied().unwrap_or(flight.sent_s);
    awaits_puback(flight) && now_s.saturating_sub(last_s) >= rules.interval_s
}

/// The second at whose end something has happened: an interval from then on is never too short.
pub(super) fn seconds(now_ms: u64) -> u32 {
    u32::try_from(now_ms.div_ceil(1000)).unwrap_or(u32::MAX)
}

/// The seconds that have passed.
fn whole_seconds(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1000).unwrap_or(u32::MAX)
}
