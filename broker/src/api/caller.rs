//! Who sends a request, before anything is known of what they may do.

use super::answer::Door;
use super::error::{ApiError, Code};
use super::sigv4::Credential;
use crate::auth::{Facts, Granted, Guard, Identity, Refused};
use crate::net::{Peer, certificate_id};
use crate::world::World;
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use std::net::IpAddr;
use std::sync::Arc;

/// The sender of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    identity: Option<Identity>,
    pub(super) source_ip: IpAddr,
    server_name: Option<String>,
}

impl Caller {
    /// A client certificate says who it is, then a signature. Without either, on the plain API
    /// port, it is an anonymous client like those of the plaintext MQTT listener, unless a web
    /// page of another origin sends it.
    pub(super) fn of(
        door: Door,
        peer: &Peer,
        headers: &HeaderMap,
        credential: Option<Credential>,
    ) -> Self {
        let identity = match (&peer.certificate, credential, door) {
            (Some(der), _, _) => Some(Identity::Certificate {
                id: certificate_id(der).into(),
                der: der.clone(),
            }),
            (None, Some(credential), _) => Some(Identity::Signed {
                access_key: credential.access_key,
            }),
            (None, None, Door::Api) if !has_foreign_origin(headers) => Some(Identity::Anonymous),
            (None, None, Door::Api | Door::Data) => None,
        };
        Caller {
            identity,
            source_ip: peer.address.ip(),
            server_name: peer.server_name.clone(),
        }
    }

    /// The same caller once a custom authorizer has let it in.
    pub(super) fn granted(self, granted: Arc<Granted>) -> Self {
        Self {
            identity: Some(Identity::Custom(granted)),
            ..self
        }
    }

    /// Whether nothing says who it is.
    pub(super) fn is_nobody(&self) -> bool {
        self.identity.is_none()
    }

    /// SNI.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether a certificate or a signature says who it is.
    pub(super) fn is_known(&self) -> bool {
        match self.identity {
            Some(Identity::Certificate { .. } | Identity::Signed { .. } | Identity::Custom(_)) => {
                true
            }
            Some(Identity::Anonymous) | None => false,
        }
    }

    /// The access key that signed the request.
    pub(super) fn access_key(&self) -> Option<&str> {
        match &self.identity {
            Some(Identity::Signed { access_key }) => Some(access_key),
            Some(Identity::Certificate { .. } | Identity::Custom(_) | Identity::Anonymous)
            | None => None,
        }
    }

    /// What the caller may do.
    ///
    /// # Errors
    /// Nobody, or somebody who is not let in.
    pub(super) fn guard(&self, world: &World, now_ms: u64) -> Result<Guard, ApiError> {
        self.guard_as(world, None, now_ms)
    }

    /// The same for a caller that acts as the thing of a client id.
    ///
    /// # Errors
    /// As [`Caller::guard`].
    pub(super) fn guard_as(
        &self,
        world: &World,
        client_id: Option<&str>,
        now_ms: u64,
    ) -> Result<Guard, ApiError> {
        let identity = self.identity.clone().ok_or_else(missing_token)?;
        let facts = Facts {
            client_id,
            source_ip: self.source_ip,
            server_name: self.server_name.as_deref(),
            now_ms,
        };
        let things = Arc::clone(&world.things);
        Guard::new(things, world.anonymous.as_ref(), identity, facts).map_err(|refused| {
            let message = match refused {
                Refused::CertificateNotRegistered => {
                    "Forbidden: the client certificate is not registered"
                }
                Refused::CertificateInactive => "Forbidden: the client certificate is not active",
                Refused::CertificateRevoked => "Forbidden: the client certificate is revoked",
                Refused::SessionExpired => "The security token included in the request is expired",
            };
            ApiError::new(Code::Forbidden, message)
        })
    }
}

/// What AWS says to a request without credentials.
pub(super) fn missing_token() -> ApiError {
    ApiError::new(Code::Forbidden, "Missing Authentication Token")
}

/// A browser names the origin of the page that sends a request; a page from elsewhere must not
/// publish or administer here behind its reader's back.
pub(crate) fn has_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let origin = text(origin);
    let host = headers.get(HOST).map(text).unwrap_or_default();
    let own = origin.split_once("://").map(|(_, host)| host);
    host.is_empty() || own != Some(host.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn pages_of_another_origin_are_told_apart() {
        let check = |origin: Option<&str>, host: &str, foreign: bool| {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
            }
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(has_foreign_origin(&headers), foreign, "{origin:?} {host}");
        };
        check(None, "localhost:9883", false);
        check(Some("http://localhost:9883"), "localhost:9883", false);
        check(Some("http://evil.example"), "localhost:9883", true);
        check(Some("http://localhost:3000"), "localhost:9883", true);
        check(Some("null"), "localhost:9883", true);
    }

    #[test]
    fn the_caller_is_a_certificate_then_a_signature_then_nobody() {
        let signed = Credential {
            access_key: "AK".into(),
            date: "d".into(),
            region: "r".into(),
            service: "iotdata".into(),
        };
        let check = |door, certificate: bool, credential, expected: &str| {
            let peer = Peer {
                address: ([127, 0, 0, 1], 1).into(),
                server_name: None,
                certificate: certificate.then(|| vec![1].into()),
                domain: None,
            };
            let caller = Caller::of(door, &peer, &HeaderMap::new(), credential);
            let found = match caller.identity {
                Some(Identity::Certificate { id, .. }) => id[..4].to_owned(),
                Some(Identity::Signed { access_key }) => access_key,
                Some(Identity::Custom(granted)) => granted.principal.to_string(),
                Some(Identity::Anonymous) => "anonymous".to_owned(),
                None => "nobody".to_owned(),
            };
            assert_eq!(found, expected);
        };
        // SHA-256 of the byte 1.
        check(Door::Data, true, Some(signed.clone()), "4bf5");
        check(Door::Data, false, Some(signed.clone()), "AK");
        check(Door::Data, false, None, "nobody");
        check(Door::Api, false, Some(signed), "AK");
        check(Door::Api, false, None, "anonymous");
    }
}
