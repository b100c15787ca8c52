//! The frames of one connection: what waits to be written, what was read ahead, and its end.

use super::frame::{CONTROL_BYTES_MAX, Decoder, End, Head, Opcode};
use super::packets::Packets;
use crate::budget::{Budget, Held};
use crate::net::wire::Carrier;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Bytes of MQTT in one write.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// Beyond this, a client that reads nothing gets no more answers to its Pings.
const WAITING_BYTES_MAX: usize = WRITE_BYTES_MAX + 16 * CONTROL_BYTES_MAX;

/// How often a client may send control frames alone before others get their turn.
const EMPTY_READS_MAX: usize = 4;

thread_local! {
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The WebSocket between a carrier and MQTT. Reading and writing have a mutex each; one that
/// reads may take the other, never the other way round.
#[derive(Debug)]
pub(crate) struct WebSocket {
    reading: Mutex<Reading>,
    writing: Mutex<Writing>,
}

#[derive(Debug)]
struct Reading {
    decoder: Decoder,
    /// What came behind the upgrade request.
    ahead: Vec<u8>,
    end: Option<Ended>,
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    ByCarrier,
    ByFrame(End),
}

#[derive(Debug)]
struct Writing {
    waiting: Vec<u8>,
    /// The memory of `waiting`.
    held: Held,
    /// How much of `waiting` is written.
    written: usize,
    packets: Packets,
    closed: bool,
}

impl WebSocket {
    /// A WebSocket behind its handshake; `ahead` came together with the request.
    pub(crate) fn new(ahead: Vec<u8>, budget: &Arc<Budget>) -> Self {
        Self {
            reading: Mutex::new(Reading {
                decoder: Decoder::new(),
                ahead,
                end: None,
            }),
            writing: Mutex::new(Writing {
                waiting: Vec::new(),
                held: Held::new(budget),
                written: 0,
                packets: Packets::default(),
                closed: false,
            }),
        }
    }

    /// Whether a read may find something without the carrier.
    pub(crate) fn has_more(&self) -> bool {
        let reading = self.reading.lock();
        !reading.ahead.is_empty() || reading.end.is_some()
    }

    pub(crate) fn try_read(&self, carrier: &Carrier, buffer: &mut [u8]) -> io::Result<usize> {
        let mut reading = self.reading.lock();
        for _ in 0..EMPTY_READS_MAX {
            if let Some(end) = reading.end {
                return end.outcome();
            }
            let received = match reading.read_ahead(buffer) {
                0 => carrier.try_read(buffer)?,
                ahead => ahead,
            };
            if received == 0 {
                reading.end = Some(Ended::ByCarrier);
                continue;
            }
            let decoded = reading.decoder.decode(&mut buffer[..received], |payload| {
                self.writing.lock().answer(carrier, Opcode::Pong, payload);
            });
            if let Some(end) = decoded.end {
                reading.end = Some(Ended::ByFrame(end));
                self.answer_end(carrier, end);
            }
            if decoded.payload_bytes > 0 {
                return Ok(decoded.payload_bytes);
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    fn answer_end(&self, carrier: &Carrier, end: End) {
        let code = match end {
            End::Closed(code) => code,
            End::Violation(violation) => Some(violation.code),
        };
        self.writing.lock().close(carrier, code);
    }

    /// Frames what one write may hold, each packet by itself. Frames that have begun are taken
    /// whole, since their length has been said.
    pub(crate) fn try_write(&self, carrier: &Carrier, bytes: &[u8]) -> io::Result<usize> {
        let mut writing = self.writing.lock();
        writing.flush(carrier)?;
        if writing.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let bytes = &bytes[..bytes.len().min(WRITE_BYTES_MAX)];
        FRAMES.with_borrow_mut(|frames| {
            frames.clear();
            let mut packets = writing.packets;
            for piece in packets.pieces(bytes) {
                frames.extend_from_slice(Head::new(Opcode::Binary, piece.len()).as_bytes());
                frames.extend_from_slice(piece);
            }
            let written = carrier.try_write(frames)?;
            writing.packets = packets;
            writing.keep(&frames[written..]);
            io::Result::Ok(())
        })?;
        writing.flush_some(carrier)?;
        Ok(bytes.len())
    }

    pub(crate) fn try_flush(&self, carrier: &Carrier) -> io::Result<()> {
        self.writing.lock().flush(carrier)
    }

    pub(crate) fn ended_cleanly(&self) -> bool {
        let end = self.reading.lock().end;
        matches!(end, Some(Ended::ByFrame(End::Closed(_))))
    }

    /// Makes Close the last frame, unless it has been sent.
    pub(crate) fn say_goodbye(&self, carrier: &Carrier) {
        self.writing.lock().close(carrier, Some(1000));
    }
}

impl Reading {
    fn read_ahead(&mut self, buffer: &mut [u8]) -> usize {
        let length = self.ahead.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.ahead[..length]);
        self.ahead.drain(..length);
        if self.ahead.is_empty() {
            self.ahead = Vec::new();
        }
        length
    }
}

impl Ended {
    fn outcome(self) -> io::Result<usize> {
        match self {
            Ended::ByCarrier | Ended::ByFrame(End::Closed(_)) => Ok(0),
            Ended::ByFrame(End::Violation(violation)) => {
                Err(io::Error::new(ErrorKind::InvalidData, violation))
            }
        }
    }
}

impl Writing {
    fn keep(&mut self, bytes: &[u8]) {
        // What is written does not add up while a slow client goes on asking.
        self.waiting.drain(..self.written);
        self.written = 0;
        self.waiting.extend_from_slice(bytes);
        self.held.buffer(self.waiting.capacity());
    }

    /// Sends a control frame, or keeps it for the next flush; a failing carrier is seen by
    /// whoever reads or writes next.
    fn answer(&mut self, carrier: &Carrier, opcode: Opcode, payload: &[u8]) {
        if self.closed || self.waiting.len() - self.written > WAITING_BYTES_MAX {
            return;
        }
        self.keep(Head::new(opcode, payload.len()).as_bytes());
        self.keep(payload);
        // See above.
        let _ = self.flush_some(carrier);
    }

    fn close(&mut self, carrier: &Carrier, code: Option<u16>) {
        if self.closed {
            return;
        }
        match code {
            Some(code) => self.answer(carrier, Opcode::Close, &code.to_be_bytes()),
            None => self.answer(carrier, Opcode::Close, &[]),
        }
        self.closed = true;
    }

    fn flush(&mut self, carrier: &Carrier) -> io::Result<()> {
        while self.written < self.waiting.len() {
            self.written += carrier.try_write(&self.waiting[self.written..])?;
        }
        if !self.waiting.is_empty() {
            // Nothing is kept for a connection with nothing to say.
            self.waiting = Vec::new();
            self.held.buffer(0);
            self.written = 0;
        }
        carrier.try_flush()
    }

    fn flush_some(&mut self, carrier: &Carrier) -> io::Result<()> {
        match self.flush(carrier) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }
}
