//! Where a message came from.

use std::net::IpAddr;
use std::sync::Arc;

/// How a message or request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// An MQTT client, over TCP, TLS or WebSocket; its will too.
    Mqtt,
    /// The HTTP data plane.
    Http,
    /// A republish action of a rule.
    Rule,
    /// The server itself, such as lifecycle events.
    Server,
}

/// Who published a message, for rules and logs.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The MQTT client id; `None` when it did not come over MQTT.
    pub(crate) client_id: Option<Arc<str>>,
    /// Certificate id, or the IAM identity (`principal()` in rule SQL).
    pub(crate) principal: Arc<str>,
    /// The publisher's address.
    pub(crate) source_ip: Option<IpAddr>,
    /// The way in.
    pub(crate) protocol: Protocol,
    /// How many republish actions it went through.
    pub(crate) hops: u8,
}
