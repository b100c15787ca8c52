//! HTTP/1.1 on a connection, and WebSocket where a request asks for it.

use super::doors::Doors;
use super::gate::{Gate, Place};
use super::http_stream::{Answering, Heads, HttpStream};
use super::{Arrival, Credential, Peer, Wire, upgrade};
use crate::api::Door;
use crate::budget::{Budget, Claim, Held};
use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConnection;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use things::DomainProtocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// How long the head of a request may be.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// An answer of so many bytes is large.
const LARGE_BYTES: usize = 64 * 1024;

/// A stream under HTTP that can be taken apart for a wire.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn into_parts(self) -> (TcpStream, Option<ServerConnection>);
}

impl Transport for TcpStream {
    fn into_parts(self) -> (TcpStream, Option<ServerConnection>) {
        (self, None)
    }
}

impl Transport for TlsStream<TcpStream> {
    fn into_parts(self) -> (TcpStream, Option<ServerConnection>) {
        let (stream, session) = self.into_inner();
        (stream, Some(session))
    }
}

/// Answers requests until the connection ends or becomes a WebSocket.
pub(super) async fn serve<D: Doors, T: Transport>(
    gate: Arc<Gate<D>>,
    stream: T,
    peer: Arc<Peer>,
    door: Door,
    place: Place,
) {
    let server = Arc::clone(&gate);
    let address = peer.address;
    let heads = Heads::new(&gate.waiting, gate.doors.budget());
    let stream = HttpStream::new(stream, &heads);
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, peer, place) = (Arc::clone(&gate), Arc::clone(&peer), Arc::clone(&place));
        let (head, answering) = heads.whole();
        async move {
            let budget = Arc::clone(gate.doors.budget());
            let websocket = upgrade::is_asked(&request);
            let response = if is_elsewhere(&peer, websocket) {
                not_here()
            } else if websocket {
                to_websocket::<D, T>(gate, peer, door, place, request)
            } else {
                let doors = Arc::clone(&gate.doors);
                doors.http(peer, door, request.map(Body::new)).await
            };
            drop(head);
            let response = bounded(response, &budget, answering);
            Ok::<Response<Body>, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        // The stream does that: here the time would run while an answer is still being written.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = server.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!(%address, error = error.to_string(), "HTTP connection ended");
    }
}

/// Counts the memory of an answer; a large one is not given when there is none.
fn bounded(response: Response<Body>, budget: &Arc<Budget>, answering: Answering) -> Response<Body> {
    let bytes = |response: &Response<Body>| {
        // What is not known is made, or read from a file, as the client takes it.
        let exact = response.body().size_hint().exact().unwrap_or(0);
        usize::try_from(exact).unwrap_or(usize::MAX)
    };
    let response = if bytes(&response) >= LARGE_BYTES && budget.refuses(Claim::Answer) {
        no_memory()
    } else {
        response
    };
    let mut held = Held::of_http(budget);
    held.buffer(bytes(&response));
    response.map(|body| {
        let until_written = Some((held, answering));
        Body::new(Answer {
            body,
            until_written,
        })
    })
}

fn no_memory() -> Response<Body> {
    let message = "the server has no memory for the answer now";
    let text = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let kind = HeaderValue::from_static("ServiceUnavailableException:");
    headers.insert("x-amzn-errortype", kind);
    response
}

/// The body of an answer, and what is held until it has been written.
struct Answer {
    body: Body,
    until_written: Option<(Held, Answering)>,
}

impl Answer {
    /// What is in memory is one piece, with which hyper lets this body go before it is written.
    fn count(&mut self, data: Bytes) -> Bytes {
        match self.until_written.take() {
            Some((held, answering)) if held.is_counted() => Bytes::from_owner(Written {
                data,
                _until: (held, answering),
            }),
            other => {
                self.until_written = other;
                data
            }
        }
    }
}

/// Bytes that somebody is told of once they are dropped.
struct Written {
    data: Bytes,
    _until: (Held, Answering),
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|data| self.count(data)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a custom domain is for the other of WebSockets and plain requests.
fn is_elsewhere(peer: &Peer, websocket: bool) -> bool {
    match peer.domain.as_ref().map(|domain| domain.protocol) {
        Some(DomainProtocol::MqttWss) => !websocket,
        Some(DomainProtocol::Https) => websocket,
        Some(DomainProtocol::Default | DomainProtocol::SecureMqtt) | None => false,
    }
}

fn not_here() -> Response<Body> {
    let mut response = Response::new(Body::from("{\"message\":\"Forbidden\"}"));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Answers an upgrade request and takes the connection over behind the answer.
fn to_websocket<D: Doors, T: Transport>(
    gate: Arc<Gate<D>>,
    peer: Arc<Peer>,
    door: Door,
    place: Place,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let custom = gate.doors.asks_authorizers();
    let accepted = upgrade::accept(&request, &peer, door, custom);
    let (response, credential) = match accepted {
        Ok(accepted) => accepted,
        Err(refused) => {
            debug!(address = %peer.address, %refused, "WebSocket refused");
            return refused.response();
        }
    };
    if let Credential::Signed { .. } = credential
        && let Err(why) = upgrade::signed_query(&request, |signed| gate.doors.admits(signed))
    {
        debug!(address = %peer.address, why = why.to_string(), "WebSocket refused");
        return upgrade::not_admitted(&why);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => enter::<D, T>(&gate, upgraded, &peer, credential, place),
            Err(error) => {
                debug!(address = %peer.address, error = error.to_string(), "WebSocket did not begin");
            }
        }
    });
    response
}

fn enter<D: Doors, T: Transport>(
    gate: &Arc<Gate<D>>,
    upgraded: hyper::upgrade::Upgraded,
    peer: &Peer,
    credential: Credential,
    place: Place,
) {
    let Ok(parts) = upgraded.downcast::<TokioIo<HttpStream<T>>>() else {
        tracing::error!("an upgraded connection is not what it was");
        return;
    };
    let (stream, session) = parts.io.into_inner().into_inner().into_parts();
    let ahead = parts.read_buf.to_vec();
    let (peer, server) = (peer.clone(), Arc::clone(gate));
    gate.to_shard(stream, false, move |stream| {
        let budget = server.doors.budget();
        let carrier = match session {
            Some(session) => Wire::tls(stream, session, budget),
            None => Wire::plain(stream),
        };
        let arrival = Arrival {
            wire: carrier.with_websocket(ahead, budget),
            peer,
            credential,
        };
        server.serve(arrival, place)
    });
}
