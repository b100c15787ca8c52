//! What all clients of a load have in common.

use super::error::LoadError;
use crate::wire::{Answer, Login, QoS, Version, WireError, decode_answer};
use crate::wire::{put_connect, put_subscribe};
use std::fmt::Display;

/// A SUBSCRIBE holds no more filters: AWS IoT takes no more.
const FILTERS_AT_ONCE: usize = 8;

/// How clients introduce themselves.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) version: Version,
    pub(crate) qos: QoS,
    pub(crate) id_prefix: String,
    pub(crate) topic_prefix: String,
    pub(crate) keep_alive_s: u16,
    pub(crate) login: Option<Login>,
    /// Connections that may be under way together.
    pub(crate) at_once: usize,
    /// How long it may take until all are ready.
    pub(crate) set_up_s: f64,
}

/// What a broker answers to a client that it has not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Connected {
        receive_maximum: u16,
    },
    Subscribed {
        packet_id: u16,
    },
    Unsubscribed {
        packet_id: u16,
    },
    /// The broker ends the connection, for this reason code.
    Disconnected(u8),
    Pong,
    Nothing,
}

impl ClientSettings {
    /// The client id of the client of that name.
    pub(crate) fn client_id(&self, name: impl Display) -> String {
        format!("{}-{name}", self.id_prefix)
    }

    /// Reads an answer to the client of that name; a refusal is an error.
    pub(crate) fn reply(&self, packet: &[u8], name: impl Display) -> Result<Reply, LoadError> {
        let client = || self.client_id(name);
        Ok(match decode_answer(packet, self.version)? {
            Answer::Connected { receive_maximum } => Reply::Connected { receive_maximum },
            Answer::Subscribed { packet_id } => Reply::Subscribed { packet_id },
            Answer::Unsubscribed { packet_id } => Reply::Unsubscribed { packet_id },
            Answer::Disconnected(reason) => Reply::Disconnected(reason),
            Answer::Pong => Reply::Pong,
            Answer::Nothing => Reply::Nothing,
            Answer::ConnectionRefused(reason) => {
                let client = client();
                return Err(LoadError::Connection { client, reason });
            }
            Answer::SubscriptionRefused(reason) => {
                let client = client();
                return Err(LoadError::Subscription { client, reason });
            }
        })
    }

    pub(crate) fn put_connect(
        &self,
        out: &mut Vec<u8>,
        name: impl Display,
    ) -> Result<(), WireError> {
        let id = self.client_id(name);
        put_connect(
            out,
            self.version,
            &id,
            self.keep_alive_s,
            self.login.as_ref(),
        )
    }

    /// Appends as many SUBSCRIBEs as the filters need, and returns how many.
    pub(crate) fn put_subscribes(
        &self,
        out: &mut Vec<u8>,
        filters: &[String],
    ) -> Result<usize, WireError> {
        let chunks = filters.chunks(FILTERS_AT_ONCE);
        for (nth, filters) in chunks.clone().enumerate() {
            // 65,535 packets hold half a million filters, and identifiers may be used again.
            let packet_id = (nth % 0xffff) as u16 + 1;
            put_subscribe(out, self.version, packet_id, filters, self.qos)?;
        }
        Ok(chunks.len())
    }
}
