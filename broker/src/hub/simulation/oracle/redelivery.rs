//! What is sent again in time to a client that does not acknowledge, and what is given up.
//!
//! When the server put a packet into an output is not seen, only when it left it: between the last
//! time that the output was known to be empty and now. Where both are the same moment, which is the
//! usual case, it is known exactly.

use super::{Oracle, Violation};
use crate::hub::simulation::ledger::Mark;
use crate::hub::simulation::session::Flight;
use mqtt::QoS;
use mqtt::session::Redelivery;

/// The server looks in whole seconds: it gives up at the latest so much after it may.
const LATE_MS: u64 = 2000;

impl Oracle {
    /// Nothing is in a client's output: what it is written from now on is sent from now on.
    pub(in crate::hub::simulation) fn drained(&mut self, client: usize) {
        let now_ms = self.now_ms;
        if let Some(session) = self.sessions.get_mut(&client) {
            session.drained_ms = now_ms;
            session.over_in_output.clear();
        }
    }

    /// What a client's session is sent again in time.
    pub(super) fn redelivery(&self, client: usize) -> Option<Redelivery> {
        self.profile.redelivery(self.sessions.get(&client)?.version)
    }

    /// A packet id is sent that is in flight: it must be the same message, on another connection or
    /// in time.
    pub(super) fn again(
        &mut self,
        number: usize,
        id: u16,
        mark: Mark,
        dup: bool,
    ) -> Result<(), Violation> {
        let client = self.lines[&number].client;
        let dup_expected = self.profile.dup_on_redelivery;
        let (now_ms, doubtful) = (self.now_ms, self.is_doubtful(client));
        let session = self.session(client)?;
        let Some(flight) = session.flights.get_mut(&id) else {
            return Ok(());
        };
        let in_time = flight.line == number;
        let qos_1 = flight.qos == QoS::AtLeastOnce;
        let same = flight.mark == mark && (!in_time || qos_1) && !flight.received;
        if !same {
            return Err(format!(
                "packet id: {id} is used again while {flight:?} is in flight"
            ));
        }
        if dup != dup_expected {
            return Err(format!("{mark:?} is sent again with DUP {dup}"));
        }
        if in_time {
            return self.again_in_time(client, id);
        }
        flight.line = number;
        flight.sent_ms = session.drained_ms;
        flight.began_ms = session.drained_ms..=now_ms;
        flight.doubtful = doubtful;
        self.counts.redelivered += 1;
        Ok(())
    }

    fn again_in_time(&mut self, client: usize, id: u16) -> Result<(), Violation> {
        let now_ms = self.now_ms;
        let Some(rules) = self.redelivery(client) else {
            return Err(format!("redelivery: {id} is sent again, and never may be"));
        };
        let interval_ms = u64::from(rules.interval_s) * 1000;
        let session = self.session(client)?;
        let drained_ms = session.drained_ms;
        let Some(flight) = session.flights.get_mut(&id) else {
            return Ok(());
        };
        let since_ms = now_ms - flight.sent_ms;
        if since_ms < interval_ms {
            let mark = flight.mark;
            return Err(format!(
                "redelivery: {mark:?} is sent again after {since_ms} ms"
            ));
        }
        flight.sent_ms = drained_ms.max(flight.sent_ms + interval_ms);
        self.counts.redelivered_in_time += 1;
        Ok(())
    }

    /// A packet id that is not in flight: whether it was, and was in the output when that ended.
    pub(super) fn was_over(
        &mut self,
        client: usize,
        id: u16,
        mark: Mark,
    ) -> Result<bool, Violation> {
        let session = self.session(client)?;
        if session.over_in_output.contains(&(id, mark)) {
            return Ok(true);
        }
        if session.given_up.contains(&(id, mark)) {
            return Err(format!("redelivery: {mark:?} was given up and comes again"));
        }
        Ok(false)
    }

    /// Time has passed: what is given up by now, and what may be.
    pub(super) fn give_up(&mut self, client: usize) {
        let now_ms = self.now_ms;
        let rules = self.redelivery(client);
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        let Some(max_ms) = rules.and_then(max_ms) else {
            return;
        };
        let (mut over, mut doubtful) = (Vec::new(), Vec::new());
        for (id, flight) in &mut session.flights {
            if session.line != Some(flight.line) || flight.qos != QoS::AtLeastOnce {
                continue;
            }
            if now_ms - flight.began_ms.end() >= max_ms + LATE_MS {
                over.push(*id);
            } else if now_ms - flight.began_ms.start() >= max_ms {
                flight.doubtful = true;
                doubtful.push(flight.clone());
            }
        }
        let over: Vec<Flight> = over.iter().filter_map(|id| session.over(*id)).collect();
        // What is in the output may have been given up before anybody saw it.
        if now_ms - session.drained_ms >= max_ms {
            session.doubt_all();
            self.ledger.doubt_all();
        }
        self.counts.given_up += u32::try_from(over.len()).unwrap_or(u32::MAX);
        for flight in over.iter().filter(|flight| flight.shared) {
            self.ledger.doubt(flight.mark);
        }
        for flight in &doubtful {
            self.doubt(client, flight);
        }
    }

    /// Whether what is written now may have been given up while it was in the output.
    pub(super) fn is_doubtful(&self, client: usize) -> bool {
        let drained_ms = self.sessions.get(&client).map(|s| s.drained_ms);
        let max_ms = self.redelivery(client).and_then(max_ms);
        let written_late = |(drained_ms, max_ms)| self.now_ms - drained_ms >= max_ms;
        drained_ms.zip(max_ms).is_some_and(written_late)
    }

    /// A message may never be given to anybody.
    pub(super) fn doubt(&mut self, client: usize, flight: &Flight) {
        if flight.shared {
            self.ledger.doubt(flight.mark);
        } else if let Some(session) = self.sessions.get_mut(&client) {
            session.doubt(flight.mark);
        }
    }
}

fn max_ms(rules: Redelivery) -> Option<u64> {
    (rules.max_s > 0).then_some(u64::from(rules.max_s) * 1000)
}
