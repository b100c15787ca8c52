//! Why a load cannot be run.

use crate::net::NetError;
use crate::wire::WireError;

/// Why a load cannot be run. What goes wrong once it runs is part of its report instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{client}: {why}")]
    Client { client: String, why: NetError },
    #[error(
        "{client}: the broker refused the connection ({reason}); do --username and --password or --cert fit, and does its policy allow client ids that begin with --client-prefix?"
    )]
    Connection { client: String, reason: String },
    #[error(
        "{client}: the broker refused a subscription ({reason}); does its policy allow the topics below --topic-prefix?"
    )]
    Subscription { client: String, reason: String },
    #[error(
        "{ready} of {wanted} clients were ready after {seconds} s; give them more time with --set-up-seconds"
    )]
    SetUp {
        ready: usize,
        wanted: usize,
        seconds: f64,
    },
    #[error(
        "{client}: {why} before the broker had accepted it; does this port expect TLS (--cafile), WebSocket (--ws) or a login?"
    )]
    Early { client: String, why: NetError },
    #[error("no connection was made: {0}")]
    Nothing(String),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl LoadError {
    /// What the loss of a client means that was not `ready` yet, or was.
    pub(super) fn lost(client: String, why: NetError, ready: bool) -> Self {
        match why {
            NetError::Closed | NetError::Broken(_) if !ready => LoadError::Early { client, why },
            why => LoadError::Client { client, why },
        }
    }
}
