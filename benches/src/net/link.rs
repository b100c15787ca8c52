//! One connection, and what is done with its events.

use super::error::NetError;
use super::round::Net;
use super::websocket::WebSocket;
use crate::wire::Packet;
use mio::net::TcpStream;
use rustls::ClientConnection;

/// A connection's place, kept when it is closed and opened again.
pub(crate) type LinkId = usize;

/// What a load does with what happens on its connections. It may write to any of them.
pub(crate) trait Handler {
    /// TCP stands: time to send CONNECT.
    fn opened(&mut self, net: &mut Net, link: LinkId);
    /// A packet has come; `now_ns` is when it was read.
    fn packet(&mut self, net: &mut Net, link: LinkId, packet: Packet<'_>, now_ns: u64);
    /// The connection is gone, and not because we closed it.
    fn closed(&mut self, net: &mut Net, link: LinkId, why: NetError);
    /// The kernel has taken all output.
    fn drained(&mut self, _net: &mut Net, _link: LinkId) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Closed,
    Connecting,
    Open,
}

/// One connection.
pub(super) struct Link {
    pub(super) stage: Stage,
    pub(super) stream: Option<TcpStream>,
    pub(super) tls: Option<Box<ClientConnection>>,
    pub(super) websocket: Option<Box<WebSocket>>,
    /// The beginning of a packet that is not whole yet.
    pub(super) partial: Vec<u8>,
    /// MQTT to be sent.
    pub(super) out: Vec<u8>,
    /// WebSocket frames to be sent.
    pub(super) frames: Vec<u8>,
    /// Bytes of `out`, or of `frames`, that the kernel already has.
    pub(super) sent: usize,
    /// Whether the kernel took less than it was given.
    pub(super) blocked: bool,
    /// Whether it is on the list of connections to be flushed.
    pub(super) dirty: bool,
    /// Whether it is not read for the time being.
    pub(super) paused: bool,
    pub(super) opened_at_ns: u64,
}

impl Link {
    pub(super) fn new() -> Self {
        Link {
            stage: Stage::Closed,
            stream: None,
            tls: None,
            websocket: None,
            partial: Vec::new(),
            out: Vec::new(),
            frames: Vec::new(),
            sent: 0,
            blocked: false,
            dirty: false,
            paused: false,
            opened_at_ns: 0,
        }
    }

    /// Forgets everything about the connection before.
    pub(super) fn reset(&mut self) {
        let dirty = self.dirty;
        let (mut out, mut partial) = (Vec::new(), Vec::new());
        std::mem::swap(&mut out, &mut self.out);
        std::mem::swap(&mut partial, &mut self.partial);
        out.clear();
        partial.clear();
        *self = Link {
            out,
            partial,
            dirty,
            ..Link::new()
        };
    }
}
