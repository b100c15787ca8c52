//! A connection without a socket, for tests of the message core: the test says what arrives, how
//! much the network takes, and when it breaks; and it sees in which order the server read and wrote.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What the server did to a pipe, in the order in which it did it to all pipes of a test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Passed {
    /// It read these bytes.
    Read(Vec<u8>),
    /// It wrote these bytes.
    Wrote(Vec<u8>),
    /// It closed the connection.
    Closed,
}

/// What passed through all pipes of a test, with the pipe's number.
pub(crate) type PipeLog = Arc<Mutex<Vec<(usize, Passed)>>>;

/// Changes what the server writes, to plant faults.
pub(crate) type Mangle = fn(&[u8]) -> Vec<u8>;

/// Both ends of one connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    number: usize,
    log: PipeLog,
    state: Mutex<State>,
    mangle: Option<Mangle>,
}

#[derive(Debug, Default)]
struct State {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// How much may wait in `to_client`.
    room: usize,
    /// The client has closed its side.
    finished: bool,
    /// The connection is broken.
    broken: bool,
    /// The server has closed its side.
    closed: bool,
    /// Tasks of the server that wait.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    fn changed(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

impl Pipe {
    pub(crate) fn new(
        number: usize,
        room: usize,
        log: &PipeLog,
        mangle: Option<Mangle>,
    ) -> Arc<Self> {
        Arc::new(Self {
            number,
            log: Arc::clone(log),
            state: Mutex::new(State {
                room,
                ..State::default()
            }),
            mangle,
        })
    }

    /// Bytes arrive at the server.
    pub(crate) fn deliver(&self, bytes: impl IntoIterator<Item = u8>) {
        let mut state = self.state.lock();
        state.to_server.extend(bytes);
        state.changed();
    }

    /// Takes bytes on their way to the client.
    pub(crate) fn take(&self, count: usize) -> Vec<u8> {
        let mut state = self.state.lock();
        let count = count.min(state.to_client.len());
        let taken = state.to_client.drain(..count).collect();
        state.changed();
        taken
    }

    /// The client closes its side; what it sent before still arrives.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        state.finished = true;
        state.changed();
    }

    /// The connection breaks; what is on the way is lost.
    pub(crate) fn break_off(&self) {
        let mut state = self.state.lock();
        state.broken = true;
        state.to_server.clear();
        state.to_client.clear();
        state.changed();
    }

    /// Bytes that the server has not read.
    pub(crate) fn unread(&self) -> usize {
        self.state.lock().to_server.len()
    }

    /// Whether the server has closed its side.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if state.broken || state.finished || !state.to_server.is_empty() {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if state.broken || state.to_client.len() < state.room {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let count = buffer.len().min(state.to_server.len());
        if count == 0 && !state.finished {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = state.to_server.drain(..count).collect();
        buffer[..count].copy_from_slice(&bytes);
        self.log.lock().push((self.number, Passed::Read(bytes)));
        Ok(count)
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes
            .len()
            .min(state.room.saturating_sub(state.to_client.len()));
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = match self.mangle {
            Some(mangle) => mangle(&bytes[..count]),
            None => bytes[..count].to_vec(),
        };
        state.to_client.extend(&written);
        self.log.lock().push((self.number, Passed::Wrote(written)));
        Ok(count)
    }

    /// The server closes its side, by a word or by dropping its end.
    pub(crate) fn close(&self) {
        if !std::mem::replace(&mut self.state.lock().closed, true) {
            self.log.lock().push((self.number, Passed::Closed));
        }
    }
}

/// The server's end of a pipe, as a socket is its end of a connection.
#[derive(Debug)]
pub(crate) struct PipeEnd(Arc<Pipe>);

impl PipeEnd {
    pub(crate) fn of(pipe: &Arc<Pipe>) -> Self {
        Self(Arc::clone(pipe))
    }
}

impl std::ops::Deref for PipeEnd {
    type Target = Pipe;

    fn deref(&self) -> &Pipe {
        &self.0
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}
