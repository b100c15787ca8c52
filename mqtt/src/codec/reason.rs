//! Reason codes (MQTT 5.0 section 2.4).

/// What came of a request or why a connection ends. Codes of 0x80 and above are errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReasonCode {
    /// Success; also Normal disconnection and Granted QoS 0.
    Success = 0x00,
    /// Granted Qos1.
    GrantedQos1 = 0x01,
    /// Granted Qos2.
    GrantedQos2 = 0x02,
    /// Disconnect With Will Message.
    DisconnectWithWillMessage = 0x04,
    /// No Matching Subscribers.
    NoMatchingSubscribers = 0x10,
    /// No Subscription Existed.
    NoSubscriptionExisted = 0x11,
    /// Continue Authentication.
    ContinueAuthentication = 0x18,
    /// Re Authenticate.
    ReAuthenticate = 0x19,
    /// Unspecified Error.
    UnspecifiedError = 0x80,
    /// Malformed Packet.
    MalformedPacket = 0x81,
    /// Protocol Error.
    ProtocolError = 0x82,
    /// Implementation Specific Error.
    ImplementationSpecificError = 0x83,
    /// Unsupported Protocol Version.
    UnsupportedProtocolVersion = 0x84,
    /// Client Identifier Not Valid.
    ClientIdentifierNotValid = 0x85,
    /// Bad User Name Or Password.
    BadUserNameOrPassword = 0x86,
    /// Not Authorized.
    NotAuthorized = 0x87,
    /// Server Unavailable.
    ServerUnavailable = 0x88,
    /// Server Busy.
    ServerBusy = 0x89,
    /// Banned.
    Banned = 0x8A,
    /// Server Shutting Down.
    ServerShuttingDown = 0x8B,
    /// Bad Authentication Method.
    BadAuthenticationMethod = 0x8C,
    /// Keep Alive Timeout.
    KeepAliveTimeout = 0x8D,
    /// Session Taken Over.
    SessionTakenOver = 0x8E,
    /// Topic Filter Invalid.
    TopicFilterInvalid = 0x8F,
    /// Topic Name Invalid.
    TopicNameInvalid = 0x90,
    /// Packet Identifier In Use.
    PacketIdentifierInUse = 0x91,
    /// Packet Identifier Not Found.
    PacketIdentifierNotFound = 0x92,
    /// Receive Maximum Exceeded.
    ReceiveMaximumExceeded = 0x93,
    /// Topic Alias Invalid.
    TopicAliasInvalid = 0x94,
    /// Packet Too Large.
    PacketTooLarge = 0x95,
    /// Message Rate Too High.
    MessageRateTooHigh = 0x96,
    /// Quota Exceeded.
    QuotaExceeded = 0x97,
    /// Administrative Action.
    AdministrativeAction = 0x98,
    /// Payload Format Invalid.
    PayloadFormatInvalid = 0x99,
    /// Retain Not Supported.
    RetainNotSupported = 0x9A,
    /// Qos Not Supported.
    QosNotSupported = 0x9B,
    /// Use Another Server.
    UseAnotherServer = 0x9C,
    /// Server Moved.
    ServerMoved = 0x9D,
    /// Shared Subscriptions Not Supported.
    SharedSubscriptionsNotSupported = 0x9E,
    /// Connection Rate Exceeded.
    ConnectionRateExceeded = 0x9F,
    /// Maximum Connect Time.
    MaximumConnectTime = 0xA0,
    /// Subscription Identifiers Not Supported.
    SubscriptionIdentifiersNotSupported = 0xA1,
    /// Wildcard Subscriptions Not Supported.
    WildcardSubscriptionsNotSupported = 0xA2,
}

const ALL: [ReasonCode; 43] = [
    ReasonCode::Success,
    ReasonCode::GrantedQos1,
    ReasonCode::GrantedQos2,
    ReasonCode::DisconnectWithWillMessage,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::ContinueAuthentication,
    ReasonCode::ReAuthenticate,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerUnavailable,
    ReasonCode::ServerBusy,
    ReasonCode::Banned,
    ReasonCode::ServerShuttingDown,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::KeepAliveTimeout,
    ReasonCode::SessionTakenOver,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::PacketIdentifierNotFound,
    ReasonCode::ReceiveMaximumExceeded,
    ReasonCode::TopicAliasInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::MessageRateTooHigh,
    ReasonCode::QuotaExceeded,
    ReasonCode::AdministrativeAction,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QosNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::ConnectionRateExceeded,
    ReasonCode::MaximumConnectTime,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

impl ReasonCode {
    /// The code of a byte, if the standard names it.
    pub fn from_u8(byte: u8) -> Option<Self> {
        ALL.into_iter().find(|code| *code as u8 == byte)
    }

    /// Whether the code stands for a failure.
    pub fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// The CONNACK return code of MQTT 3.1.1 (table 3.1) nearest to it.
    pub fn to_v311_return_code(self) -> u8 {
        match self {
            code if !code.is_error() => 0,
            ReasonCode::UnsupportedProtocolVersion => 1,
            ReasonCode::ClientIdentifierNotValid => 2,
            ReasonCode::BadUserNameOrPassword => 4,
            ReasonCode::NotAuthorized | ReasonCode::Banned => 5,
            _ => 3,
        }
    }

    /// The code of a CONNACK return code of MQTT 3.1.1.
    pub(super) fn from_v311_return_code(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => ReasonCode::Success,
            1 => ReasonCode::UnsupportedProtocolVersion,
            2 => ReasonCode::ClientIdentifierNotValid,
            3 => ReasonCode::ServerUnavailable,
            4 => ReasonCode::BadUserNameOrPassword,
            5 => ReasonCode::NotAuthorized,
            _ => return None,
        })
    }
}
