//! One connection from its first packet to its last: the shell around the session, which reads
//! packets and acts on them in place.

mod accept;
mod ask;
mod limits;
mod packets;
mod publish;
mod subscribe;

use super::end::End;
use super::events::Visit;
use super::link::Link;
use super::publication::Publication;
use super::session::Session;
use super::will::StoredWill;
use super::{Hub, TapEvent, deliver, flush};
use crate::auth::Guard;
use crate::budget::{BUFFER_BYTES_COUNTED, Budget, Claim, Held};
use crate::net::{Arrival, Wire};
use mqtt::codec::{self, ReasonCode, Version, frame};
use publish::Topics;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Time for a client to send its CONNECT.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A CONNECT of more bytes is not read: whoever sends it is not known yet. Texts and will take up to
/// 64 KiB each.
const CONNECT_BYTES_MAX: usize = 512 * 1024;

/// Longest pause of a publisher whose receiver cannot keep up.
const PRESSURE_TIME: Duration = Duration::from_millis(5);

/// Time for the last packet to reach a client.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// What an MQTT 5 client is told when there is nowhere to keep what it sends.
const NO_MEMORY: &str = "the server has no memory for it now";

/// Bytes read at once before there is a session.
const FIRST_BYTES: usize = 4096;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// What a shard reads into; a connection keeps no buffer of its own but for a partial packet.
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the connection's task alone knows.
struct Connection {
    hub: Arc<Hub>,
    session: Arc<Session>,
    link: Arc<Link>,
    guard: Arc<Guard>,
    version: Version,
    will: Option<Box<StoredWill>>,
    /// Whether the CONNECT asked for a session that stays: a DISCONNECT may not ask for one later
    /// (MQTT 5.0 [3.14.2.2.2]).
    stays: bool,
    topics: Topics,
    visit: Visit,
    /// The first bytes of a packet that is not whole yet.
    partial: Vec<u8>,
    /// The memory of `partial`.
    held: Held,
    now_ms: u64,
    /// How long the client is not read, for the sake of a quota.
    pause: Option<Duration>,
}

/// Speaks MQTT with a client until it is gone. What begins and ends a connection has room of its
/// own, which is given back: a future is as large as the largest thing that it ever waits in.
pub(super) fn serve(hub: Arc<Hub>, arrival: Arrival) -> impl Future<Output = ()> + Send {
    let beginning = Box::pin(begin(hub, arrival));
    async move {
        if let Some(mut connection) = beginning.await {
            let end = connection.live().await;
            connection.last_words(&end);
            connection.gone(&end);
            if !connection.is_over(&end) {
                Box::pin(connection.close()).await;
            }
        }
    }
}

/// Waits for the CONNECT; `None` when it is refused or does not come.
async fn begin(hub: Arc<Hub>, mut arrival: Arrival) -> Option<Box<Connection>> {
    let clock = Arc::clone(&hub.clock);
    flush::ensure(move || clock.now_ms());
    let mut first = Vec::new();
    let bytes_max = hub.profile.packet_bytes.min(CONNECT_BYTES_MAX);
    let whole = first_packet(&arrival.wire, &mut first, bytes_max, &hub.budget);
    match tokio::time::timeout(CONNECT_TIME, whole).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => {
            tracing::debug!(peer = %arrival.peer.address, "no CONNECT came");
            arrival.wire.close().await;
            return None;
        }
    }
    ask::ask_authorizer(&hub, &mut arrival, &first).await;
    match accept::accept(&hub, arrival, &first) {
        Ok((mut connection, used)) => {
            first.drain(..used);
            first.shrink_to_fit();
            connection.partial = first;
            Some(connection)
        }
        Err(refusal) => {
            refusal.answer().await;
            None
        }
    }
}

/// Reads until the first packet is whole, or cannot become one: `accept` says what is wrong.
async fn first_packet(
    wire: &Wire,
    bytes: &mut Vec<u8>,
    bytes_max: usize,
    budget: &Arc<Budget>,
) -> io::Result<()> {
    let mut held = Held::new(budget);
    loop {
        wire.readable().await?;
        let mut buffer = READ.take();
        buffer.resize(READ_BYTES * 2, 0);
        let read = wire.try_read(&mut buffer[..FIRST_BYTES]);
        bytes.extend_from_slice(&buffer[..*read.as_ref().unwrap_or(&0)]);
        READ.set(buffer);
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => continue,
            Err(why) => return Err(why),
        }
        held.buffer(bytes.capacity());
        if bytes.capacity() >= BUFFER_BYTES_COUNTED && budget.refuses(Claim::Packet) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // A first packet that is no CONNECT is refused before it is whole.
        let is_connect = bytes[0] >> 4 == 1;
        if !is_connect || !matches!(frame(bytes, bytes_max), Ok(None)) {
            return Ok(());
        }
    }
}

/// What a connection waits for.
enum Event {
    /// Output is blocked, or the connection is to end.
    Woken,
    /// The socket, which was full, takes bytes again.
    Writable,
    Readable,
    /// The socket cannot be watched any more.
    Lost,
}

/// Waits for what comes first. A client whose output is full is not read ([MQTT] knows no other
/// brake). The socket keeps who waits for it, so that an idle connection's future is small.
async fn next(link: &Link, blocked: bool) -> Event {
    let mut woken = pin!(link.wake.notified());
    poll_fn(|cx| {
        if woken.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Event::Woken);
        }
        let (ready, event) = if blocked {
            (link.wire.poll_writable(cx), Event::Writable)
        } else {
            (link.wire.poll_readable(cx), Event::Readable)
        };
        ready.map(|ready| ready.map_or(Event::Lost, |()| event))
    })
    .await
}

/// Waits a little for a receiver that has got more than it can take.
async fn yield_to(slow: &Session) {
    if let Some(link) = slow.link() {
        // Time up or drained: either way it goes on.
        let _ = tokio::time::timeout(PRESSURE_TIME, link.drained.notified()).await;
    }
}

/// Waits for as long as the client has sent too much for; it may be ended meanwhile.
async fn rest(link: &Link, pause: Duration) -> Option<End> {
    let woken = tokio::time::timeout(pause, link.wake.notified()).await;
    woken.ok().and_then(|()| link.ended())
}

impl Connection {
    /// Whether nothing is left to say or to come, so that the socket can be closed at once.
    fn is_over(&self, end: &End) -> bool {
        match end {
            End::ConnectionLost => true,
            End::Client { .. } => self.link.wire.ends_with_mqtt(),
            End::DuplicateClientId
            | End::KeepAliveTimeout
            | End::ClientError { .. }
            | End::AuthError
            | End::Forbidden
            | End::CustomAuthExpired
            | End::Api { .. }
            | End::WebSocketLifetime
            | End::Server(_) => false,
        }
    }

    /// The client may take its time to close its side; its session does not wait for that.
    async fn close(&self) {
        let closing = self.link.wire.close();
        let _ = tokio::time::timeout(LAST_WORDS_TIME, closing).await;
    }

    /// Reads and writes until there is a reason to end.
    async fn live(&mut self) -> End {
        // What came behind the CONNECT in its segment.
        if !self.partial.is_empty()
            && let ControlFlow::Break(end) = self.take_partial()
        {
            return end;
        }
        flush::settle(self.now_ms);
        let link = Arc::clone(&self.link);
        loop {
            let blocked = self.session.look(super::outbox::Outbox::is_blocked);
            match next(&link, blocked).await {
                Event::Woken => {
                    if let Some(end) = link.ended() {
                        return end;
                    }
                }
                Event::Writable => self.session.unblock(self.hub.now_ms()),
                Event::Readable => {
                    if let ControlFlow::Break(end) = self.read() {
                        return end;
                    }
                    if let Some(pause) = self.pause.take()
                        && let Some(end) = Box::pin(rest(&link, pause)).await
                    {
                        return end;
                    }
                    if let Some(slow) = deliver::take_pressure() {
                        Box::pin(yield_to(&slow)).await;
                    }
                    self.hub.yield_to_disk(&link).await;
                }
                Event::Lost => return End::ConnectionLost,
            }
        }
    }

    /// One read and what is in it.
    fn read(&mut self) -> ControlFlow<End> {
        let mut buffer = READ.take();
        let held = self.partial.len();
        // A packet larger than the shard's buffer grows in the connection's own.
        let flow = if held > READ_BYTES {
            self.read_more()
        } else {
            buffer.resize(READ_BYTES * 2, 0);
            buffer[..held].copy_from_slice(&self.partial);
            self.read_into(&mut buffer, held)
        };
        READ.set(buffer);
        flush::settle(self.now_ms);
        flow
    }

    fn read_into(&mut self, buffer: &mut [u8], held: usize) -> ControlFlow<End> {
        let Some(read) = self.read_bytes(&mut buffer[held..held + READ_BYTES])? else {
            return ControlFlow::Continue(());
        };
        let bytes = &buffer[..held + read];
        let used = self.packets(bytes)?;
        self.partial.clear();
        if used == bytes.len() {
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(&bytes[used..]);
        }
        self.count_partial()
    }

    fn read_more(&mut self) -> ControlFlow<End> {
        let mut bytes = std::mem::take(&mut self.partial);
        let held = bytes.len();
        bytes.resize(held + READ_BYTES, 0);
        let read = self.read_bytes(&mut bytes[held..])?;
        bytes.truncate(held + read.unwrap_or(0));
        self.partial = bytes;
        self.take_partial()
    }

    /// Works through the packets that are whole in `partial`.
    fn take_partial(&mut self) -> ControlFlow<End> {
        let mut bytes = std::mem::take(&mut self.partial);
        let used = self.packets(&bytes)?;
        bytes.drain(..used);
        self.partial = bytes;
        self.count_partial()
    }

    /// Counts the memory of a packet that is not whole yet. One that is not small is not waited for
    /// while there is none.
    fn count_partial(&mut self) -> ControlFlow<End> {
        let bytes = self.partial.capacity();
        self.held.buffer(bytes);
        if bytes >= BUFFER_BYTES_COUNTED && self.hub.budget.refuses(Claim::Packet) {
            // At once, and not when the client has closed its side.
            self.partial = Vec::new();
            self.held.buffer(0);
            return Self::refuse(ReasonCode::QuotaExceeded, NO_MEMORY);
        }
        ControlFlow::Continue(())
    }

    /// Bytes read, or `None` when there are none yet.
    fn read_bytes(&mut self, into: &mut [u8]) -> ControlFlow<End, Option<usize>> {
        match self.link.wire.try_read(into) {
            Ok(0) if self.link.wire.ended_cleanly() => {
                ControlFlow::Break(End::Client { with_will: false })
            }
            Ok(0) => ControlFlow::Break(End::ConnectionLost),
            Ok(read) => {
                self.now_ms = self.hub.now_ms();
                self.link.heard(self.now_ms);
                self.pause = self.hub.quota_bytes(&self.link, read, self.now_ms);
                ControlFlow::Continue(Some(read))
            }
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => ControlFlow::Continue(None),
            Err(_) => ControlFlow::Break(End::ConnectionLost),
        }
    }

    /// Tells an MQTT 5 client why.
    fn last_words(&self, end: &End) {
        let mut packet = Vec::new();
        if let Some(code) = end.code()
            && self.version == Version::V5
        {
            let text = Some(end.detail()).filter(|text| !text.is_empty());
            let text = text.filter(|_| self.hub.profile.reason_strings);
            let text = text.map(|text| format!("DISCONNECT:{text}"));
            codec::put_disconnect(&mut packet, code, text.as_deref());
        }
        // What else waited goes first, unless the session has another connection by now.
        let now_ms = self.hub.now_ms();
        self.session.with_output(|outbox| {
            if outbox.is_of(self.link.number) {
                outbox.put(|bytes| bytes.extend_from_slice(&packet));
                outbox.flush(now_ms);
                packet.clear();
            }
        });
        if !packet.is_empty() && !self.link.is_cut() {
            // The wire is this task's alone now; a full socket loses the packet.
            let _ = self.link.wire.try_write(&packet);
        }
    }

    /// The session goes on without this connection, or ends.
    fn gone(&mut self, end: &End) {
        let now_ms = self.hub.now_ms();
        let will = self.will.take().filter(|_| end.publishes_will());
        let will = will.map(|will| *will);
        let (client_id, reason) = (&self.session.client_id, end.disconnect_reason());
        let detail = end.detail();
        tracing::info!(?client_id, reason, detail, "disconnected");
        self.hub.metrics.disconnected(reason);
        self.hub.tell(|| TapEvent::Disconnected {
            client_id: Arc::clone(client_id),
            reason,
        });
        self.hub
            .event_disconnected(&self.session, &self.guard, &self.link, &self.visit, end);
        self.hub
            .connection_gone(&self.session, &self.link, will, now_ms);
        // Whoever ended it waits for this too.
        self.link.drained.notify_waiters();
        flush::settle(now_ms);
    }

    /// Appends an answer to the client's own packet.
    fn reply(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let number = self.link.number;
        self.session.with_output(|outbox| {
            if outbox.is_of(number) {
                outbox.put(write);
            }
        });
    }

    /// Appends an answer once what it acknowledges is on disk, if it was stored.
    fn answer(&self, write: impl FnOnce(&mut Vec<u8>) + Send + 'static) {
        if self.hub.journal.is_none() {
            self.reply(write);
            return;
        }
        let number = self.link.number;
        self.answer_with(move |session| {
            session.with_output(|outbox| {
                if outbox.is_of(number) {
                    outbox.put(write);
                }
            });
        });
    }

    /// The same for answers that are more than a packet.
    fn answer_with(&self, give: impl FnOnce(&Arc<Session>) + Send + 'static) {
        match &self.hub.journal {
            Some(journal) => journal.answer(&self.session, &self.link, give),
            None => give(&self.session),
        }
    }

    /// Ends the connection for a broken rule.
    fn refuse<T>(code: ReasonCode, reason: impl Into<String>) -> ControlFlow<End, T> {
        ControlFlow::Break(End::error(code, reason))
    }
}
