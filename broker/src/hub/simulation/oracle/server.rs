//! What the server says: is it owed, once, in order, and within the window.

use super::{Oracle, Violation};
use crate::hub::simulation::ledger::Mark;
use crate::hub::simulation::session::Flight;
use mqtt::codec::{Packet, Publish, decode, frame};

impl Oracle {
    /// The server wrote bytes.
    pub(in crate::hub::simulation) fn wrote(
        &mut self,
        number: usize,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let line = self.line(number)?;
        line.to_client.extend_from_slice(bytes);
        let held = std::mem::take(&mut line.to_client);
        let mut rest = &held[..];
        while let Some(one) = frame(rest, 1 << 20).map_err(|e| e.to_string())? {
            rest = &rest[one.bytes.len()..];
            let version = self.lines[&number].version;
            match decode(&one, version).map_err(|e| format!("not a packet: {e}"))? {
                Packet::Publish(publish) => self.delivers(number, &publish)?,
                Packet::PubRel(ack) => {
                    let client = self.lines[&number].client;
                    let session = self.session(client)?;
                    if let Some(flight) = session.flights.get_mut(&ack.packet_id) {
                        flight.line = number;
                    }
                }
                _ => {}
            }
        }
        self.line(number)?.to_client = rest.to_vec();
        self.window(number)
    }

    fn window(&mut self, number: usize) -> Result<(), Violation> {
        let line = &self.lines[&number];
        let (client, window) = (line.client, line.window);
        let Some(session) = self.sessions.get(&client) else {
            return Ok(());
        };
        let used = session
            .flights
            .values()
            .filter(|f| f.line == number && !f.doubtful)
            .count();
        if used > window {
            return Err(format!(
                "window: {used} in flight to client {client}, not {window}"
            ));
        }
        self.counts.windows_full += u32::from(used == window && window > 0);
        Ok(())
    }

    fn delivers(&mut self, number: usize, publish: &Publish<'_>) -> Result<(), Violation> {
        let topic = self.topic_out(number, publish)?;
        let client = self.lines[&number].client;
        let mark = Mark::of(publish.payload).ok_or("a message that nobody published")?;
        let shared = topic.starts_with("s/");
        let published = self.ledger.times(mark);
        if published == 0 {
            return Err(format!("{mark:?} was never published"));
        }
        let session = self.session(client)?;
        if session.line != Some(number) {
            return Err(format!("a message to an old connection of client {client}"));
        }
        // What was published again may have been routed before and after anything else.
        let ordered = !shared && !publish.retain && published == 1 && !mark.is_will();
        let order = ordered.then_some((topic.as_str(), publish.qos));
        let Some(id) = publish.packet_id else {
            session.in_order(mark, order)?;
            let copies = session.at_most_once(mark, publish.retain);
            self.counts.qos_0 += 1;
            if shared {
                return self.ledger.deliver_qos_0(mark);
            }
            if copies > published {
                return Err(format!("{mark:?} came {copies} times at QoS 0"));
            }
            return Ok(());
        };
        if id == 0 {
            return Err("packet id 0".to_owned());
        }
        if session.flights.contains_key(&id) {
            return self.again(number, id, mark, publish.dup);
        }
        // It was in the output when the late acknowledgement came.
        if session.settled_late.remove(&(id, mark)) {
            return Ok(());
        }
        if self.was_over(client, id, mark)? {
            return Ok(());
        }
        let (now_ms, doubtful) = (self.now_ms, self.is_doubtful(client));
        let session = self.session(client)?;
        session.in_order(mark, order)?;
        let flight = Flight {
            mark,
            qos: publish.qos,
            line: number,
            shared,
            retained: publish.retain,
            received: false,
            sent_ms: session.drained_ms,
            began_ms: session.drained_ms..=now_ms,
            doubtful,
        };
        session.flights.insert(id, flight.clone());
        if doubtful {
            self.doubt(client, &flight);
        }
        self.counts.retained += u32::from(publish.retain);
        if shared {
            self.one_member(mark)?;
        }
        Ok(())
    }

    /// The topic of a message to a client, which an alias may stand for.
    fn topic_out(&mut self, number: usize, publish: &Publish<'_>) -> Result<String, Violation> {
        let line = self.line(number)?;
        let Some(alias) = publish.properties.topic_alias else {
            return Ok(publish.topic.to_owned());
        };
        if alias == 0 || alias > line.alias_maximum {
            return Err(format!(
                "alias: {alias} to a client that takes {}",
                line.alias_maximum
            ));
        }
        if publish.topic.is_empty() {
            let known = line.aliases_out.get(&alias).cloned();
            self.counts.aliases_used_out += 1;
            return known.ok_or_else(|| format!("alias: {alias} was never set"));
        }
        line.aliases_out.insert(alias, publish.topic.to_owned());
        Ok(publish.topic.to_owned())
    }

    /// Of a message to a group no more copies are on the way than groups are owed one.
    fn one_member(&mut self, mark: Mark) -> Result<(), Violation> {
        let flights = self.sessions.values().flat_map(|s| s.flights.values());
        let live = flights.filter(|f| f.shared && !f.received && f.mark == mark);
        self.ledger.copies(mark, live.count())
    }
}
