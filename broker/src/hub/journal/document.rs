//! A session as a JSON document.

use super::form;
use crate::auth::{Facts, Guard, Identity};
use crate::hub::Hub;
use crate::hub::session::{Session, State};
use crate::hub::will::StoredWill;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mqtt::codec::Version;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// What a session is, its subscriptions and its queue apart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionDocument {
    pub(super) client_id: String,
    version: Protocol,
    pub(super) expiry_s: u32,
    /// Missing while the client is connected.
    pub(super) ends_at_ms: Option<u64>,
    identity: Who,
    source_ip: IpAddr,
    server_name: Option<String>,
    /// One that waits for its delay.
    will: Option<WillDocument>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Protocol {
    #[serde(rename = "3.1.1")]
    V311,
    #[serde(rename = "5")]
    V5,
}

/// Who connected last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    Certificate(String),
    AccessKey(String),
    Custom(String),
    Anonymous,
}

#[derive(Debug, Serialize, Deserialize)]
struct WillDocument {
    due_ms: u64,
    /// Base64 of the message.
    message: String,
    expiry_s: Option<u32>,
}

impl SessionDocument {
    pub(super) fn of(session: &Session, state: &State) -> Self {
        let guard = session.guard.load();
        let identity = match guard.identity() {
            Identity::Certificate { id, .. } => Who::Certificate(id.to_string()),
            Identity::Signed { access_key } => Who::AccessKey(access_key.clone()),
            Identity::Custom(granted) => Who::Custom(granted.principal.to_string()),
            Identity::Anonymous => Who::Anonymous,
        };
        let will = state.delayed_will.as_ref();
        Self {
            client_id: session.client_id.to_string(),
            version: match session.version {
                Version::V311 => Protocol::V311,
                Version::V5 => Protocol::V5,
            },
            expiry_s: state.expiry_s,
            ends_at_ms: state.ends_at_ms,
            identity,
            source_ip: guard.source_ip(),
            server_name: guard.server_name().map(str::to_owned),
            will: will.map(|will| WillDocument {
                due_ms: will.0,
                message: BASE64.encode(form::message(&will.1.message)),
                expiry_s: will.1.expiry_s,
            }),
        }
    }

    pub(super) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    pub(super) fn version(&self) -> Version {
        match self.version {
            Protocol::V311 => Version::V311,
            Protocol::V5 => Version::V5,
        }
    }

    /// The will that waits, and when it is due; one that cannot be read is none.
    pub(super) fn will(&self) -> Option<(u64, StoredWill)> {
        let will = self.will.as_ref()?;
        let message = BASE64.decode(&will.message).ok();
        let Some(message) = message.and_then(|bytes| form::read_message(&bytes)) else {
            tracing::warn!(client_id = ?self.client_id, "a stored will is damaged");
            return None;
        };
        let stored = StoredWill {
            message,
            delay_s: 0,
            expiry_s: will.expiry_s,
        };
        Some((will.due_ms, stored))
    }

    /// What the client may receive until it connects again: nothing, if it could not connect now.
    pub(super) fn guard(&self, hub: &Hub, now_ms: u64) -> Guard {
        let things = &hub.things;
        let identity = match &self.identity {
            Who::Certificate(id) => {
                let known = things.certificate(id);
                let der =
                    known.and_then(|it| CertificateDer::from_pem_slice(it.pem.as_bytes()).ok());
                Identity::Certificate {
                    id: id.as_str().into(),
                    der: der.unwrap_or_else(|| Vec::new().into()),
                }
            }
            Who::AccessKey(access_key) => Identity::Signed {
                access_key: access_key.clone(),
            },
            // Its authorizer is asked when it connects again.
            Who::Custom(principal) => Identity::Signed {
                access_key: principal.clone(),
            },
            Who::Anonymous => Identity::Anonymous,
        };
        let facts = Facts {
            client_id: Some(&self.client_id),
            source_ip: self.source_ip,
            server_name: self.server_name.as_deref(),
            now_ms,
        };
        if matches!(self.identity, Who::Custom(_)) {
            return Guard::nobody(Arc::clone(things), identity, facts);
        }
        let anonymous = hub.anonymous.as_ref();
        let guard = Guard::new(Arc::clone(things), anonymous, identity.clone(), facts);
        guard.unwrap_or_else(|refused| {
            let client_id = &self.client_id;
            tracing::warn!(?client_id, reason = %refused, "a stored session receives nothing");
            Guard::nobody(Arc::clone(things), identity, facts)
        })
    }
}
