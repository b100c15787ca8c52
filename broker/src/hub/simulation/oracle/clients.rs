//! What clients say, and what the message core then owes to whom.

use super::{Oracle, Retained, Violation, Will};
use crate::hub::outbox::RUN_BYTES_MAX;
use crate::hub::simulation::ledger::Mark;
use crate::hub::simulation::session::{Flight, Seen, Subscribed};
use mqtt::QoS;
use mqtt::codec::{self, Ack, Connect, Frame, Packet, Publish, PublishRun, Version, decode, frame};
use mqtt::topic::Subscription;

impl Oracle {
    /// The server read bytes.
    pub(in crate::hub::simulation) fn read(
        &mut self,
        number: usize,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        if bytes.is_empty() {
            self.may_close(number, "end of stream");
            return Ok(());
        }
        let now_ms = self.now_ms;
        let line = self.line(number)?;
        line.heard_ms = now_ms;
        line.from_client.extend_from_slice(bytes);
        let held = std::mem::take(&mut line.from_client);
        let mut rest = &held[..];
        while let Some(one) = frame(rest, 1 << 20).map_err(|e| e.to_string())? {
            rest = &rest[one.bytes.len()..];
            let line = &self.lines[&number];
            if !line.opened {
                let connect = codec::decode_connect(&one).map_err(|e| e.to_string())?;
                self.connect(number, &connect);
                continue;
            }
            // What comes behind a DISCONNECT is nothing to the server.
            if line.reason == Some("disconnect") {
                self.counts.behind_the_end += 1;
                return Ok(());
            }
            let version = line.version;
            let packet = decode(&one, version).map_err(|e| e.to_string())?;
            self.count_run(&one, rest, version);
            self.packet(number, &packet)?;
        }
        if !rest.is_empty() {
            self.counts.packets_cut += 1;
        }
        self.line(number)?.from_client = rest.to_vec();
        Ok(())
    }

    /// Counts what the server takes in one piece: messages at QoS 0 of one topic, side by side behind
    /// a packet, for sessions alone.
    fn count_run(&mut self, one: &Frame<'_>, rest: &[u8], version: Version) {
        let run = PublishRun::behind(one, rest, version, RUN_BYTES_MAX, usize::MAX);
        let topic = run.as_ref().map_or("", PublishRun::topic);
        let mut filters = self
            .sessions
            .values()
            .flat_map(|s| s.subscriptions.values());
        let parent = self.profile.hash_matches_parent;
        let owed = filters.any(|one| one.subscription.filter.matches(topic, parent));
        self.counts.runs += u32::from(run.is_some() && owed && !topic.starts_with("s/"));
    }

    fn connect(&mut self, number: usize, connect: &Connect<'_>) {
        let client = self.lines[&number].client;
        let max_s = self.profile.session_expiry_max_s;
        let expiry_s = match connect.version {
            Version::V311 if connect.clean_start => 0,
            Version::V311 => max_s,
            Version::V5 => connect.properties.session_expiry_s.unwrap_or(0).min(max_s),
        };
        if self.take_over(client, connect) {
            self.present.insert(number);
        }
        let keep_alive_s = self
            .profile
            .keep_alive_s(connect.version, connect.keep_alive_s);
        let session = self
            .sessions
            .entry(client)
            .or_insert_with(|| Seen::new(connect.version));
        session.expiry_s = expiry_s;
        session.line = Some(number);
        session.lines.insert(number);
        session.drained_ms = self.now_ms;
        session.over_in_output.clear();
        session.ends_ms = None;
        if session.delayed_will.take().is_some() {
            self.counts.wills_called_off += 1;
        }
        let line = self.lines.get_mut(&number).expect("it was looked up");
        line.opened = true;
        line.version = connect.version;
        let asked = connect.properties.receive_maximum.unwrap_or(u16::MAX);
        line.window = usize::from(asked.min(self.profile.outbound_inflight));
        line.alias_maximum = connect.properties.topic_alias_maximum.unwrap_or(0);
        line.silence_max_ms = u64::from(keep_alive_s) * 1500;
        line.will = connect.will.map(|will| Will {
            mark: Mark::of(will.payload).expect("wills have marks"),
            topic: will.topic.to_owned(),
            qos: will.qos,
            delay_s: will.properties.will_delay_s.unwrap_or(0),
        });
    }

    /// Ends what the client had before; says whether its session goes on.
    fn take_over(&mut self, client: usize, connect: &Connect<'_>) -> bool {
        let Some(old) = self.sessions.get(&client) else {
            return false;
        };
        let present =
            !connect.clean_start && old.version == connect.version && !old.is_over(self.now_ms);
        let in_flight = !old.flights.is_empty();
        let other_version = old.version != connect.version;
        if let Some(line) = old.line {
            self.may_close(line, "taken over");
            self.counts.takeovers += 1;
            self.counts.takeovers_in_flight += u32::from(in_flight);
        }
        if present {
            self.counts.resumed += 1;
            self.counts.resumed_in_flight += u32::from(in_flight);
        } else {
            self.counts.versions_changed += u32::from(other_version);
            self.end_session(client);
        }
        present
    }

    fn packet(&mut self, number: usize, packet: &Packet<'_>) -> Result<(), Violation> {
        let client = self.lines[&number].client;
        match packet {
            Packet::Publish(publish) => self.published(number, publish)?,
            Packet::PubAck(ack) => self.acknowledged(client, ack)?,
            Packet::PubRec(ack) => self.received(client, ack)?,
            Packet::PubRel(ack) => {
                self.session(client)?.unreleased.remove(&ack.packet_id);
            }
            Packet::PubComp(ack) => {
                let session = self.session(client)?;
                let id = ack.packet_id;
                if session.flights.get(&id).is_some_and(|f| f.received) {
                    session.flights.remove(&id);
                }
            }
            Packet::Subscribe(subscribe) => {
                for asked in subscribe.filters() {
                    self.subscribe(client, asked.filter, asked.qos)?;
                }
            }
            Packet::Unsubscribe(unsubscribe) => {
                for filter in unsubscribe.filters() {
                    self.session(client)?.subscriptions.remove(filter);
                }
                self.weaken();
            }
            Packet::Disconnect(_) => {
                self.line(number)?.will = None;
                self.may_close(number, "disconnect");
            }
            Packet::PingReq => {}
            other => return Err(format!("a client does not send {other:?}")),
        }
        Ok(())
    }

    fn subscribe(&mut self, client: usize, text: &str, qos: QoS) -> Result<(), Violation> {
        let subscription = Subscription::parse(text, &self.profile).map_err(|e| e.to_string())?;
        let wildcards = subscription.filter.has_wildcards();
        let sent =
            subscription.share.is_none() && (!wildcards || self.profile.retained_to_wildcards);
        let owed: Vec<Mark> = self
            .retained
            .iter()
            .filter(|(topic, kept)| {
                let matches = self.matches(&subscription.filter, topic);
                sent && matches && !kept.expires && kept.qos.min(qos) > QoS::AtMostOnce
            })
            .map(|(_, kept)| kept.mark)
            .collect();
        let tight = self.tight;
        let session = self.session(client)?;
        let persistent = session.expiry_s > 0;
        session.queue_unknown |= subscription.share.is_some() || !owed.is_empty();
        let subscribed = Subscribed {
            subscription,
            qos,
            persistent,
        };
        session.subscriptions.insert(text.to_owned(), subscribed);
        if !tight {
            session.retained.extend(owed);
        }
        Ok(())
    }

    fn published(&mut self, number: usize, publish: &Publish<'_>) -> Result<(), Violation> {
        let line = self.line(number)?;
        let (client, alias) = (line.client, publish.properties.topic_alias);
        let topic = match alias {
            Some(alias) if publish.topic.is_empty() => {
                let known = line.aliases.get(&alias).cloned();
                self.counts.aliases_used += 1;
                known.ok_or("a client uses an alias that it never set")?
            }
            Some(alias) => {
                line.aliases.insert(alias, publish.topic.to_owned());
                publish.topic.to_owned()
            }
            None => publish.topic.to_owned(),
        };
        if publish.qos == QoS::ExactlyOnce {
            let id = publish.packet_id.unwrap_or_default();
            if !self.session(client)?.unreleased.insert(id) {
                self.counts.qos_2_repeated += 1;
                return Ok(());
            }
        }
        self.counts.publishes_repeated += u32::from(publish.dup);
        let mark = Mark::of(publish.payload).ok_or("a client's message has no mark")?;
        let expires = publish.properties.message_expiry_s.is_some();
        self.publish(mark, &topic, publish.qos, expires);
        if publish.retain {
            let kept = Retained {
                mark,
                qos: publish.qos,
                expires,
            };
            self.retained.insert(topic, kept);
        }
        Ok(())
    }

    fn acknowledged(&mut self, client: usize, ack: &Ack<'_>) -> Result<(), Violation> {
        let again = self.redelivery(client).is_some();
        let session = self.session(client)?;
        let flight = session.flights.get(&ack.packet_id);
        if flight.is_none_or(|flight| flight.qos != QoS::AtLeastOnce) {
            self.counts.acknowledgements_unknown += 1;
            return Ok(());
        }
        let Some(flight) = session.flights.remove(&ack.packet_id) else {
            return Ok(());
        };
        if again {
            session.over_in_output.insert((ack.packet_id, flight.mark));
        }
        if session.line != Some(flight.line) {
            session.settled_late.insert((ack.packet_id, flight.mark));
            self.counts.acknowledgements_late += 1;
        }
        self.settle(client, &flight)
    }

    fn received(&mut self, client: usize, ack: &Ack<'_>) -> Result<(), Violation> {
        let session = self.session(client)?;
        let Some(flight) = session.flights.get_mut(&ack.packet_id) else {
            return Ok(());
        };
        if flight.received || flight.qos != QoS::ExactlyOnce {
            return Ok(());
        }
        flight.received = true;
        let flight = flight.clone();
        self.settle(client, &flight)
    }

    /// The client has a message for good.
    fn settle(&mut self, client: usize, flight: &Flight) -> Result<(), Violation> {
        let mark = flight.mark;
        if flight.shared {
            return self.ledger.settle_group(mark);
        }
        let session = self.session(client)?;
        if flight.retained {
            session.retained.remove(&mark);
            return Ok(());
        }
        session.settles(mark)
    }
}
