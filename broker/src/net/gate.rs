//! Connections from their acceptance to the door that they belong to.

use super::doors::Doors;
use super::tls::{Handshakes, Shaken, Speech, hint, is_logged};
use super::turns::Turns;
use super::{Arrival, Credential, Peer, Wire};
use super::{http, http_stream};
use crate::api::Door;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use things::DomainAuthentication;
use tokio::io::AsyncBufReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

/// Connections at a time, whatever they speak.
const CONNECTIONS_MAX: usize = 250_000;

/// How long a client without ALPN may keep silent about what it speaks.
const FIRST_BYTE: Duration = Duration::from_secs(10);

/// How long accepting rests after it failed, at most.
const REST_MAX: Duration = Duration::from_secs(1);

/// A connection's share of `CONNECTIONS_MAX`, held until its end.
pub(super) type Place = Arc<OwnedSemaphorePermit>;

/// What a listener is for.
#[derive(Clone)]
pub(super) enum Entry {
    /// Plaintext MQTT.
    Mqtt,
    /// MQTT over TLS.
    Mqtts(Handshakes),
    /// TLS with anything in it.
    Https(Handshakes),
    /// Plaintext HTTP.
    Api,
}

/// What all listeners share.
pub(super) struct Gate<D> {
    pub(super) doors: Arc<D>,
    shards: Vec<Handle>,
    turn: AtomicUsize,
    places: Arc<Semaphore>,
    /// Connections that wait for a request of HTTP.
    pub(super) waiting: Arc<Turns>,
    stop: watch::Receiver<bool>,
}

impl<D: Doors> Gate<D> {
    pub(super) fn new(
        doors: Arc<D>,
        shards: Vec<Handle>,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            doors,
            shards,
            turn: AtomicUsize::new(0),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            waiting: Turns::new(http_stream::WAITING_MAX),
            stop,
        })
    }

    /// Accepts until the server stops. Runs on the first shard for `Mqtt` and `Mqtts`.
    pub(super) async fn accept(self: Arc<Self>, listener: std::net::TcpListener, entry: Entry) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a listener cannot be watched");
                return;
            }
        };
        let mut failures = 0;
        let mut stopped = pin!(self.stopped());
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stopped => return,
                accepted = listener.accept() => accepted,
            };
            let place = Arc::clone(&self.places).try_acquire_owned();
            let refusal = match (accepted, place) {
                (Ok((stream, address)), Ok(place)) => {
                    failures = 0;
                    self.enter(&entry, stream, address, Arc::new(place));
                    continue;
                }
                (Ok(_), Err(_)) => io::Error::other("the server has all connections it can take"),
                (Err(error), _) if is_clients_fault(&error) => continue,
                (Err(error), _) => error,
            };
            if failures == 0 {
                let hint = "raise the limit of open files (ulimit -n) if it is reached";
                warn!(error = %refusal, open = self.open(), hint, "connections are not accepted");
            }
            tokio::time::sleep(rest(failures)).await;
            failures += 1;
        }
    }

    /// Waits until the server stops.
    pub(super) async fn stopped(&self) {
        // An error means that the server is gone.
        let _ = self.stop.clone().wait_for(|stopped| *stopped).await;
    }

    fn open(&self) -> usize {
        CONNECTIONS_MAX - self.places.available_permits()
    }

    fn enter(
        self: &Arc<Self>,
        entry: &Entry,
        stream: TcpStream,
        address: SocketAddr,
        place: Place,
    ) {
        let peer = Peer {
            address,
            server_name: None,
            certificate: None,
            domain: None,
        };
        let gate = Arc::clone(self);
        match entry.clone() {
            Entry::Mqtt => self.to_shard(stream, true, move |stream| {
                gate.serve(arrival(Wire::plain(stream), peer), place)
            }),
            Entry::Mqtts(handshakes) => self.to_shard(stream, true, |stream| {
                let arriving = Box::pin(gate.arrive(handshakes, stream, peer, place));
                async move {
                    if let Some(living) = arriving.await {
                        living.await;
                    }
                }
            }),
            Entry::Https(handshakes) => drop(tokio::spawn(async move {
                if let Some((stream, peer, speech)) =
                    gate.handshake(&handshakes, stream, peer).await
                {
                    gate.tell_apart(stream, peer, speech, place).await;
                }
            })),
            Entry::Api => drop(tokio::spawn(http::serve(
                gate,
                stream,
                Arc::new(peer),
                Door::Api,
                place,
            ))),
        }
    }

    /// Lets a connection live on the next shard. `on_first` says that it is registered with the
    /// first one, where this runs.
    pub(super) fn to_shard<F, L>(&self, stream: TcpStream, on_first: bool, live: F)
    where
        F: FnOnce(TcpStream) -> L + Send + 'static,
        L: Future<Output = ()> + Send + 'static,
    {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        if turn == 0 && on_first {
            self.shards[0].spawn(live(stream));
            return;
        }
        // Fails only on a connection that is gone.
        let Ok(stream) = stream.into_std() else {
            return;
        };
        self.shards[turn].spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => live(stream).await,
                Err(error) => warn!(%error, "a connection cannot be watched"),
            }
        });
    }

    /// Boxed, because a future that is moved into another's `await` takes its room twice, for
    /// as long as the connection lives.
    pub(super) fn serve(
        &self,
        arrival: Arrival,
        place: Place,
    ) -> impl Future<Output = ()> + Send + use<D> {
        let live = Box::pin(Arc::clone(&self.doors).mqtt(arrival));
        async move {
            live.await;
            drop(place);
        }
    }

    /// Shakes hands; gives what the connection then lives in. Its own future is let go by then.
    async fn arrive(
        self: Arc<Self>,
        handshakes: Handshakes,
        stream: TcpStream,
        peer: Peer,
        place: Place,
    ) -> Option<impl Future<Output = ()> + Send + use<D>> {
        let (stream, peer, _) = self.handshake(&handshakes, stream, peer).await?;
        let (stream, session) = stream.into_inner();
        let wire = Wire::tls(stream, session, self.doors.budget());
        Some(self.serve(arrival(wire, peer), place))
    }

    async fn handshake(
        &self,
        handshakes: &Handshakes,
        stream: TcpStream,
        mut peer: Peer,
    ) -> Option<(TlsStream<TcpStream>, Peer, Speech)> {
        let address = peer.address;
        match handshakes.accept(stream).await {
            Ok(shaken) => {
                let Shaken {
                    stream,
                    speech,
                    domain,
                } = shaken;
                peer.domain = domain;
                let (_, session) = stream.get_ref();
                peer.server_name = session.server_name().map(str::to_owned);
                let chain = session.peer_certificates().unwrap_or_default();
                peer.certificate = chain.first().cloned();
                Some((stream, peer, speech))
            }
            Err(error) => {
                let hint = hint(&error);
                match hint {
                    Some(hint) if !is_logged(&error) => {
                        warn!(%address, error = error.to_string(), hint, "TLS handshake failed");
                    }
                    Some(_) | None => {
                        debug!(%address, error = error.to_string(), "TLS handshake failed");
                    }
                }
                let why = hint.map_or_else(|| error.to_string(), str::to_owned);
                self.doors.handshake_failed(address, &why);
                None
            }
        }
    }

    /// Finds out what is spoken inside TLS, by its first byte if ALPN did not say.
    async fn tell_apart(
        self: Arc<Self>,
        mut stream: TlsStream<TcpStream>,
        peer: Peer,
        speech: Speech,
        place: Place,
    ) {
        let address = peer.address;
        let speech = match speech {
            Speech::Unsaid => first_byte(&mut stream).await,
            Speech::Mqtt | Speech::Http => speech,
        };
        match speech {
            Speech::Http => http::serve(self, stream, Arc::new(peer), Door::Data, place).await,
            Speech::Mqtt
                if peer.certificate.is_none()
                    && (peer.authentication() == DomainAuthentication::AwsX509
                        || !self.doors.asks_authorizers()) =>
            {
                let hint = "MQTT over TLS needs a client certificate: give it one with its key";
                warn!(%address, hint, "no client certificate");
                self.doors.handshake_failed(address, hint);
            }
            Speech::Mqtt => {
                let (stream, session) = stream.into_inner();
                let gate = Arc::clone(&self);
                self.to_shard(stream, false, move |stream| {
                    let wire = Wire::tls(stream, session, gate.doors.budget());
                    let mut arrival = arrival(wire, peer);
                    // Whoever shows nothing here is left to a custom authorizer.
                    if arrival.peer.certificate.is_none() {
                        arrival.credential = Credential::Custom(None);
                    }
                    gate.serve(arrival, place)
                });
            }
            Speech::Unsaid => debug!(%address, "neither MQTT nor HTTP inside TLS"),
        }
    }
}

/// Behind a handshake that the listener's settings let pass, without a certificate too.
fn arrival(wire: Wire, peer: Peer) -> Arrival {
    let credential = match peer.certificate {
        _ if peer.is_for_authorizer() => Credential::Custom(None),
        Some(_) => Credential::Certificate,
        None => Credential::Anonymous,
    };
    Arrival {
        wire,
        peer,
        credential,
    }
}

/// Looks at the first byte without taking it: the fixed header of CONNECT, or a letter of an
/// HTTP method.
async fn first_byte(stream: &mut TlsStream<TcpStream>) -> Speech {
    let first = tokio::time::timeout(FIRST_BYTE, stream.fill_buf()).await;
    match first {
        Ok(Ok([0x10, ..])) => Speech::Mqtt,
        Ok(Ok([letter, ..])) if letter.is_ascii_alphabetic() => Speech::Http,
        Ok(Ok(_) | Err(_)) | Err(_) => Speech::Unsaid,
    }
}

/// Whether accept(2) tells of the connection that it took, not of the server.
fn is_clients_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

fn rest(failures: u32) -> Duration {
    let rest = Duration::from_millis(10).saturating_mul(1 << failures.min(10));
    rest.min(REST_MAX)
}
