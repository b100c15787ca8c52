//! The round: wait for events, handle them all, then write what they brought about.

use super::endpoint::Endpoint;
use super::error::NetError;
use super::link::{Handler, Link, LinkId, Stage};
use super::timer::Timer;
use super::tls::decrypt;
use super::transfer::{flush, read};
use super::websocket::WebSocket;
use crate::measure::Clock;
use crate::wire::next_packet;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::Duration;

/// One read takes so much; many messages come out of one system call.
const READ_BYTES: usize = 256 * 1024;
const EVENTS_MAX: usize = 1024;
const TIMER: Token = Token(usize::MAX);

/// How long to wait for events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// About so long; counted in milliseconds.
    Coarse(Duration),
    /// Until this time of the run, to the microsecond.
    Until(u64),
}

/// All connections of a run.
pub(crate) struct Net {
    endpoint: Endpoint,
    pub(crate) clock: Clock,
    poll: Poll,
    events: Events,
    timer: Timer,
    links: Vec<Link>,
    dirty: Vec<LinkId>,
    /// What came from a socket, what TLS made of it, and what WebSocket made of that.
    raw: Vec<u8>,
    plain: Vec<u8>,
    unframed: Vec<u8>,
    connects: usize,
}

impl Net {
    pub(crate) fn new(endpoint: Endpoint, clock: Clock) -> Result<Self, NetError> {
        Ok(Net {
            endpoint,
            clock,
            poll: Poll::new().map_err(NetError::Poll)?,
            events: Events::with_capacity(EVENTS_MAX),
            timer: Timer::new().map_err(NetError::Poll)?,
            links: Vec::new(),
            dirty: Vec::new(),
            raw: vec![0; READ_BYTES],
            plain: Vec::new(),
            unframed: Vec::new(),
            connects: 0,
        })
    }

    /// A place for one more connection.
    pub(crate) fn add_link(&mut self) -> LinkId {
        self.links.push(Link::new());
        self.links.len() - 1
    }

    /// Begins to connect; `Handler::opened` follows.
    pub(crate) fn open(&mut self, id: LinkId) -> Result<(), NetError> {
        let address = self.endpoint.address;
        let (nth, links) = (self.connects, self.links.len());
        let failed = |error| NetError::connecting(error, address, nth, links);
        let mut stream = self.endpoint.connect(nth).map_err(failed)?;
        self.connects += 1;
        // Edge-triggered: nothing has to be armed or disarmed when output is held back.
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry
            .register(&mut stream, Token(id), interest)
            .map_err(NetError::Poll)?;
        let link = &mut self.links[id];
        link.reset();
        if let Some((config, name)) = &self.endpoint.transport.tls {
            let mut tls = rustls::ClientConnection::new(config.clone(), name.clone())
                .map_err(|error| NetError::tls(&error))?;
            tls.set_buffer_limit(None);
            link.tls = Some(Box::new(tls));
        }
        if let Some((host, path)) = &self.endpoint.transport.websocket {
            let websocket = WebSocket::new();
            let request = websocket.request(host, path);
            link.frames.extend_from_slice(request.as_bytes());
            link.websocket = Some(Box::new(websocket));
        }
        link.stream = Some(stream);
        link.stage = Stage::Connecting;
        link.opened_at_ns = self.clock.now_ns();
        Ok(())
    }

    pub(crate) fn close(&mut self, id: LinkId) {
        self.links[id].reset();
    }

    /// When the connection was begun.
    pub(crate) fn opened_at_ns(&self, id: LinkId) -> u64 {
        self.links[id].opened_at_ns
    }

    /// A connection's output, which goes out at the end of the round.
    #[inline]
    pub(crate) fn out(&mut self, id: LinkId) -> &mut Vec<u8> {
        let link = &mut self.links[id];
        if !link.dirty {
            link.dirty = true;
            self.dirty.push(id);
        }
        &mut link.out
    }

    /// Bytes that a connection has yet to send, or none if the kernel takes no more of it.
    #[inline]
    pub(crate) fn unsent(&self, id: LinkId) -> Option<usize> {
        let link = &self.links[id];
        (!link.blocked).then_some(link.out.len())
    }

    /// Reads the connection no more, until `resume`.
    pub(crate) fn pause(&mut self, id: LinkId) {
        self.links[id].paused = true;
    }

    /// Reads a paused connection again, beginning with what has gathered.
    pub(crate) fn resume<H: Handler>(&mut self, handler: &mut H, id: LinkId) {
        self.links[id].paused = false;
        self.receive(handler, id, true);
    }

    /// Writes all output that there is.
    pub(crate) fn flush<H: Handler>(&mut self, handler: &mut H) {
        let mut list = std::mem::take(&mut self.dirty);
        for &id in &list {
            self.links[id].dirty = false;
            if self.links[id].stage != Stage::Open {
                continue;
            }
            match flush(&mut self.links[id]) {
                Ok(true) => handler.drained(self, id),
                Ok(false) => {}
                Err(error) => self.lose(handler, id, error),
            }
        }
        list.clear();
        // `drained` may have written more; that goes out with the next round.
        list.append(&mut self.dirty);
        self.dirty = list;
    }

    /// Waits for events, handles them, and writes what they brought about.
    pub(crate) fn round<H: Handler>(
        &mut self,
        handler: &mut H,
        wait: Wait,
    ) -> Result<(), NetError> {
        self.flush(handler);
        let timeout = if self.dirty.is_empty() {
            self.timeout(wait).map_err(NetError::Poll)?
        } else {
            Duration::ZERO
        };
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(NetError::Poll(error)),
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            if event.token() != TIMER {
                self.event(handler, event);
            }
        }
        self.events = events;
        Ok(())
    }

    fn timeout(&mut self, wait: Wait) -> io::Result<Duration> {
        match wait {
            Wait::Coarse(timeout) => Ok(timeout),
            Wait::Until(at_ns) => match at_ns.saturating_sub(self.clock.now_ns()) {
                0 => Ok(Duration::ZERO),
                left => {
                    let left = Duration::from_nanos(left);
                    self.timer.arm(self.poll.registry(), TIMER, left)
                }
            },
        }
    }

    fn event<H: Handler>(&mut self, handler: &mut H, event: &Event) {
        let id = event.token().0;
        if self.links[id].stage == Stage::Connecting && !self.establish(handler, id) {
            return;
        }
        let link = &mut self.links[id];
        if event.is_writable() && link.blocked && !link.dirty {
            link.dirty = true;
            self.dirty.push(id);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.receive(handler, id, event.is_read_closed() || event.is_error());
        }
    }

    /// Finds out whether a connection stands now.
    fn establish<H: Handler>(&mut self, handler: &mut H, id: LinkId) -> bool {
        let Some(stream) = &self.links[id].stream else {
            return false;
        };
        if let Ok(Some(error)) | Err(error) = stream.take_error() {
            let error = NetError::connecting(
                error,
                self.endpoint.address,
                self.connects,
                self.links.len(),
            );
            self.lose(handler, id, error);
            return false;
        }
        if stream.peer_addr().is_err() {
            // An event from before.
            return false;
        }
        self.links[id].stage = Stage::Open;
        // Even without CONNECT there is a handshake to send.
        self.out(id);
        handler.opened(self, id);
        true
    }

    /// Reads until a read comes back short; to the very end if the broker has `ended` its side.
    fn receive<H: Handler>(&mut self, handler: &mut H, id: LinkId, ended: bool) {
        let mut raw = std::mem::take(&mut self.raw);
        loop {
            if self.links[id].stage != Stage::Open || self.links[id].paused {
                break;
            }
            match read(&mut self.links[id], &mut raw) {
                Ok(None) => break,
                Ok(Some(filled)) => {
                    let short = filled < raw.len();
                    if let Err(error) = self.take(handler, id, &raw[..filled]) {
                        self.lose(handler, id, error);
                    }
                    if short && !ended {
                        break;
                    }
                }
                Err(error) => self.lose(handler, id, error),
            }
        }
        self.raw = raw;
    }

    /// Makes packets of what was read.
    fn take<H: Handler>(
        &mut self,
        handler: &mut H,
        id: LinkId,
        bytes: &[u8],
    ) -> Result<(), NetError> {
        let now_ns = self.clock.now_ns();
        let link = &mut self.links[id];
        if link.tls.is_none() && link.websocket.is_none() {
            return self.packets(handler, id, bytes, now_ns);
        }
        let mut plain = std::mem::take(&mut self.plain);
        let mut unframed = std::mem::take(&mut self.unframed);
        plain.clear();
        unframed.clear();
        let taken = self.unwrap_layers(id, bytes, &mut plain, &mut unframed);
        let mqtt = if self.links[id].websocket.is_some() {
            &unframed
        } else {
            &plain
        };
        let taken = taken.and_then(|()| self.packets(handler, id, mqtt, now_ns));
        self.plain = plain;
        self.unframed = unframed;
        taken
    }

    fn unwrap_layers(
        &mut self,
        id: LinkId,
        bytes: &[u8],
        plain: &mut Vec<u8>,
        unframed: &mut Vec<u8>,
    ) -> Result<(), NetError> {
        let link = &mut self.links[id];
        let mut answers = false;
        let bytes = match &mut link.tls {
            None => bytes,
            Some(tls) => {
                if link.websocket.is_none() {
                    plain.append(&mut link.partial);
                }
                let handshaking = tls.is_handshaking();
                let decrypted = decrypt(tls, bytes, plain);
                answers |= handshaking || tls.wants_write();
                if decrypted.is_err() {
                    // Our alert tells the broker why.
                    let _ = flush(link);
                }
                decrypted?;
                plain
            }
        };
        let link = &mut self.links[id];
        if let Some(websocket) = &mut link.websocket {
            unframed.append(&mut link.partial);
            let opening = !websocket.is_open();
            websocket.take(bytes, unframed, &mut link.frames)?;
            answers |= opening || !link.frames.is_empty();
        }
        if answers {
            self.out(id);
        }
        Ok(())
    }

    #[inline]
    fn packets<H: Handler>(
        &mut self,
        handler: &mut H,
        id: LinkId,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<(), NetError> {
        let version = self.endpoint.version;
        let mut rest = bytes;
        while let Some((packet, used)) = next_packet(rest, version)? {
            handler.packet(self, id, packet, now_ns);
            if self.links[id].stage != Stage::Open {
                return Ok(());
            }
            rest = &rest[used..];
        }
        if !rest.is_empty() {
            self.links[id].partial.extend_from_slice(rest);
        }
        Ok(())
    }

    fn lose<H: Handler>(&mut self, handler: &mut H, id: LinkId, why: NetError) {
        if self.links[id].stage != Stage::Closed {
            self.links[id].reset();
            handler.closed(self, id, why);
        }
    }
}
