//! Where the broker is and what lies between TCP and MQTT.

use super::error::NetError;
use crate::wire::Version;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// A broker's listener and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) version: Version,
    pub(crate) transport: Transport,
    /// Clients are spread over so many of the addresses 127.0.0.1, 127.0.0.2...
    pub(crate) source_addresses: usize,
}

/// What lies between TCP and MQTT.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Host and path of a WebSocket.
    pub(crate) websocket: Option<(String, String)>,
}

impl Endpoint {
    pub(crate) fn resolve(host_and_port: &str) -> Result<SocketAddr, NetError> {
        let found = host_and_port.to_socket_addrs();
        let mut found = found.map_err(|e| NetError::Address(host_and_port.to_owned(), e))?;
        let all: Vec<SocketAddr> = found.by_ref().collect();
        let v4 = all.iter().find(|address| address.is_ipv4());
        v4.or(all.first()).copied().ok_or_else(|| {
            let nothing = io::Error::from(io::ErrorKind::NotFound);
            NetError::Address(host_and_port.to_owned(), nothing)
        })
    }

    /// Begins the `nth` connection without waiting for it.
    pub(super) fn connect(&self, nth: usize) -> io::Result<mio::net::TcpStream> {
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.source_addresses > 1 && self.address.ip().is_loopback() {
            let host = (nth % self.source_addresses) as u32 + 1;
            let source = Ipv4Addr::from(0x7f00_0000 | host);
            socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
        }
        match socket.connect(&self.address.into()) {
            Err(error) if !is_under_way(&error) => Err(error),
            _ => Ok(mio::net::TcpStream::from_std(socket.into())),
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32)
}
