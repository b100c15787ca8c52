//! What all clients of a load have in common.

use crate::wire::{Login, QoS, Version, WireError, put_connect, put_subscribe};

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

impl ClientSettings {
    pub(crate) fn put_connect(&self, out: &mut Vec<u8>, id: &str) -> Result<(), WireError> {
        let id = format!("{}-{id}", self.id_prefix);
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
