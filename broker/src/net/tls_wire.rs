//! TLS over a socket, once the handshake is done.

use super::tcp::Tcp;
use crate::budget::{Budget, Held};
use parking_lot::Mutex;
use rustls::ServerConnection;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// How much ciphertext is read at a time, into a buffer that the connections of a thread share.
const READ_BYTES: usize = 64 * 1024;

/// How much ciphertext of one connection may wait for its socket.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// How often a client may send records without content before others get their turn.
const EMPTY_READS_MAX: usize = 4;

thread_local! {
    static CIPHERTEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One TLS connection. It owns no buffer beyond what rustls keeps while nothing waits.
#[derive(Debug)]
pub(crate) struct Tls {
    tcp: Tcp,
    session: Mutex<Session>,
}

impl Tls {
    /// Takes over a connection behind its handshake.
    pub(crate) fn new(
        stream: TcpStream,
        mut connection: ServerConnection,
        budget: &Arc<Budget>,
    ) -> Self {
        connection.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        Self {
            tcp: Tcp::new(stream),
            session: Mutex::new(Session {
                connection,
                unread: Vec::new(),
                // The handshake may have read more than it needed.
                more: true,
                ended: false,
                failed: None,
                held: Held::new(budget),
            }),
        }
    }

    pub(crate) fn tcp(&self) -> &Tcp {
        &self.tcp
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.lock().more {
            return Poll::Ready(Ok(()));
        }
        self.tcp.poll_readable(cx)
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(read) = self.session.lock().read_waiting(buffer)? {
            return Ok(read);
        }
        CIPHERTEXT.with_borrow_mut(|ciphertext| {
            ciphertext.resize(READ_BYTES, 0);
            for _ in 0..EMPTY_READS_MAX {
                let received = self.tcp.try_read(ciphertext)?;
                let mut session = self.session.lock();
                let outcome = session.receive(&ciphertext[..received], buffer);
                // Alerts and key updates; what the socket does not take waits for the next write.
                match session.flush(&self.tcp) {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                    Ok(()) | Err(_) => {}
                }
                if let Some(read) = outcome? {
                    return Ok(read);
                }
            }
            Err(ErrorKind::WouldBlock.into())
        })
    }

    /// Seals as much as may wait, and writes it.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        session.flush(&self.tcp)?;
        let taken = session.connection.writer().write(bytes)?;
        match session.flush(&self.tcp) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(taken),
        }
    }

    pub(crate) fn try_flush(&self) -> io::Result<()> {
        self.session.lock().flush(&self.tcp)
    }

    /// Makes close_notify the last thing that waits.
    pub(crate) fn say_goodbye(&self) {
        self.session.lock().connection.send_close_notify();
    }
}

#[derive(Debug)]
struct Session {
    connection: ServerConnection,
    /// Ciphertext that was read and found no room.
    unread: Vec<u8>,
    /// Whether a read may find something without the socket.
    more: bool,
    /// TCP has ended.
    ended: bool,
    /// The client broke the protocol.
    failed: Option<rustls::Error>,
    /// The memory of what is not read and of what is not sent.
    held: Held,
}

impl Session {
    /// Reads what was received before; `None` if there is nothing.
    fn read_waiting(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.more {
            return Ok(None);
        }
        let unread = std::mem::take(&mut self.unread);
        self.decrypt(&unread, buffer)
    }

    /// Takes what one read of the socket gave, nothing at its end.
    fn receive(&mut self, ciphertext: &[u8], buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.ended = ciphertext.is_empty();
        self.decrypt(ciphertext, buffer)
    }

    /// Decrypts into `buffer`. What finds no room there is kept for the next call; rustls holds
    /// one record at most, the rest stays sealed.
    fn decrypt(&mut self, mut ciphertext: &[u8], buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut filled = 0;
        let closed = loop {
            let closed = self.read_plaintext(buffer, &mut filled);
            if filled == buffer.len() || closed || ciphertext.is_empty() || self.failed.is_some() {
                break closed;
            }
            self.connection.read_tls(&mut ciphertext)?;
            self.failed = self.connection.process_new_packets().err();
        };
        self.unread = ciphertext.to_vec();
        self.count();
        let end = closed || self.ended || self.failed.is_some();
        self.more = end || filled == buffer.len();
        match &self.failed {
            _ if filled > 0 => Ok(Some(filled)),
            Some(error) => Err(io::Error::new(ErrorKind::InvalidData, error.clone())),
            None => Ok(end.then_some(0)),
        }
    }

    /// Moves decrypted bytes behind `filled`; true at the end that close_notify announces.
    fn read_plaintext(&mut self, buffer: &mut [u8], filled: &mut usize) -> bool {
        while *filled < buffer.len() {
            // WouldBlock, or the end of TCP without close_notify, which is seen elsewhere.
            let Ok(read) = self.connection.reader().read(&mut buffer[*filled..]) else {
                return false;
            };
            if read == 0 {
                return true;
            }
            *filled += read;
        }
        false
    }

    fn flush(&mut self, tcp: &Tcp) -> io::Result<()> {
        let mut flushed = Ok(());
        while self.connection.wants_write() && flushed.is_ok() {
            flushed = self.connection.write_tls(&mut Socket(tcp)).map(drop);
        }
        self.count();
        flushed
    }

    /// rustls does not say how much waits in it, but no more than it may.
    fn count(&mut self) {
        let unsent = self.connection.wants_write();
        let unsent = if unsent { UNSENT_BYTES_MAX } else { 0 };
        self.held.buffer(self.unread.capacity() + unsent);
    }
}

/// The socket as rustls writes to it.
struct Socket<'a>(&'a Tcp);

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
