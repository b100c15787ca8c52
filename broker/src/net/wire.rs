//! The transport under one MQTT connection: TCP, TLS over it, WebSocket over either.

#[cfg(test)]
use super::pipe::{Pipe, PipeEnd};
use super::tcp::Tcp;
use super::tls_wire::Tls;
use super::websocket::WebSocket;
use crate::budget::Budget;
use rustls::ServerConnection;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the last bytes may wait for the socket.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Moves bytes of MQTT, whatever is below. Its methods take `&self`: the connection's own task
/// reads, and whichever shard has output for it writes. All state that TLS and WebSocket need is
/// behind a mutex of its own.
#[derive(Debug)]
pub(crate) struct Wire {
    carrier: Carrier,
    websocket: Option<Box<WebSocket>>,
}

/// What carries the bytes of MQTT, or of WebSocket frames with MQTT in them.
#[derive(Debug)]
pub(crate) enum Carrier {
    Plain(Tcp),
    Tls(Box<Tls>),
    /// No socket at all: both ends are in the test's hands.
    #[cfg(test)]
    Pipe(PipeEnd),
}

impl Wire {
    /// MQTT over a pipe of a test.
    #[cfg(test)]
    pub(crate) fn pipe(pipe: &Arc<Pipe>) -> Self {
        Self {
            carrier: Carrier::Pipe(PipeEnd::of(pipe)),
            websocket: None,
        }
    }

    /// MQTT straight over TCP.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self {
            carrier: Carrier::Plain(Tcp::new(stream)),
            websocket: None,
        }
    }

    /// MQTT over TLS whose handshake is done.
    pub(crate) fn tls(
        stream: TcpStream,
        connection: ServerConnection,
        budget: &Arc<Budget>,
    ) -> Self {
        Self {
            carrier: Carrier::Tls(Box::new(Tls::new(stream, connection, budget))),
            websocket: None,
        }
    }

    /// MQTT in WebSocket frames over this wire; `ahead` came with the upgrade request.
    pub(crate) fn with_websocket(mut self, ahead: Vec<u8>, budget: &Arc<Budget>) -> Self {
        self.websocket = Some(Box::new(WebSocket::new(ahead, budget)));
        self
    }

    /// Whether `try_read` has something to say. Ready at once while decrypted or unframed bytes
    /// wait inside. Wakes the task that asked last.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.websocket.as_ref().is_some_and(|ws| ws.has_more()) {
            return Poll::Ready(Ok(()));
        }
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.poll_readable(cx),
            Carrier::Tls(tls) => tls.poll_readable(cx),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.poll_readable(cx),
        }
    }

    /// Whether the socket takes bytes. Wakes the task that asked last.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.poll_writable(cx),
            Carrier::Tls(tls) => tls.tcp().poll_writable(cx),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.poll_writable(cx),
        }
    }

    /// Waits until `try_read` has something to say.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until the socket takes bytes.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Reads MQTT bytes into `buffer`: 0 at the end of the stream (see `ended_cleanly`),
    /// `WouldBlock` when there is nothing yet. Answers TLS and WebSocket control traffic itself.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.websocket {
            Some(websocket) => websocket.try_read(&self.carrier, buffer),
            None => self.carrier.try_read(buffer),
        }
    }

    /// Takes as much of `bytes` as it can, in one write where possible; `WouldBlock` when it
    /// takes nothing. TLS fills records to 16 KiB, WebSocket makes a binary frame of each
    /// packet. What was taken may wait inside for the socket: see `try_flush`.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.websocket {
            Some(websocket) => websocket.try_write(&self.carrier, bytes),
            None => self.carrier.try_write(bytes),
        }
    }

    /// Writes what waits inside; `WouldBlock` when some of it still waits. Free for plain TCP.
    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match &self.websocket {
            Some(websocket) => websocket.try_flush(&self.carrier),
            None => self.carrier.try_flush(),
        }
    }

    /// The client's address and the one it connected to, while it is there.
    pub(crate) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.addresses(),
            Carrier::Tls(tls) => tls.tcp().addresses(),
            #[cfg(test)]
            Carrier::Pipe(_) => None,
        }
    }

    /// Whether the client closed the WebSocket with a Close frame, which AWS takes as
    /// client-initiated: the will is discarded.
    pub(crate) fn ended_cleanly(&self) -> bool {
        self.websocket.as_ref().is_some_and(|ws| ws.ended_cleanly())
    }

    /// Whether nothing comes behind MQTT's last packet; TLS and WebSocket have last words of
    /// their own.
    pub(crate) fn ends_with_mqtt(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(_) => self.websocket.is_none(),
            Carrier::Tls(_) => false,
            #[cfg(test)]
            Carrier::Pipe(_) => true,
        }
    }

    /// Ends the connection in good order: WebSocket Close, TLS close_notify, FIN.
    pub(crate) async fn close(&self) {
        let last_words = async {
            if let Some(websocket) = &self.websocket {
                websocket.say_goodbye(&self.carrier);
                self.flush().await?;
            }
            if let Carrier::Tls(tls) = &self.carrier {
                tls.say_goodbye();
            }
            self.flush().await
        };
        // A client that does not read them is closed as it is.
        let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
        match &self.carrier {
            Carrier::Plain(tcp) => tcp.close().await,
            Carrier::Tls(tls) => tls.tcp().close().await,
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.close(),
        }
    }

    async fn flush(&self) -> io::Result<()> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable().await?,
                outcome => return outcome,
            }
        }
    }
}

impl Carrier {
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Carrier::Plain(tcp) => tcp.try_read(buffer),
            Carrier::Tls(tls) => tls.try_read(buffer),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.try_read(buffer),
        }
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Carrier::Plain(tcp) => tcp.try_write(bytes),
            Carrier::Tls(tls) => tls.try_write(bytes),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.try_write(bytes),
        }
    }

    pub(crate) fn try_flush(&self) -> io::Result<()> {
        match self {
            Carrier::Plain(_) => Ok(()),
            Carrier::Tls(tls) => tls.try_flush(),
            #[cfg(test)]
            Carrier::Pipe(_) => Ok(()),
        }
    }
}
