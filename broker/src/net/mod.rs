//! Sockets: listeners, TLS with ALPN, WebSocket, and the wire under an MQTT connection.

mod domains;
mod doors;
mod gate;
mod http;
mod http_stream;
mod identity;
mod listen;
#[cfg(test)]
mod pipe;
mod possession;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod tls_wire;
mod turns;
mod upgrade;
mod websocket;
mod wire;

pub(crate) use identity::{ServerCertRefused, ServerIdentity};
pub(crate) use listen::{ListenError, Listeners, start};
#[cfg(test)]
pub(crate) use pipe::{Mangle, Passed, Pipe, PipeLog};
pub(crate) use tls::certificate_id;
pub(crate) use upgrade::shown;
pub(crate) use wire::Wire;

use crate::auth::{Granted, HttpShown};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use things::{DomainAuthentication, DomainRules};

/// The other end of a connection, whatever it speaks.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) address: SocketAddr,
    /// SNI.
    pub(crate) server_name: Option<String>,
    /// The client certificate of the TLS session, resumed or not; whether it is registered and
    /// active is asked at CONNECT and at every HTTP request.
    pub(crate) certificate: Option<CertificateDer<'static>>,
    /// The rules of the custom domain that the client asked for.
    pub(crate) domain: Option<Arc<DomainRules>>,
}

impl Peer {
    /// How the client's domain has it say who it is.
    pub(crate) fn authentication(&self) -> DomainAuthentication {
        let domain = self.domain.as_ref();
        domain.map_or(DomainAuthentication::Default, |rules| rules.authentication)
    }

    /// Whether a custom authorizer decides on the client's domain, and nothing else.
    pub(crate) fn is_for_authorizer(&self) -> bool {
        match self.authentication() {
            DomainAuthentication::CustomAuth | DomainAuthentication::CustomAuthX509 => true,
            DomainAuthentication::Default
            | DomainAuthentication::AwsX509
            | DomainAuthentication::AwsSigV4 => false,
        }
    }
}

/// By what an MQTT client says who it is, besides its CONNECT.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// By nothing: TCP without TLS, or TLS without a client certificate where that may be.
    Anonymous,
    /// Mutual TLS; the certificate is `Peer::certificate`.
    Certificate,
    /// Neither certificate nor signature: a custom authorizer is asked, and shown the request that
    /// became a WebSocket, if there was one.
    Custom(Option<Arc<HttpShown>>),
    /// A custom authorizer has let the client in.
    Granted(Arc<Granted>),
    /// WebSocket with SigV4 in the query: the access key, which has been verified if the server
    /// verifies signatures.
    Signed {
        /// The access key id.
        access_key: String,
    },
}

/// A connection that is about to speak MQTT.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) wire: Wire,
    pub(crate) peer: Peer,
    pub(crate) credential: Credential,
}
