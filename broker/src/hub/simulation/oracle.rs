//! What the message core should have done, told by what passed through the pipes.

use super::counts::Counts;
use super::ledger::{GroupName, Ledger, Mark};
use super::session::{Flight, Seen, Subscribed};
use mqtt::codec::{self, Ack, Connect, Packet, Publish, Version, decode, frame};
use mqtt::profile::Profile;
use mqtt::topic::Subscription;
use mqtt::{QoS, topic::TopicFilter};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that was broken, in words.
pub(super) type Violation = String;

/// One connection as the server must see it.
#[derive(Debug)]
struct Line {
    client: usize,
    version: Version,
    /// Whether the CONNECT was read.
    opened: bool,
    window: usize,
    silence_max_ms: u64,
    heard_ms: u64,
    from_client: Vec<u8>,
    to_client: Vec<u8>,
    will: Option<Will>,
    aliases: BTreeMap<u16, String>,
    /// Those that the server has set, and how many it may set.
    aliases_out: BTreeMap<u16, String>,
    alias_maximum: u16,
    /// Why the server may close it.
    reason: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Will {
    mark: Mark,
    topic: String,
    qos: QoS,
    delay_s: u32,
}

#[derive(Debug)]
struct Retained {
    mark: Mark,
    qos: QoS,
    expires: bool,
}

/// The model of the message core.
pub(super) struct Oracle {
    profile: Profile,
    /// Whether queues are so short that messages are dropped.
    tight: bool,
    pub(super) now_ms: u64,
    sessions: BTreeMap<usize, Seen>,
    lines: BTreeMap<usize, Line>,
    /// Connections whose CONNECT found a session.
    present: BTreeSet<usize>,
    ledger: Ledger,
    retained: BTreeMap<String, Retained>,
    pub(super) counts: Counts,
}

impl Oracle {
    pub(super) fn new(profile: Profile, tight: bool, now_ms: u64) -> Self {
        Self {
            profile,
            tight,
            now_ms,
            sessions: BTreeMap::new(),
            lines: BTreeMap::new(),
            present: BTreeSet::new(),
            ledger: Ledger::default(),
            retained: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// A client opens a connection.
    pub(super) fn opens(&mut self, line: usize, client: usize) {
        self.lines.insert(
            line,
            Line {
                client,
                version: Version::V311,
                opened: false,
                window: 0,
                silence_max_ms: 0,
                heard_ms: self.now_ms,
                from_client: Vec::new(),
                to_client: Vec::new(),
                will: None,
                aliases: BTreeMap::new(),
                aliases_out: BTreeMap::new(),
                alias_maximum: 0,
                reason: None,
            },
        );
    }

    /// The network broke a connection.
    pub(super) fn breaks(&mut self, line: usize) {
        self.may_close(line, "broken");
    }

    /// Whether a CONNACK on this line must say that a session is present.
    pub(super) fn present(&self, line: usize) -> bool {
        self.present.contains(&line)
    }

    fn may_close(&mut self, line: usize, reason: &'static str) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.reason.get_or_insert(reason);
        }
    }

    /// Time has passed and the server did what was due.
    pub(super) fn tick(&mut self) -> Result<(), Violation> {
        let now_ms = self.now_ms;
        for line in self.lines.values_mut() {
            let silent = now_ms.saturating_sub(line.heard_ms) > line.silence_max_ms;
            if line.opened && line.silence_max_ms > 0 && silent {
                line.reason.get_or_insert("silent");
            }
        }
        let clients: Vec<usize> = self.sessions.keys().copied().collect();
        for client in clients {
            let Some(session) = self.sessions.get_mut(&client) else {
                continue;
            };
            if session.line.is_some() {
                continue;
            }
            if let Some((_, will)) = session.delayed_will.take_if(|(due, _)| *due <= now_ms) {
                self.counts.wills_delayed += 1;
                self.publish_will(&will);
            }
            if self.sessions[&client].is_over(now_ms) {
                self.counts.sessions_expired += 1;
                self.end_session(client);
            }
        }
        Ok(())
    }

    /// The server read bytes.
    pub(super) fn read(&mut self, number: usize, bytes: &[u8]) -> Result<(), Violation> {
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
            let packet = decode(&one, line.version).map_err(|e| e.to_string())?;
            self.packet(number, &packet)?;
        }
        if !rest.is_empty() {
            self.counts.packets_cut += 1;
        }
        self.line(number)?.from_client = rest.to_vec();
        Ok(())
    }

    fn line(&mut self, number: usize) -> Result<&mut Line, Violation> {
        let missing = || format!("connection {number} passes bytes after its end");
        self.lines.get_mut(&number).ok_or_else(missing)
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

    fn session(&mut self, client: usize) -> Result<&mut Seen, Violation> {
        let missing = || format!("client {client} has no session");
        self.sessions.get_mut(&client).ok_or_else(missing)
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

    fn matches(&self, filter: &TopicFilter, topic: &str) -> bool {
        filter.matches(topic, self.profile.hash_matches_parent)
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

    /// A message is routed: who is owed it from now on.
    fn publish(&mut self, mark: Mark, topic: &str, qos: QoS, expires: bool) {
        self.ledger.published(mark);
        let mut groups: BTreeMap<GroupName, bool> = BTreeMap::new();
        let (tight, queued) = (self.tight, self.profile.queued_messages);
        let parent = self.profile.hash_matches_parent;
        for session in self.sessions.values_mut() {
            let mut highest = None;
            for subscribed in session.subscriptions.values() {
                let subscription = &subscribed.subscription;
                if !subscription.filter.matches(topic, parent) {
                    continue;
                }
                match group_name(subscription) {
                    Some(name) => *groups.entry(name).or_default() |= subscribed.persistent,
                    None => highest = highest.max(Some(subscribed.qos)),
                }
            }
            if highest.is_some_and(|highest| highest.min(qos) > QoS::AtMostOnce) {
                let may_drop = expires || (tight && session.may_overflow(queued));
                session.owes(mark, may_drop);
                self.counts.queued_while_away += u32::from(session.line.is_none());
            }
        }
        if groups.is_empty() {
            return;
        }
        let kept = groups.values().filter(|kept| **kept).count();
        let strict = kept == groups.len() && !tight && !expires;
        self.ledger
            .owe_groups(mark, qos, groups.into_keys(), strict);
    }

    fn publish_will(&mut self, will: &Will) {
        self.counts.wills += 1;
        self.publish(will.mark, &will.topic, will.qos, false);
    }

    fn acknowledged(&mut self, client: usize, ack: &Ack<'_>) -> Result<(), Violation> {
        let session = self.session(client)?;
        let flight = session.flights.get(&ack.packet_id);
        if flight.is_none_or(|flight| flight.qos != QoS::AtLeastOnce) {
            self.counts.acknowledgements_unknown += 1;
            return Ok(());
        }
        let Some(flight) = session.flights.remove(&ack.packet_id) else {
            return Ok(());
        };
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

    /// The server wrote bytes.
    pub(super) fn wrote(&mut self, number: usize, bytes: &[u8]) -> Result<(), Violation> {
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
            .filter(|f| f.line == number)
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
        let dup_expected = self.profile.dup_on_redelivery;
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
        if let Some(flight) = session.flights.get_mut(&id) {
            let same = flight.mark == mark && flight.line != number && !flight.received;
            if !same {
                return Err(format!(
                    "packet id: {id} is used again while {flight:?} is in flight"
                ));
            }
            if publish.dup != dup_expected {
                return Err(format!("{mark:?} is sent again with DUP {}", publish.dup));
            }
            flight.line = number;
            self.counts.redelivered += 1;
            return Ok(());
        }
        // It was in the output when the late acknowledgement came.
        if session.settled_late.remove(&(id, mark)) {
            return Ok(());
        }
        session.in_order(mark, order)?;
        let flight = Flight {
            mark,
            qos: publish.qos,
            line: number,
            shared,
            retained: publish.retain,
            received: false,
        };
        session.flights.insert(id, flight);
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

    /// The server closed a connection.
    pub(super) fn closed(&mut self, number: usize) -> Result<(), Violation> {
        let line = self.lines.remove(&number).ok_or("closed twice")?;
        let Some(reason) = line.reason else {
            return Err(format!(
                "client {} was cut off without a reason",
                line.client
            ));
        };
        self.counts.silent += u32::from(reason == "silent");
        let (client, now_ms) = (line.client, self.now_ms);
        let current = self
            .sessions
            .get_mut(&client)
            .filter(|s| s.line == Some(number));
        let Some(session) = current else {
            // Taken over: a will that has a delay is called off by the session's going on.
            let goes_on = reason == "taken over" && self.goes_on(client, number);
            if let Some(will) = line.will.filter(|will| will.delay_s == 0 || !goes_on) {
                self.publish_will(&will);
            }
            return Ok(());
        };
        session.line = None;
        session.ends_ms = Some(now_ms + u64::from(session.expiry_s) * 1000);
        let handed = session.leaves_groups();
        self.counts.handed_on += u32::try_from(handed).unwrap_or(u32::MAX);
        if let Some(will) = line.will {
            let delay_s = will.delay_s.min(session.expiry_s);
            if delay_s == 0 {
                self.publish_will(&will);
            } else {
                session.delayed_will = Some((now_ms + u64::from(delay_s) * 1000, will));
            }
        }
        if self.sessions[&client].expiry_s == 0 {
            self.end_session(client);
        }
        Ok(())
    }

    /// Whether the session that a connection had is still there: the one that took it over, or a
    /// later one, resumed it.
    fn goes_on(&self, client: usize, number: usize) -> bool {
        let session = self.sessions.get(&client);
        session.is_some_and(|session| session.lines.contains(&number))
    }

    fn end_session(&mut self, client: usize) {
        let Some(session) = self.sessions.remove(&client) else {
            return;
        };
        self.weaken();
        if let Some((_, will)) = session.delayed_will {
            self.publish_will(&will);
        }
    }

    /// Groups without a persistent member keep nothing.
    fn weaken(&mut self) {
        let all = self
            .sessions
            .values()
            .flat_map(|s| s.subscriptions.values());
        let keeping = all.filter(|subscribed| subscribed.persistent);
        let groups = keeping
            .filter_map(|s| group_name(&s.subscription))
            .collect();
        self.ledger.weaken(&groups);
    }

    /// Everything is quiet: whoever is there has everything.
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        for (client, session) in &self.sessions {
            session.has_everything(*client)?;
        }
        self.ledger.finish()
    }
}

fn group_name(subscription: &Subscription) -> Option<GroupName> {
    let name = subscription.share.as_ref()?;
    Some((name.to_string(), subscription.filter.as_str().to_owned()))
}
