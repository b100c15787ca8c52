//! HTTP/1.1 on a connection, and WebSocket where a request asks for it.

use super::doors::Doors;
use super::gate::{Gate, Place};
use super::{Arrival, Credential, Peer, Wire, upgrade};
use crate::api::Door;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConnection;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// How long a client may take for the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(60);

/// How long the head of a request may be.
const HEAD_BYTES_MAX: usize = 64 * 1024;

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
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, peer, place) = (Arc::clone(&gate), Arc::clone(&peer), Arc::clone(&place));
        async move {
            let response = if upgrade::is_asked(&request) {
                to_websocket::<D, T>(gate, peer, door, place, request)
            } else {
                let doors = Arc::clone(&gate.doors);
                doors.http(peer, door, request.map(Body::new)).await
            };
            Ok::<Response<Body>, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
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
    let Ok(parts) = upgraded.downcast::<TokioIo<T>>() else {
        tracing::error!("an upgraded connection is not what it was");
        return;
    };
    let (stream, session) = parts.io.into_inner().into_parts();
    let ahead = parts.read_buf.to_vec();
    let (peer, server) = (peer.clone(), Arc::clone(gate));
    gate.to_shard(stream, false, move |stream| {
        let carrier = match session {
            Some(session) => Wire::tls(stream, session),
            None => Wire::plain(stream),
        };
        let arrival = Arrival {
            wire: carrier.with_websocket(ahead),
            peer,
            credential,
        };
        server.serve(arrival, place)
    });
}
