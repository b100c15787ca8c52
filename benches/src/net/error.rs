//! What goes wrong between the load generator and a broker, and what to do about it.

use crate::wire::Malformed;
use std::io;
use std::net::SocketAddr;

/// Why a connection cannot be made or was lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetError {
    #[error("cannot find the address of `{0}`: {1}")]
    Address(String, io::Error),
    #[error(
        "cannot connect to {0}: connection refused; is the broker running, and is that its port?"
    )]
    Refused(SocketAddr),
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error(
        "no file descriptors left for connection {0}; raise the limit with `ulimit -n {1}` or use fewer connections"
    )]
    FileDescriptors(usize, usize),
    #[error("no local ports left for connection {0}; spread the clients with --source-addresses 4")]
    LocalPorts(usize),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error(
        "the broker's certificate is refused ({0}); give its CA with --cafile and the name in it with --server-name"
    )]
    ServerCertificate(String),
    #[error(
        "the broker refused the TLS handshake ({0}); a client certificate goes in --cert and --key"
    )]
    HandshakeRefused(String),
    #[error("TLS failed: {0}; does this port speak TLS?")]
    Tls(String),
    #[error(
        "the WebSocket upgrade was refused: {0}; is --ws-path right, and does it want --sigv4?"
    )]
    Upgrade(String),
    #[error("the broker sent a WebSocket frame that cannot be read: {0}")]
    WebSocket(&'static str),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("cannot use {0}: {1}")]
    File(String, String),
    #[error("cannot wait for events: {0}")]
    Poll(io::Error),
}

impl NetError {
    /// What a failed attempt to connect means.
    pub(super) fn connecting(
        error: io::Error,
        address: SocketAddr,
        nth: usize,
        links: usize,
    ) -> Self {
        use nix::errno::Errno;
        let code = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        match code {
            Errno::ECONNREFUSED => NetError::Refused(address),
            Errno::EMFILE | Errno::ENFILE => NetError::FileDescriptors(nth, links + 100),
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => NetError::LocalPorts(nth),
            _ => NetError::Connect(address, error),
        }
    }

    /// What an error of rustls means.
    pub(super) fn tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(why) => NetError::ServerCertificate(why.to_string()),
            rustls::Error::AlertReceived(alert) => {
                NetError::HandshakeRefused(format!("alert {alert:?}"))
            }
            error => NetError::Tls(error.to_string()),
        }
    }
}
