//! The WebSocket handshake (RFC 6455 section 4.2) and who may have it.

use super::{Credential, Peer};
use crate::api::sigv4::{self, SignatureError, SignedRequest};
use crate::api::{Door, has_foreign_origin};
use crate::auth::HttpShown;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use sha1::{Digest, Sha1};
use std::sync::Arc;
use things::DomainAuthentication;

/// Where AWS has MQTT over WebSocket.
const PATH: &str = "/mqtt";

/// RFC 6455 1.3.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What the console calls itself.
const CONSOLE: &str = "console";

/// The parameters that make a query a signed one, each once.
const SIGNATURE_PARTS: [&str; 4] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Signature",
];

/// Why a connection does not become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("a WebSocket begins with GET")]
    Method,
    #[error("a WebSocket needs `Connection: Upgrade` and a Sec-WebSocket-Key")]
    Headers,
    #[error("only version 13 of WebSocket is spoken here")]
    Version,
    #[error("the Sec-WebSocket-Protocol must offer `mqtt`")]
    Subprotocol,
    #[error(
        "sign the query with Signature Version 4 (service iotdevicegateway), or connect with a client certificate"
    )]
    Unsigned,
    #[error("the signature in the query is incomplete or has parts twice")]
    Signature,
    #[error("a page of another origin must sign its query")]
    Origin,
}

impl Refused {
    fn status(self) -> StatusCode {
        match self {
            Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refused::Headers | Refused::Subprotocol => StatusCode::BAD_REQUEST,
            Refused::Version => StatusCode::UPGRADE_REQUIRED,
            Refused::Unsigned | Refused::Signature | Refused::Origin => StatusCode::FORBIDDEN,
        }
    }

    /// The refusal as JSON.
    pub(super) fn response(self) -> Response<Body> {
        let mut response = refusal(self.status(), &self.to_string());
        if self == Refused::Version {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// The refusal of a query whose signature does not hold.
pub(super) fn not_admitted(why: &SignatureError) -> Response<Body> {
    refusal(StatusCode::FORBIDDEN, &why.to_string())
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let text = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// Hands what the query signs to `check`: a header's signature does not count here.
pub(super) fn signed_query<B, T>(
    request: &Request<B>,
    check: impl FnOnce(&SignedRequest<'_>) -> T,
) -> T {
    let mut headers = request.headers().clone();
    headers.remove(AUTHORIZATION);
    headers.remove("x-amz-security-token");
    check(&SignedRequest {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: &headers,
        body: &[],
    })
}

/// Whether a request wants to become MQTT over WebSocket.
pub(super) fn is_asked<B>(request: &Request<B>) -> bool {
    request.uri().path() == PATH && has_token(request.headers(), &UPGRADE, "websocket")
}

/// The answer that makes a connection a WebSocket, and who is on it; `custom` leaves who signs
/// nothing to a custom authorizer.
///
/// # Errors
/// Why it does not become one.
pub(super) fn accept<B>(
    request: &Request<B>,
    peer: &Peer,
    door: Door,
    custom: bool,
) -> Result<(Response<Body>, Credential), Refused> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refused::Method);
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(Refused::Version);
    }
    // Its length is not looked at: AWSIoTPythonSDK sends more than 16 bytes.
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(Refused::Headers)?;
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refused::Headers);
    }
    let subprotocol = ["mqtt", "mqttv3.1"]
        .into_iter()
        .find(|name| has_token(headers, &SEC_WEBSOCKET_PROTOCOL, name))
        .ok_or(Refused::Subprotocol)?;
    let to_authorizer = || Credential::Custom(Some(Arc::new(shown(request))));
    let credential = match credential(request, peer, door) {
        _ if peer.is_for_authorizer() => to_authorizer(),
        Err(Refused::Unsigned)
            if custom && peer.authentication() == DomainAuthentication::Default =>
        {
            to_authorizer()
        }
        found => found?,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept_key(key)?);
    // Offered extensions, permessage-deflate among them, are declined by silence.
    answer.insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(subprotocol),
    );
    Ok((response, credential))
}

/// Who asks, as the HTTP API sees it: the client certificate, then whoever signed the query. On
/// the API port the console and programs need neither.
fn credential<B>(request: &Request<B>, peer: &Peer, door: Door) -> Result<Credential, Refused> {
    if peer.certificate.is_some() {
        return Ok(Credential::Certificate);
    }
    let query = request.uri().query().unwrap_or_default();
    let names = query.split('&').map(|pair| pair.split('=').next());
    let given = |name: &str| names.clone().filter(|found| *found == Some(name)).count();
    if SIGNATURE_PARTS.iter().any(|name| given(name) > 0) {
        if SIGNATURE_PARTS.iter().any(|name| given(name) != 1) {
            return Err(Refused::Signature);
        }
        let signer = sigv4::Credential::of(&HeaderMap::new(), query).ok_or(Refused::Signature)?;
        return Ok(Credential::Signed {
            access_key: signer.access_key,
        });
    }
    match door {
        Door::Api if has_foreign_origin(request.headers()) => Err(Refused::Origin),
        Door::Api => Ok(Credential::Signed {
            access_key: CONSOLE.to_owned(),
        }),
        Door::Data => Err(Refused::Unsigned),
    }
}

/// What a custom authorizer sees of a request.
pub(crate) fn shown<B>(request: &Request<B>) -> HttpShown {
    let headers = request.headers().iter();
    HttpShown {
        headers: headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
        query: request.uri().query().unwrap_or_default().to_owned(),
    }
}

fn accept_key(key: &HeaderValue) -> Result<HeaderValue, Refused> {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update(KEY_SUFFIX)
        .finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).map_err(|_| Refused::Headers)
}

/// Whether a header that lists tokens has this one, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut tokens = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests;
