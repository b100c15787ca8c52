//! A client that keeps to the protocol: it answers late and in any order, and sends again what was
//! not acknowledged.

use super::ledger::Mark;
use super::oracle::Violation;
use crate::net::Pipe;
use mqtt::QoS;
use mqtt::codec::{
    self, ConnectProperties, Packet, PublishBody, PublishHead, PublishProperties, ReasonCode,
    Version, Will, decode, frame,
};
use rand::Rng;
use rand::rngs::SmallRng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Property identifiers of MQTT 5.0 section 2.2.2.2 that are written here.
const MESSAGE_EXPIRY: u8 = 0x02;
const WILL_DELAY: u8 = 0x18;
const TOPIC_ALIAS: u8 = 0x23;

/// A message that the client has published and the server has not acknowledged.
#[derive(Clone, Debug)]
struct Unacknowledged {
    id: u16,
    message: Published,
    /// PUBREC came: PUBREL is what is sent again.
    released: bool,
}

/// What a client publishes.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) topic: &'static str,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expiry_s: Option<u32>,
    pub(super) alias: bool,
    pub(super) padding: usize,
    pub(super) mark: Mark,
}

/// An answer that the client owes the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the names are the standard's")]
enum Answer {
    PubAck(u16),
    PubRec(u16),
    PubComp(u16),
}

/// How a client connects.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) clean: bool,
    pub(super) expiry_s: u32,
    pub(super) receive_maximum: Option<u16>,
    pub(super) topic_alias_maximum: Option<u16>,
    pub(super) keep_alive_s: u16,
    /// QoS and delay of a will.
    pub(super) will: Option<(QoS, u32)>,
}

/// One connection on the client's side.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) pipe: Arc<Pipe>,
    /// Written and not at the server yet.
    pub(super) up: VecDeque<u8>,
    down: Vec<u8>,
    pub(super) accepted: bool,
    version: Version,
    answers: Vec<Answer>,
    aliases: BTreeMap<&'static str, u16>,
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) index: usize,
    pub(super) version: Version,
    pub(super) line: Option<Line>,
    next_id: u16,
    next_number: u32,
    unacknowledged: VecDeque<Unacknowledged>,
    /// QoS 2 ids that were received and not released.
    received: BTreeSet<u16>,
    /// QoS 1 ids that were received on an earlier connection and not acknowledged.
    late: Vec<u16>,
}

impl Client {
    pub(super) fn new(index: usize, version: Version) -> Self {
        Self {
            index,
            version,
            line: None,
            next_id: 0,
            next_number: 0,
            unacknowledged: VecDeque::new(),
            received: BTreeSet::new(),
            late: Vec::new(),
        }
    }

    pub(super) fn mark(&mut self, will: bool) -> Mark {
        self.next_number += 1;
        let publisher =
            u8::try_from(self.index).unwrap_or(u8::MAX) + if will { Mark::WILLS } else { 0 };
        Mark {
            publisher,
            number: self.next_number,
        }
    }

    fn next_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            let id = self.next_id;
            if !self.unacknowledged.iter().any(|u| u.id == id) {
                return id;
            }
        }
    }

    /// Opens a connection in place of what there is.
    pub(super) fn connect(&mut self, number: usize, pipe: Arc<Pipe>, asked: &Asked) {
        self.lose();
        self.version = asked.version;
        let mut bytes = Vec::new();
        let will_mark = self.mark(true).payload(0);
        let mut delay = Vec::new();
        if let Some((_, delay_s)) = asked.will
            && delay_s > 0
        {
            delay.push(WILL_DELAY);
            delay.extend_from_slice(&delay_s.to_be_bytes());
        }
        let client_id = format!("c{}", self.index);
        let connect = codec::Connect {
            version: asked.version,
            client_id: &client_id,
            clean_start: asked.clean,
            keep_alive_s: asked.keep_alive_s,
            username: None,
            password: None,
            will: asked.will.map(|(qos, _)| Will {
                topic: "w/x",
                payload: &will_mark,
                qos,
                retain: false,
                properties: PublishProperties {
                    raw: &delay,
                    ..PublishProperties::default()
                },
            }),
            properties: ConnectProperties {
                session_expiry_s: Some(asked.expiry_s).filter(|s| *s > 0),
                receive_maximum: asked.receive_maximum,
                topic_alias_maximum: asked.topic_alias_maximum,
                ..ConnectProperties::default()
            },
        };
        codec::put_connect(&mut bytes, &connect);
        self.line = Some(Line {
            number,
            pipe,
            up: bytes.into(),
            down: Vec::new(),
            accepted: false,
            version: asked.version,
            answers: Vec::new(),
            aliases: BTreeMap::new(),
        });
    }

    /// The connection is gone, for the client.
    pub(super) fn lose(&mut self) -> Option<Line> {
        let line = self.line.take()?;
        self.late = line
            .answers
            .iter()
            .filter_map(|answer| match answer {
                Answer::PubAck(id) => Some(*id),
                Answer::PubRec(_) | Answer::PubComp(_) => None,
            })
            .collect();
        Some(line)
    }

    fn write(&mut self, put: impl FnOnce(&mut Vec<u8>, Version)) {
        if let Some(line) = &mut self.line {
            let mut bytes = Vec::new();
            put(&mut bytes, line.version);
            line.up.extend(bytes);
        }
    }

    pub(super) fn subscribe(&mut self, filters: &[(&str, QoS)]) {
        let id = self.next_id();
        self.write(|out, version| codec::put_subscribe(out, version, id, filters));
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) {
        let id = self.next_id();
        self.write(|out, version| codec::put_unsubscribe(out, version, id, &[filter]));
    }

    pub(super) fn ping(&mut self) {
        self.write(|out, _| codec::put_pingreq(out));
    }

    pub(super) fn disconnect(&mut self) {
        self.write(|out, _| out.extend_from_slice(&[0xE0, 0]));
    }

    /// Acknowledges an id that was never given out.
    pub(super) fn acknowledge_nothing(&mut self) {
        self.write(|out, version| codec::put_puback(out, version, 60_000, ReasonCode::Success));
    }

    /// Messages above QoS 0 on their way.
    pub(super) fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    pub(super) fn publish(&mut self, message: Published) {
        let id = if message.qos == QoS::AtMostOnce {
            0
        } else {
            self.next_id()
        };
        self.put_publish(&message, id, false);
        if message.qos > QoS::AtMostOnce {
            self.unacknowledged.push_back(Unacknowledged {
                id,
                message,
                released: false,
            });
        }
    }

    fn put_publish(&mut self, message: &Published, id: u16, dup: bool) {
        let Some(line) = &mut self.line else {
            return;
        };
        let (mut properties, mut topic) = (Vec::new(), message.topic);
        if line.version == Version::V5 {
            if let Some(expiry_s) = message.expiry_s {
                properties.push(MESSAGE_EXPIRY);
                properties.extend_from_slice(&expiry_s.to_be_bytes());
            }
            if message.alias {
                let next = u16::try_from(line.aliases.len()).unwrap_or(u16::MAX) + 1;
                let known = line.aliases.get(topic).copied();
                let alias = known.unwrap_or(next);
                if known.is_some() {
                    topic = "";
                } else {
                    line.aliases.insert(topic, alias);
                }
                properties.push(TOPIC_ALIAS);
                properties.extend_from_slice(&alias.to_be_bytes());
            }
        }
        let head = PublishHead {
            qos: message.qos,
            dup,
            retain: message.retain,
            packet_id: Some(id).filter(|id| *id > 0),
        };
        let payload = message.mark.payload(message.padding);
        let body = PublishBody {
            topic,
            properties: &properties,
            payload: &payload,
            ..PublishBody::default()
        };
        let mut bytes = Vec::new();
        codec::put_publish(&mut bytes, line.version, head, &body);
        line.up.extend(bytes);
    }

    /// Gives one of the answers that are owed, any of them; says whether there was one.
    pub(super) fn answer(&mut self, chance: &mut SmallRng) -> bool {
        let Some(line) = self.line.as_mut().filter(|line| !line.answers.is_empty()) else {
            return false;
        };
        let at = chance.random_range(0..line.answers.len());
        let answer = line.answers.remove(at);
        self.write(|out, version| {
            let success = ReasonCode::Success;
            match answer {
                Answer::PubAck(id) => codec::put_puback(out, version, id, success),
                Answer::PubRec(id) => codec::put_pubrec(out, version, id, success),
                Answer::PubComp(id) => codec::put_pubcomp(out, version, id, success),
            }
        });
        true
    }

    /// Bytes come in. `present` is what a CONNACK must say.
    pub(super) fn receive(&mut self, bytes: &[u8], present: bool) -> Result<(), Violation> {
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        line.down.extend_from_slice(bytes);
        let held = std::mem::take(&mut line.down);
        let version = line.version;
        let mut rest = &held[..];
        while let Some(one) = frame(rest, 1 << 20).map_err(|e| e.to_string())? {
            rest = &rest[one.bytes.len()..];
            let packet = decode(&one, version).map_err(|e| e.to_string())?;
            self.packet(&packet, present)?;
        }
        if let Some(line) = &mut self.line {
            line.down = rest.to_vec();
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet<'_>, present: bool) -> Result<(), Violation> {
        match packet {
            Packet::ConnAck(ack) => {
                if ack.reason != ReasonCode::Success || ack.session_present != present {
                    let index = self.index;
                    return Err(format!("client {index}: {ack:?}, and present is {present}"));
                }
                self.accepted(present);
            }
            Packet::Publish(publish) => {
                let Some(id) = publish.packet_id else {
                    return Ok(());
                };
                let answer = if publish.qos == QoS::AtLeastOnce {
                    Answer::PubAck(id)
                } else {
                    self.received.insert(id);
                    Answer::PubRec(id)
                };
                self.owe(answer);
            }
            Packet::PubRel(ack) => {
                self.received.remove(&ack.packet_id);
                self.owe(Answer::PubComp(ack.packet_id));
            }
            Packet::PubAck(ack) | Packet::PubComp(ack) => {
                self.unacknowledged.retain(|u| u.id != ack.packet_id);
            }
            Packet::PubRec(ack) => {
                let id = ack.packet_id;
                if let Some(one) = self.unacknowledged.iter_mut().find(|u| u.id == id) {
                    one.released = true;
                }
                self.write(|out, version| codec::put_pubrel(out, version, id));
            }
            Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp | Packet::Disconnect(_) => {}
            other => return Err(format!("a server does not send {other:?}")),
        }
        Ok(())
    }

    fn owe(&mut self, answer: Answer) {
        if let Some(line) = &mut self.line {
            line.answers.push(answer);
        }
    }

    /// The session begins or goes on.
    fn accepted(&mut self, present: bool) {
        if let Some(line) = &mut self.line {
            line.accepted = true;
        }
        if !present {
            self.unacknowledged.clear();
            self.received.clear();
            self.late.clear();
            return;
        }
        for id in std::mem::take(&mut self.late) {
            self.write(|out, version| codec::put_puback(out, version, id, ReasonCode::Success));
        }
        for one in self.unacknowledged.clone() {
            if one.released {
                self.write(|out, version| codec::put_pubrel(out, version, one.id));
            } else {
                self.put_publish(&one.message, one.id, true);
            }
        }
    }
}
