//! Packets of both versions, as mqttbytes has them.

use bytes::{Bytes, BytesMut};
use mqttbytes::{QoS, v4, v5};

/// Longer than tests move the clock.
const KEEP_ALIVE_S: u16 = 1200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V311,
    V5,
}

/// A message that the device was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
}

/// A packet of a server, in terms of both versions. Reasons are MQTT 5's; 3.1.1 has fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    ConnAck {
        session_present: bool,
        code: u8,
    },
    Publish(Message, u16),
    PubAck {
        id: u16,
        reason: u8,
    },
    SubAck {
        id: u16,
        reasons: Vec<u8>,
    },
    UnsubAck {
        id: u16,
        reason: u8,
    },
    Disconnect,
    /// The connection is over.
    Closed,
}

impl From<v4::Packet> for Packet {
    fn from(packet: v4::Packet) -> Self {
        match packet {
            v4::Packet::ConnAck(ack) => Packet::ConnAck {
                session_present: ack.session_present,
                code: ack.code as u8,
            },
            v4::Packet::Publish(publish) => Packet::Publish(
                Message {
                    topic: publish.topic,
                    payload: publish.payload,
                    qos: publish.qos as u8,
                },
                publish.pkid,
            ),
            v4::Packet::PubAck(ack) => Packet::PubAck {
                id: ack.pkid,
                reason: 0,
            },
            v4::Packet::SubAck(ack) => Packet::SubAck {
                id: ack.pkid,
                reasons: ack
                    .return_codes
                    .iter()
                    .map(|code| match code {
                        v4::SubscribeReasonCode::Success(qos) => *qos as u8,
                        v4::SubscribeReasonCode::Failure => 0x80,
                    })
                    .collect(),
            },
            v4::Packet::UnsubAck(ack) => Packet::UnsubAck {
                id: ack.pkid,
                reason: 0,
            },
            other => panic!("{other:?}"),
        }
    }
}

impl From<v5::Packet> for Packet {
    fn from(packet: v5::Packet) -> Self {
        match packet {
            v5::Packet::ConnAck(ack) => Packet::ConnAck {
                session_present: ack.session_present,
                code: ack.code as u8,
            },
            v5::Packet::Publish(publish) => Packet::Publish(
                Message {
                    topic: publish.topic,
                    payload: publish.payload,
                    qos: publish.qos as u8,
                },
                publish.pkid,
            ),
            v5::Packet::PubAck(ack) => Packet::PubAck {
                id: ack.pkid,
                reason: ack.reason as u8,
            },
            v5::Packet::SubAck(ack) => Packet::SubAck {
                id: ack.pkid,
                reasons: ack
                    .return_codes
                    .iter()
                    .map(|code| match code {
                        v5::SubscribeReasonCode::QoS0 => 0,
                        v5::SubscribeReasonCode::QoS1 => 1,
                        v5::SubscribeReasonCode::QoS2 => 2,
                        v5::SubscribeReasonCode::NotAuthorized => 0x87,
                        _ => 0x80,
                    })
                    .collect(),
            },
            v5::Packet::UnsubAck(ack) => Packet::UnsubAck {
                id: ack.pkid,
                reason: ack.reasons.first().map_or(0, |reason| *reason as u8),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// CONNECT without a session that stays.
pub(super) fn connect(version: Version, id: &str) -> BytesMut {
    let mut out = BytesMut::new();
    match version {
        Version::V311 => v4::Connect::new(id).write(&mut out).unwrap(),
        Version::V5 => v5::Connect::new(id).write(&mut out).unwrap(),
    };
    out
}

/// CONNECT with a session that outlives the connection by `expiry_s`, which MQTT 3.1.1 cannot say.
pub(super) fn persistent_connect(
    version: Version,
    id: &str,
    expiry_s: u32,
    will: Option<v5::LastWill>,
) -> BytesMut {
    let mut out = BytesMut::new();
    match version {
        Version::V311 => {
            let mut connect = v4::Connect::new(id);
            connect.clean_session = false;
            connect.keep_alive = KEEP_ALIVE_S;
            connect.write(&mut out).unwrap();
        }
        Version::V5 => {
            let mut connect = v5::Connect::new(id);
            connect.clean_session = false;
            connect.last_will = will;
            connect.keep_alive = KEEP_ALIVE_S;
            connect.properties = Some(v5::ConnectProperties {
                session_expiry_interval: Some(expiry_s),
                receive_maximum: None,
                max_packet_size: None,
                topic_alias_max: None,
                request_response_info: None,
                request_problem_info: None,
                user_properties: Vec::new(),
                authentication_method: None,
                authentication_data: None,
            });
            connect.write(&mut out).unwrap();
        }
    }
    out
}

/// PUBACK, which is the same in both versions when it says success.
pub(super) fn puback(id: u16) -> BytesMut {
    let mut out = BytesMut::new();
    v4::PubAck::new(id).write(&mut out).unwrap();
    out
}

/// Gives a packet its id and writes it; the two versions have types of their own for it.
macro_rules! written {
    ($packet:expr, $id:expr) => {{
        let mut packet = $packet;
        let mut out = BytesMut::new();
        packet.pkid = $id;
        packet.write(&mut out).unwrap();
        out
    }};
}

/// PUBLISH at QoS 1.
pub(super) fn publish(version: Version, id: u16, topic: &str, payload: &[u8]) -> BytesMut {
    let qos = QoS::AtLeastOnce;
    match version {
        Version::V311 => written!(v4::Publish::new(topic, qos, payload), id),
        Version::V5 => written!(v5::Publish::new(topic, qos, payload), id),
    }
}

/// SUBSCRIBE to one filter at QoS 1.
pub(super) fn subscribe(version: Version, id: u16, filter: &str) -> BytesMut {
    let qos = QoS::AtLeastOnce;
    match version {
        Version::V311 => written!(v4::Subscribe::new(filter, qos), id),
        Version::V5 => written!(v5::Subscribe::new(filter, qos), id),
    }
}

/// UNSUBSCRIBE from one filter.
pub(super) fn unsubscribe(version: Version, id: u16, filter: &str) -> BytesMut {
    match version {
        Version::V311 => written!(v4::Unsubscribe::new(filter), id),
        Version::V5 => written!(v5::Unsubscribe::new(filter), id),
    }
}
