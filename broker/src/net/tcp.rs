//! A TCP socket as the wires use it: tries that never wait, and an orderly end.

use socket2::SockRef;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How long a client may take to read what is left and to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// How much of what still arrives is thrown away before the socket is closed under it.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// One connected socket. Anyone may write to it; one task at a time reads.
#[derive(Debug)]
pub(crate) struct Tcp {
    stream: TcpStream,
}

impl Tcp {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream }
    }

    /// The client's address and the one it connected to, while it is there.
    pub(crate) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        Some((
            self.stream.peer_addr().ok()?,
            self.stream.local_addr().ok()?,
        ))
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_read_ready(cx)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(cx)
    }

    /// Reads once. A short read took everything that there was, so that tokio is told at once
    /// that the socket is empty; the next `readable` then waits for the kernel's word instead of
    /// paying for a read that finds nothing. That is said from inside `try_io`, because what
    /// arrives after the read must not be forgotten.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let whole = self.stream.try_io(Interest::READABLE, || {
            let read = (&*SockRef::from(&self.stream)).read(buffer)?;
            if read == 0 || read == buffer.len() {
                return Ok(read);
            }
            short = Some(read);
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(whole, Ok)
    }

    /// Writes once.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes.len(), |mut socket| socket.write(bytes))
    }

    /// Writes pieces once, as if they stood together.
    pub(crate) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        self.put(length, |mut socket| socket.write_vectored(pieces))
    }

    /// A short write filled the socket: said to tokio as in `try_read`.
    fn put(
        &self,
        length: usize,
        write: impl FnOnce(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut short = None;
        let whole = self.stream.try_io(Interest::WRITABLE, || {
            let written = write(&SockRef::from(&self.stream))?;
            if written == length {
                return Ok(written);
            }
            short = Some(written);
            Err(ErrorKind::WouldBlock.into())
        });
        short.map_or(whole, Ok)
    }

    /// Sends FIN and waits a moment for the client's. Closing with bytes unread would send RST,
    /// and with it the client could lose the last packet that it was sent.
    pub(crate) async fn close(&self) {
        // Fails only on a connection that is gone.
        if SockRef::from(&self.stream)
            .shutdown(Shutdown::Write)
            .is_err()
        {
            return;
        }
        let drained = self.drain();
        // After the time limit the socket is closed as it is.
        let _ = tokio::time::timeout(LINGER, drained).await;
    }

    async fn drain(&self) {
        // Not an array: it would be part of every connection's future.
        let mut scrap = vec![0; 1024];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 && poll_fn(|cx| self.poll_readable(cx)).await.is_ok() {
            match self.try_read(&mut scrap) {
                Ok(0) => return,
                Ok(read) => left = left.saturating_sub(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
