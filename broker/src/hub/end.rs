//! Why a connection ends: what the client is told, what AWS calls it, and whether the will is due.

use mqtt::codec::ReasonCode;

/// The reason of an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// DISCONNECT, or a WebSocket Close frame. `with_will`: reason code 0x04.
    Client {
        /// Whether the client asks for its will (MQTT 5.0 [3.14.2.1]).
        with_will: bool,
    },
    /// The socket closed or failed.
    ConnectionLost,
    /// The client id connected again.
    DuplicateClientId,
    /// Nothing came for 1.5 times the keep alive.
    KeepAliveTimeout,
    /// The client broke the protocol or a limit.
    ClientError {
        /// What an MQTT 5 client is told.
        code: ReasonCode,
        /// What the log says.
        reason: String,
    },
    /// A policy forbade something that ends the connection.
    AuthError,
    /// The certificate is no longer active, or the identity's session is over.
    Forbidden,
    /// The time is over that a custom authorizer has given.
    CustomAuthExpired,
    /// `DeleteConnection` was called.
    Api {
        /// Whether the will is published.
        with_will: bool,
    },
    /// The connection over WebSocket has lived for as long as it may.
    WebSocketLifetime,
    /// The server is stopping or was reset.
    Server(ReasonCode),
}

impl End {
    /// The client broke a rule that has no words of its own.
    pub(super) fn error(code: ReasonCode, reason: impl Into<String>) -> Self {
        End::ClientError {
            code,
            reason: reason.into(),
        }
    }

    /// AWS's `disconnectReason` ("Lifecycle events" in the AWS IoT developer guide).
    pub(super) fn disconnect_reason(&self) -> &'static str {
        match self {
            End::Client { .. } => "CLIENT_INITIATED_DISCONNECT",
            End::ConnectionLost => "CONNECTION_LOST",
            End::DuplicateClientId => "DUPLICATE_CLIENTID",
            End::KeepAliveTimeout => "MQTT_KEEP_ALIVE_TIMEOUT",
            End::ClientError { .. } => "CLIENT_ERROR",
            End::AuthError => "AUTH_ERROR",
            End::Forbidden => "FORBIDDEN_ACCESS",
            End::CustomAuthExpired => "CUSTOMAUTH_TTL_EXPIRATION",
            End::Api { .. } => "API_INITIATED_DISCONNECT",
            End::WebSocketLifetime => "WEBSOCKET_TTL_EXPIRATION",
            End::Server(_) => "SERVER_INITIATED_DISCONNECT",
        }
    }

    /// The reason code of the DISCONNECT that an MQTT 5 client is sent, if it is sent one.
    pub(super) fn code(&self) -> Option<ReasonCode> {
        match self {
            End::Client { .. } | End::ConnectionLost | End::WebSocketLifetime => None,
            End::Api { .. } => Some(ReasonCode::AdministrativeAction),
            End::DuplicateClientId => Some(ReasonCode::SessionTakenOver),
            End::KeepAliveTimeout => Some(ReasonCode::KeepAliveTimeout),
            End::ClientError { code, .. } | End::Server(code) => Some(*code),
            End::AuthError | End::Forbidden | End::CustomAuthExpired => {
                Some(ReasonCode::NotAuthorized)
            }
        }
    }

    /// Whether the will is published (MQTT 5.0 [3.1.2.5]; "LWT messages" in the guide).
    pub(super) fn publishes_will(&self) -> bool {
        match self {
            End::Client { with_will } | End::Api { with_will } => *with_will,
            End::ConnectionLost
            | End::WebSocketLifetime
            | End::DuplicateClientId
            | End::KeepAliveTimeout
            | End::ClientError { .. }
            | End::AuthError
            | End::Forbidden
            | End::CustomAuthExpired
            | End::Server(_) => true,
        }
    }

    /// The words of the log.
    pub(super) fn detail(&self) -> &str {
        match self {
            End::ClientError { reason, .. } => reason,
            End::Client { .. }
            | End::Api { .. }
            | End::ConnectionLost
            | End::WebSocketLifetime
            | End::DuplicateClientId
            | End::KeepAliveTimeout
            | End::AuthError
            | End::Forbidden
            | End::CustomAuthExpired
            | End::Server(_) => "",
        }
    }
}
