//! The interface that the doors are written against. Each type moves into the module of its
//! service as that is built.

use crate::ThingsError;
use policy::Document;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the control plane lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// AWS region, for ARNs.
    pub region: String,
    /// Account id of twelve digits, for ARNs.
    pub account_id: String,
    /// Where everything is kept; `None` keeps it in memory.
    pub directory: Option<PathBuf>,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory was written by a newer program.
    #[error(
        "`{directory}` was written by a newer version of thingcore (format {found}, this one reads {known}): update thingcore or choose another --data-dir"
    )]
    Newer {
        /// The directory.
        directory: String,
        /// Its format.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// It cannot be read or written.
    #[error("{directory}: {reason}")]
    Io {
        /// The directory.
        directory: String,
        /// Why.
        reason: String,
    },
}

/// What changed, told to watchers after the change is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Policies, attachments, things, groups or roles: decisions must be taken anew.
    Decisions,
    /// A certificate's status, or its deletion (`active` is false then).
    Certificate {
        /// Certificate id.
        id: Arc<str>,
        /// Whether it may connect now.
        active: bool,
    },
    /// Topic rules.
    Rules,
    /// Everything was emptied.
    Reset,
}

/// A certificate's status (CertificateStatus of the API).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are AWS's.
pub enum CertificateStatus {
    Active,
    Inactive,
    Revoked,
    PendingTransfer,
    RegisterInactive,
    PendingActivation,
}

/// A registered certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Lower-case hex SHA-256 of the DER, 64 characters.
    pub id: Arc<str>,
    /// Its ARN.
    pub arn: String,
    /// Its PEM.
    pub pem: String,
    /// Whether it may connect.
    pub status: CertificateStatus,
    /// When it was registered.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
    /// Counts changes from 1.
    pub customer_version: u32,
    /// A UUID that every change renews.
    pub generation_id: String,
    /// The id of the CA that signed it, if that is registered.
    pub ca_certificate_id: Option<String>,
    /// `DEFAULT` or `SNI_ONLY`.
    pub mode: &'static str,
    /// Validity, milliseconds since the epoch.
    pub not_before_ms: u64,
    /// Validity, milliseconds since the epoch.
    pub not_after_ms: u64,
}

/// What CreateKeysAndCertificate gives.
#[derive(Clone, Debug)]
pub struct KeysAndCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// PEM, SPKI.
    pub public_key: String,
    /// PEM, PKCS#1; not kept.
    pub private_key: String,
}

/// The thing that a connection acts as: its client id names a thing to which its certificate is
/// attached, or the certificate is attached to one thing exclusively.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// Thing name.
    pub name: String,
    /// Thing type, if it has one.
    pub type_name: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Whether the attachment is EXCLUSIVE_THING.
    pub exclusive: bool,
}

/// What a role says to a request of a rule or of a role session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleDecision {
    /// It may.
    Allowed,
    /// It may not; why, in words that name role, action and statement.
    Denied(String),
    /// No role of that ARN was created here.
    UnknownRole,
}

/// Temporary credentials of a role (sts AssumeRole).
#[derive(Clone, Debug)]
pub struct RoleSession {
    /// `ASIA...`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// The role's ARN.
    pub role_arn: String,
    /// `AROA...:session-name`.
    pub user_id: String,
    /// When they end.
    pub expires_ms: u64,
    /// The role's policies, attached and inline.
    pub policies: Vec<Arc<Document>>,
}

/// A stored topic rule.
#[derive(Clone, Debug)]
pub struct TopicRule {
    /// Rule name.
    pub name: Arc<str>,
    /// The TopicRulePayload as it was given, `ruleDisabled` included.
    pub payload: Value,
    /// Whether it is disabled.
    pub disabled: bool,
    /// When it was created.
    pub created_ms: u64,
}

/// The control plane of one server.
#[derive(Debug)]
pub struct Things {
    _private: (),
}

/// What the data plane asks at CONNECT and when it takes decisions. All of it is answered from
/// memory.
#[allow(unused_variables, missing_docs)]
impl Things {
    /// Opens what is kept in the directory, or begins anew.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        todo!()
    }

    /// Calls `watcher` after each change, on the thread that made it.
    pub fn watch(&self, watcher: impl Fn(&Change) + Send + Sync + 'static) {
        todo!()
    }

    /// Grows with every change that can alter a decision.
    pub fn epoch(&self) -> u64 {
        todo!()
    }

    /// A registered certificate by id.
    pub fn certificate(&self, id: &str) -> Option<Certificate> {
        todo!()
    }

    /// The policies that speak for a certificate: its own, and those of the groups (and their
    /// parents) of the thing that it acts as with this client id.
    pub fn policies_of_certificate(
        &self,
        certificate_id: &str,
        client_id: Option<&str>,
    ) -> Vec<Arc<Document>> {
        todo!()
    }

    /// The thing that a certificate acts as with a client id.
    pub fn connection_thing(&self, certificate_id: &str, client_id: &str) -> Option<ThingFacts> {
        todo!()
    }

    /// Credentials given out by AssumeRole that have not expired.
    pub fn role_session(&self, access_key_id: &str, now_ms: u64) -> Option<RoleSession> {
        todo!()
    }

    /// Whether a role lets the rules engine (`iot.amazonaws.com`, which its trust policy must
    /// name) do `action` on `resource`.
    pub fn authorize_role(&self, role_arn: &str, action: &str, resource: &str) -> RoleDecision {
        todo!()
    }

    /// All topic rules in order of name.
    pub fn topic_rules(&self) -> Vec<TopicRule> {
        todo!()
    }

    /// The root CA that signs server certificates, as PEM.
    pub fn root_ca_pem(&self) -> String {
        todo!()
    }

    /// A server certificate for these DNS names and addresses with its key: DER chain and PKCS#8.
    pub fn server_certificate(
        &self,
        names: &[String],
        now_ms: u64,
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), ThingsError> {
        todo!()
    }

    /// Empties everything but the CAs.
    pub fn reset(&self) -> Result<(), ThingsError> {
        todo!()
    }
}
