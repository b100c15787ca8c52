//! Why a server did not start.

use crate::config::ConfigError;
use crate::net::{ListenError, ServerCertRefused};
use rules::target::EndpointRefused;
use std::io;
use things::OpenError;

/// A failed start, in one line that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An endpoint of `[endpoints]` or `AWS_ENDPOINT_URL` is no address.
    #[error("{0}: write it as in http://localhost:4566")]
    Endpoint(#[from] EndpointRefused),
    /// The policy of anonymous clients is missing or not a policy.
    #[error("--anonymous-policy `{path}`: {reason}")]
    AnonymousPolicy {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The user's server certificate or its key cannot be used.
    #[error("{0}")]
    ServerCert(String),
    /// The seed is missing or something in it is refused.
    #[error("--seed: {0}")]
    Seed(String),
    /// The file with access keys is missing or has none.
    #[error("--credentials `{path}`: {reason}")]
    Credentials {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory is of a newer version, or damaged, or in use.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The data directory cannot be read or written.
    #[error(
        "cannot use the data directory `{path}`: {reason}: choose another --data-dir, or --memory"
    )]
    DataDir {
        /// The directory, or the file in it.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// A listener cannot have its port or address.
    #[error("{0}")]
    Listen(String),
    /// The ready file cannot be written.
    #[error("cannot write the ready file `{path}`: {reason}: choose another --ready-file")]
    ReadyFile {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// Something that no setting changes.
    #[error("cannot start: {0}")]
    Failed(String),
}

impl From<ServerCertRefused> for StartError {
    fn from(refused: ServerCertRefused) -> Self {
        Self::ServerCert(refused.to_string())
    }
}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        match error {
            ListenError::InUse { .. }
            | ListenError::NotAllowed { .. }
            | ListenError::NoSuchAddress { .. }
            | ListenError::Io { .. } => Self::Listen(error.to_string()),
            ListenError::Certificate(_) | ListenError::Tls(_) => Self::Failed(error.to_string()),
        }
    }
}

impl StartError {
    /// Whether a changed command line or configuration helps.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_)
            | Self::Endpoint(_)
            | Self::AnonymousPolicy { .. }
            | Self::ServerCert(_)
            | Self::Credentials { .. }
            | Self::Seed(_)
            | Self::Store(_)
            | Self::DataDir { .. }
            | Self::ReadyFile { .. }
            | Self::Listen(_) => true,
            Self::Failed(_) => false,
        }
    }
}
