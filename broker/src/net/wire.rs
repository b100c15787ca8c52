//! The transport under one MQTT connection: TCP, TLS over it, WebSocket over either.

use super::tcp::Tcp;
use std::io;
use tokio::net::TcpStream;

/// Moves bytes of MQTT, whatever is below. Its methods take `&self`: the connection's own task
/// reads, and whichever shard has output for it writes. All state that TLS and WebSocket need is
/// behind a mutex of its own.
#[derive(Debug)]
pub(crate) struct Wire {
    carrier: Carrier,
}

/// What carries the bytes.
#[derive(Debug)]
enum Carrier {
    Plain(Tcp),
}

impl Wire {
    /// MQTT straight over TCP.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self {
            carrier: Carrier::Plain(Tcp::new(stream)),
        }
    }

    /// Waits until `try_read` has something to say. Returns at once while decrypted or unframed
    /// bytes wait inside.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.readable().await,
        }
    }

    /// Waits until the socket takes bytes.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.writable().await,
        }
    }

    /// Reads MQTT bytes into `buffer`: 0 at the end of the stream (see `ended_cleanly`),
    /// `WouldBlock` when there is nothing yet. Answers TLS and WebSocket control traffic itself.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.try_read(buffer),
        }
    }

    /// Takes as much of `bytes` as it can, in one write where possible; `WouldBlock` when it
    /// takes nothing. TLS fills records to 16 KiB, WebSocket makes one binary frame of it. What
    /// was taken may wait inside for the socket: see `try_flush`.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.try_write(bytes),
        }
    }

    /// Writes what waits inside; `WouldBlock` when some of it still waits. Free for plain TCP.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Plain(_) => Ok(()),
        }
    }

    /// Whether the client closed the WebSocket with a Close frame, which AWS takes as
    /// client-initiated: the will is discarded.
    pub(crate) fn ended_cleanly(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(_) => false,
        }
    }

    /// Ends the connection in good order: WebSocket Close, TLS close_notify, FIN.
    pub(crate) async fn close(&self) {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.close().await,
        }
    }
}
