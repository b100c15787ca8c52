//! Why bytes are not a packet.

use super::frame::Version;
use super::reason::ReasonCode;

/// A packet that the standard does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not parse (MQTT 5.0 section 1.2, "Malformed Packet").
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// The packet parses and breaks a rule (MQTT 5.0 section 1.2, "Protocol Error").
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    /// The announced length is above the receiver's limit, in bytes.
    #[error("a packet of {0} bytes is too large")]
    TooLarge(usize),
    /// CONNECT asks for a protocol that is neither MQTT 3.1.1 nor 5.0.
    #[error("protocol level {0} is not supported")]
    UnsupportedProtocol(u8),
    /// A CONNECT of MQTT 5 that is answered with this code (MQTT 5.0 [3.1.4]).
    #[error("CONNECT: {1}")]
    Connect(ReasonCode, &'static str),
    /// A CONNECT of MQTT 3.1.1 has no client id and wants its session kept ([MQTT-3.1.3-8]).
    #[error("no client id, and the session is to be kept")]
    ClientIdMissing,
    /// A PUBLISH asks for QoS 3 ([MQTT-3.3.1-4]).
    #[error("malformed packet: QoS 3")]
    QosThree,
    /// The topic of a PUBLISH has wildcards ([MQTT-3.3.2-2]).
    #[error("a wildcard in a topic name")]
    TopicName,
    /// The topic of a will has wildcards.
    #[error("CONNECT: a wildcard in the topic of the will")]
    WillTopic(Version),
    /// A filter that is empty or has wildcards out of place ([MQTT-4.7.3-1], [MQTT-4.7.1-1],
    /// [MQTT-4.7.1-2]).
    #[error("a topic filter that is not valid")]
    TopicFilter,
    /// A shared subscription without name or filter, or with wildcards in its name
    /// ([MQTT-4.8.2-1], [MQTT-4.8.2-2]).
    #[error("a shared subscription that is not valid")]
    ShareName,
}

impl DecodeError {
    /// The reason code of the DISCONNECT or CONNACK that says so to an MQTT 5 client. 0x8F and 0x90
    /// are not among them: they are for filters and topics that are correctly formed (MQTT 5.0
    /// [3.14.2.1], [4.13.1]).
    pub fn reason_code(&self) -> ReasonCode {
        match self {
            DecodeError::Malformed(_)
            | DecodeError::QosThree
            | DecodeError::TopicName
            | DecodeError::WillTopic(_)
            | DecodeError::TopicFilter => ReasonCode::MalformedPacket,
            DecodeError::Protocol(_) | DecodeError::ShareName => ReasonCode::ProtocolError,
            DecodeError::Connect(code, _) => *code,
            DecodeError::TooLarge(_) => ReasonCode::PacketTooLarge,
            DecodeError::UnsupportedProtocol(_) => ReasonCode::UnsupportedProtocolVersion,
            DecodeError::ClientIdMissing => ReasonCode::ClientIdentifierNotValid,
        }
    }

    /// The same error of a CONNECT of MQTT 5, which is answered before the connection closes.
    pub(super) fn of_connect(self) -> Self {
        let text = match self {
            DecodeError::Malformed(text)
            | DecodeError::Protocol(text)
            | DecodeError::Connect(_, text) => text,
            DecodeError::QosThree => "QoS 3",
            DecodeError::TopicName
            | DecodeError::WillTopic(_)
            | DecodeError::TopicFilter
            | DecodeError::ShareName
            | DecodeError::TooLarge(_)
            | DecodeError::ClientIdMissing
            | DecodeError::UnsupportedProtocol(_) => return self,
        };
        DecodeError::Connect(self.reason_code(), text)
    }

    /// The version of the CONNACK that this CONNECT is answered with, where the standard gives one.
    pub fn connack_version(&self) -> Option<Version> {
        match self {
            // [MQTT-3.1.2-2]: return code 1 for levels below 5, a reason code above.
            DecodeError::UnsupportedProtocol(level) if *level > 5 => Some(Version::V5),
            DecodeError::UnsupportedProtocol(_) | DecodeError::ClientIdMissing => {
                Some(Version::V311)
            }
            DecodeError::Connect(..) | DecodeError::WillTopic(Version::V5) => Some(Version::V5),
            DecodeError::WillTopic(Version::V311)
            | DecodeError::Malformed(_)
            | DecodeError::Protocol(_)
            | DecodeError::TooLarge(_)
            | DecodeError::QosThree
            | DecodeError::TopicName
            | DecodeError::TopicFilter
            | DecodeError::ShareName => None,
        }
    }
}
