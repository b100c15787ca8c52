//! What is wrong with bytes from a broker.

/// Bytes that are no MQTT packet. It owns nothing, so that reading a packet costs no more for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the broker sent a remaining length of more than four bytes")]
    Length,
    #[error("the broker sent a {0} that ends before its fields do")]
    Short(&'static str),
    #[error("the broker sent QoS 2, which nobody asked for")]
    QosTwo,
}

/// Bytes that are no MQTT packet, or one that no client can make sense of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the broker sent a {packet} that cannot be read ({why}): {bytes}")]
    Unreadable {
        packet: &'static str,
        why: String,
        bytes: String,
    },
}
