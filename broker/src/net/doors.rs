//! What stands behind the listeners.

use super::{Arrival, Peer};
use crate::api::sigv4::{SignatureError, SignedRequest, Signers};
use crate::api::{Door, answer};
use crate::budget::Budget;
use crate::hub::TapEvent;
use crate::world::World;
use axum::body::Body;
use http::{Request, Response};
use std::net::SocketAddr;
use std::sync::Arc;

/// Where the listeners lead to: the message core and the HTTP API, or a test's own.
pub(super) trait Doors: Send + Sync + 'static {
    /// Speaks MQTT with a client until it is gone.
    fn mqtt(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = ()> + Send;

    /// Answers an HTTP request.
    fn http(
        self: Arc<Self>,
        peer: Arc<Peer>,
        door: Door,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Whether the query of a request that becomes a WebSocket is signed well enough.
    ///
    /// # Errors
    /// Why not.
    fn admits(&self, request: &SignedRequest<'_>) -> Result<(), SignatureError>;

    /// Whether clients without certificate and signature may ask a custom authorizer.
    fn asks_authorizers(&self) -> bool {
        false
    }

    /// The memory for what connections hold.
    fn budget(&self) -> &Arc<Budget>;

    /// A TLS handshake came to nothing.
    fn handshake_failed(&self, address: SocketAddr, why: &str);
}

impl Doors for World {
    fn mqtt(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = ()> + Send {
        Arc::clone(&self.hub).serve(arrival)
    }

    async fn http(
        self: Arc<Self>,
        peer: Arc<Peer>,
        door: Door,
        request: Request<Body>,
    ) -> Response<Body> {
        answer(&self, &peer, door, request).await
    }

    fn admits(&self, request: &SignedRequest<'_>) -> Result<(), SignatureError> {
        match &self.signers {
            Signers::Anybody => Ok(()),
            Signers::Known(keys) => keys.verify(&self.things, request, self.clock.now_ms()),
        }
    }

    fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    fn asks_authorizers(&self) -> bool {
        self.custom_auth.is_open()
    }

    fn handshake_failed(&self, address: SocketAddr, why: &str) {
        self.metrics.handshake_failed();
        self.hub.tell(|| TapEvent::Refused {
            client_id: None,
            principal: Arc::from(""),
            action: "TLS handshake",
            resource: address.to_string(),
            reason: why.to_owned(),
        });
    }
}
