//! Connecting, subscribing and leaving, by mqttbytes.

use super::{Malformed, QoS, Version, WireError};
use bytes::BytesMut;
use mqttbytes::{v4, v5};

/// The largest answer that is read; a broker has no reason for more.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// User name and password.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// What a broker says outside the flow of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Connected; so many QoS 1 messages may be in flight towards the broker.
    Connected {
        receive_maximum: u16,
    },
    /// Not connected, for this reason.
    ConnectionRefused(String),
    /// All filters of the SUBSCRIBE with that packet id were accepted.
    Subscribed {
        packet_id: u16,
    },
    Unsubscribed {
        packet_id: u16,
    },
    /// At least one filter was refused.
    SubscriptionRefused(String),
    /// The broker ends the connection, for this reason code.
    Disconnected(u8),
    /// The broker is alive, and has read all that we sent before the question.
    Pong,
    /// Something that a load generator has no use for.
    Nothing,
}

/// Appends a CONNECT with a clean session.
pub(crate) fn put_connect(
    out: &mut Vec<u8>,
    version: Version,
    client_id: &str,
    keep_alive_s: u16,
    login: Option<&Login>,
) -> Result<(), WireError> {
    let mut buffer = BytesMut::new();
    match version {
        Version::V311 => {
            let mut connect = v4::Connect::new(client_id);
            connect.keep_alive = keep_alive_s;
            if let Some(login) = login {
                connect.set_login(login.username.as_str(), login.password.as_str());
            }
            connect.write(&mut buffer)
        }
        Version::V5 => {
            let mut connect = v5::Connect::new(client_id);
            connect.keep_alive = keep_alive_s;
            if let Some(login) = login {
                connect.set_login(login.username.as_str(), login.password.as_str());
            }
            connect.write(&mut buffer)
        }
    }
    .map_err(|error| unwritten("CONNECT", error))?;
    out.extend_from_slice(&buffer);
    Ok(())
}

/// Appends a SUBSCRIBE.
pub(crate) fn put_subscribe(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    filters: &[String],
    qos: QoS,
) -> Result<(), WireError> {
    let qos = match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
    };
    let mut buffer = BytesMut::new();
    let filters = filters.iter().cloned();
    match version {
        Version::V311 => {
            let filters = filters.map(|filter| v4::SubscribeFilter::new(filter, qos));
            let mut subscribe = v4::Subscribe::new_many(filters);
            subscribe.pkid = packet_id;
            subscribe.write(&mut buffer)
        }
        Version::V5 => {
            let filters = filters.map(|filter| v5::SubscribeFilter::new(filter, qos));
            let mut subscribe = v5::Subscribe::new_many(filters);
            subscribe.pkid = packet_id;
            subscribe.write(&mut buffer)
        }
    }
    .map_err(|error| unwritten("SUBSCRIBE", error))?;
    out.extend_from_slice(&buffer);
    Ok(())
}

/// Appends an UNSUBSCRIBE of one filter.
pub(crate) fn put_unsubscribe(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    filter: &str,
) -> Result<(), WireError> {
    let mut buffer = BytesMut::new();
    match version {
        Version::V311 => {
            let mut unsubscribe = v4::Unsubscribe::new(filter);
            unsubscribe.pkid = packet_id;
            unsubscribe.write(&mut buffer)
        }
        Version::V5 => {
            let mut unsubscribe = v5::Unsubscribe::new(filter);
            unsubscribe.pkid = packet_id;
            unsubscribe.write(&mut buffer)
        }
    }
    .map_err(|error| unwritten("UNSUBSCRIBE", error))?;
    out.extend_from_slice(&buffer);
    Ok(())
}

/// Appends a DISCONNECT, the same in both versions.
pub(crate) fn put_disconnect(out: &mut Vec<u8>) {
    let mut buffer = BytesMut::new();
    if v4::Disconnect.write(&mut buffer).is_ok() {
        out.extend_from_slice(&buffer);
    }
}

/// Appends a PINGREQ.
pub(crate) fn put_pingreq(out: &mut Vec<u8>) {
    let mut buffer = BytesMut::new();
    if v4::PingReq.write(&mut buffer).is_ok() {
        out.extend_from_slice(&buffer);
    }
}

/// Reads a whole packet that is neither PUBLISH nor PUBACK.
pub(crate) fn decode_answer(packet: &[u8], version: Version) -> Result<Answer, WireError> {
    match packet.first().map(|first| first >> 4) {
        // A reason alone is valid in MQTT 5 (section 3.14.2.1), and mqttbytes refuses it.
        Some(14) => Ok(Answer::Disconnected(packet.get(2).copied().unwrap_or(0))),
        Some(2) => answer(packet, version, "CONNACK"),
        Some(9) => answer(packet, version, "SUBACK"),
        // Its reason codes do not matter here, so that both versions are read alike.
        Some(11) => match packet {
            [_, _, high, low, ..] => Ok(Answer::Unsubscribed {
                packet_id: u16::from_be_bytes([*high, *low]),
            }),
            _ => Err(Malformed::Short("UNSUBACK").into()),
        },
        Some(13) => Ok(Answer::Pong),
        _ => Ok(Answer::Nothing),
    }
}

fn answer(packet: &[u8], version: Version, name: &'static str) -> Result<Answer, WireError> {
    let mut stream = BytesMut::from(packet);
    let answer = match version {
        Version::V311 => v4::read(&mut stream, ANSWER_BYTES_MAX).map(|packet| match packet {
            v4::Packet::ConnAck(ack) => match ack.code {
                v4::ConnectReturnCode::Success => Answer::Connected {
                    receive_maximum: u16::MAX,
                },
                code => Answer::ConnectionRefused(format!("{code:?}")),
            },
            v4::Packet::SubAck(ack) => subscribed(
                ack.pkid,
                ack.return_codes
                    .iter()
                    .find(|code| matches!(code, v4::SubscribeReasonCode::Failure)),
            ),
            _ => Answer::Nothing,
        }),
        Version::V5 => v5::read(&mut stream, ANSWER_BYTES_MAX).map(|packet| match packet {
            v5::Packet::ConnAck(ack) => match ack.code {
                v5::ConnectReturnCode::Success => Answer::Connected {
                    receive_maximum: ack
                        .properties
                        .and_then(|properties| properties.receive_max)
                        .unwrap_or(u16::MAX),
                },
                code => Answer::ConnectionRefused(format!("{code:?}")),
            },
            v5::Packet::SubAck(ack) => subscribed(
                ack.pkid,
                ack.return_codes.iter().find(|&&code| code as u8 >= 0x80),
            ),
            _ => Answer::Nothing,
        }),
    };
    answer.map_err(|error| WireError::Unreadable {
        packet: name,
        why: format!("{error:?}"),
        bytes: packet.iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

fn subscribed(packet_id: u16, refused: Option<&impl std::fmt::Debug>) -> Answer {
    refused.map_or(Answer::Subscribed { packet_id }, |code| {
        Answer::SubscriptionRefused(format!("{code:?}"))
    })
}

fn unwritten(packet: &'static str, error: mqttbytes::Error) -> WireError {
    WireError::Unreadable {
        packet,
        why: format!("not written: {error:?}"),
        bytes: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        use Version::{V5, V311};
        let connected = |receive_maximum| Ok(Answer::Connected { receive_maximum });
        for (version, bytes, expected) in [
            (V311, &[0x20, 2, 0, 0][..], connected(u16::MAX)),
            (V5, &[0x20, 3, 0, 0, 0], connected(u16::MAX)),
            (V5, &[0x20, 6, 0, 0, 3, 0x21, 0, 100], connected(100)),
            (
                V311,
                &[0x20, 2, 0, 5],
                Ok(Answer::ConnectionRefused("NotAuthorized".into())),
            ),
            (
                V5,
                &[0x20, 3, 0, 0x87, 0],
                Ok(Answer::ConnectionRefused("NotAuthorized".into())),
            ),
            (
                V311,
                &[0x90, 4, 0, 1, 0, 1],
                Ok(Answer::Subscribed { packet_id: 1 }),
            ),
            (
                V311,
                &[0x90, 4, 0, 1, 0, 0x80],
                Ok(Answer::SubscriptionRefused("Failure".into())),
            ),
            (
                V5,
                &[0x90, 4, 0, 1, 0, 1],
                Ok(Answer::Subscribed { packet_id: 1 }),
            ),
            (
                V5,
                &[0x90, 4, 0, 1, 0, 0x87],
                Ok(Answer::SubscriptionRefused("NotAuthorized".into())),
            ),
            (
                V311,
                &[0xb0, 2, 0, 7],
                Ok(Answer::Unsubscribed { packet_id: 7 }),
            ),
            (
                V5,
                &[0xb0, 4, 0, 7, 0, 0],
                Ok(Answer::Unsubscribed { packet_id: 7 }),
            ),
            (V5, &[0xe0, 1, 0x8e], Ok(Answer::Disconnected(0x8e))),
            (V5, &[0xe0, 0], Ok(Answer::Disconnected(0))),
            (V5, &[0xd0, 0], Ok(Answer::Pong)),
            (V5, &[0xf0, 2, 0x18, 0], Ok(Answer::Nothing)),
        ] {
            assert_eq!(decode_answer(bytes, version), expected, "{bytes:02x?}");
        }
        let error = decode_answer(&[0x90, 3, 0, 1, 7], V311)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("SUBACK") && error.contains("9003000107"),
            "{error}"
        );
    }

    #[test]
    fn what_is_written_is_a_packet() {
        for version in [Version::V311, Version::V5] {
            let mut out = Vec::new();
            let login = Login {
                username: "u".into(),
                password: "p".into(),
            };
            put_connect(&mut out, version, "c1", 60, Some(&login)).unwrap();
            assert_eq!(
                &out[2..10],
                [
                    0,
                    4,
                    b'M',
                    b'Q',
                    b'T',
                    b'T',
                    4 + u8::from(version == Version::V5),
                    0xc2
                ]
            );
            assert_eq!(usize::from(out[1]) + 2, out.len());
            out.clear();
            put_subscribe(&mut out, version, 3, &["a/+".into()], QoS::AtLeastOnce).unwrap();
            assert_eq!((out[0], usize::from(out[1]) + 2), (0x82, out.len()));
            assert_eq!(out.last(), Some(&1));
        }
        let mut out = Vec::new();
        put_unsubscribe(&mut out, Version::V311, 7, "a/+").unwrap();
        assert_eq!(out, [0xa2, 7, 0, 7, 0, 3, b'a', b'/', b'+']);
        let mut out = Vec::new();
        put_disconnect(&mut out);
        put_pingreq(&mut out);
        assert_eq!(out, [0xe0, 0, 0xc0, 0]);
    }
}
