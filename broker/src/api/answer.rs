//! The one way in for HTTP requests, whichever listener they come from.

use crate::net::Peer;
use crate::world::World;
use axum::body::Body;
use http::{Request, Response};
use std::sync::Arc;

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `--api-port`: the whole AWS API, the embedded services, admin and console.
    Api,
    /// `--https-port`: the data plane alone, by client certificate or signature.
    Data,
}

/// Answers one request. WebSocket upgrades at `/mqtt` are taken by the listener before.
#[allow(clippy::unused_async)]
pub(crate) async fn answer(
    world: &Arc<World>,
    peer: &Peer,
    door: Door,
    request: Request<Body>,
) -> Response<Body> {
    let _ = (world, peer, door, request);
    todo!()
}
