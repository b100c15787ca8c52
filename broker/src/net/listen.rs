//! The listeners: bound first, all of them, then started.

use super::doors::Doors;
use super::gate::{Entry, Gate};
use super::identity::ServerIdentity;
use super::tls::{Handshakes, Registry, Standing, endpoint_name};
use crate::config::Config;
use crate::shards::Shards;
use crate::world::World;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use things::ThingsError;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Why the listeners are not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error(
        "port {port} on {ip} is in use: stop the program that has it, or choose another with {flag} (0 lets the system choose)"
    )]
    InUse {
        ip: IpAddr,
        port: u16,
        flag: &'static str,
    },
    #[error(
        "port {port} on {ip} may not be used: ports below 1024 need privileges, choose another with {flag}"
    )]
    NotAllowed {
        ip: IpAddr,
        port: u16,
        flag: &'static str,
    },
    #[error("this machine does not have the address {ip}: choose another with --bind")]
    NoSuchAddress { ip: IpAddr },
    #[error("cannot listen on {ip} port {port} ({flag}): {source}")]
    Io {
        ip: IpAddr,
        port: u16,
        flag: &'static str,
        source: io::Error,
    },
    #[error("cannot make the server certificate: {0}")]
    Certificate(#[from] ThingsError),
    #[error("cannot use the server certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// Bound sockets on which nobody is answered yet.
#[derive(Debug)]
pub(crate) struct Listeners {
    mqtt: Option<TcpListener>,
    mqtts: TcpListener,
    https: TcpListener,
    api: TcpListener,
    ports: Listening,
}

/// The ports that are listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) mqtt_port: Option<u16>,
    pub(crate) mqtts_port: u16,
    pub(crate) https_port: u16,
    pub(crate) api_port: u16,
}

impl Listeners {
    /// Binds all ports, so that one that is taken is known before anything else happens.
    ///
    /// # Errors
    /// The first port that cannot be had, with what to do about it.
    pub(crate) fn bind(config: &Config) -> Result<Self, ListenError> {
        let bind = |port, flag| bind(config.bind, port, flag);
        let mqtt = config.mqtt_port.map(|port| bind(port, "--mqtt-port"));
        let (mqtt, mqtt_port) = mqtt.transpose()?.unzip();
        let (mqtts, mqtts_port) = bind(config.mqtts_port, "--mqtts-port")?;
        let (https, https_port) = bind(config.https_port, "--https-port")?;
        let (api, api_port) = bind(config.api_port, "--api-port")?;
        Ok(Self {
            mqtt,
            mqtts,
            https,
            api,
            ports: Listening {
                mqtt_port,
                mqtts_port,
                https_port,
                api_port,
            },
        })
    }

    /// The ports, those that the system chose included.
    pub(crate) fn ports(&self) -> Listening {
        self.ports
    }
}

fn bind(ip: IpAddr, port: u16, flag: &'static str) -> Result<(TcpListener, u16), ListenError> {
    let address = SocketAddr::new(ip, port);
    let listen = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if ip.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // Connections inherit it.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    };
    listen().map_err(|source: io::Error| match source.kind() {
        ErrorKind::AddrInUse => ListenError::InUse { ip, port, flag },
        ErrorKind::PermissionDenied => ListenError::NotAllowed { ip, port, flag },
        ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress { ip },
        _ => ListenError::Io {
            ip,
            port,
            flag,
            source,
        },
    })
}

/// Starts to accept, until `stop` says true. MQTT over TCP and TLS lives on the shards from its
/// first byte; what may turn out as HTTP starts on the calling task's runtime. The TLS ports show
/// `own`, or a certificate by the root CA here.
///
/// # Errors
/// A server certificate that cannot be made or used.
pub(crate) fn start(
    world: &Arc<World>,
    shards: &Shards,
    listeners: Listeners,
    own: Option<ServerIdentity>,
    stop: watch::Receiver<bool>,
) -> Result<Listening, ListenError> {
    let identity = own.map_or_else(|| issued(world), Ok)?;
    let registry = registry(world);
    let mandatory = !world.config.client_certs_optional;
    let mqtts = Handshakes::for_mqtt(&identity, &registry, mandatory)?;
    let https = Handshakes::for_all(&identity, &registry)?;
    Ok(open(
        Arc::clone(world),
        shards,
        listeners,
        mqtts,
        https,
        stop,
    ))
}

/// Accepts on all listeners.
pub(super) fn open<D: Doors>(
    doors: Arc<D>,
    shards: &Shards,
    listeners: Listeners,
    mqtts: Handshakes,
    https: Handshakes,
    stop: watch::Receiver<bool>,
) -> Listening {
    let gate = Gate::new(doors, shards.all().cloned().collect(), stop);
    let (first, control) = (shards.first(), Handle::current());
    if let Some(mqtt) = listeners.mqtt {
        first.spawn(Arc::clone(&gate).accept(mqtt, Entry::Mqtt));
    }
    first.spawn(Arc::clone(&gate).accept(listeners.mqtts, Entry::Mqtts(mqtts)));
    control.spawn(Arc::clone(&gate).accept(listeners.https, Entry::Https(https)));
    control.spawn(gate.accept(listeners.api, Entry::Api));
    listeners.ports
}

/// A certificate by the root CA here.
fn issued(world: &World) -> Result<ServerIdentity, ThingsError> {
    let config = &world.config;
    let mut names = config.hostnames.clone();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    // AWSIoTPythonSDK refuses any other over WebSocket.
    names.push(endpoint_name(&config.account_id, &config.region));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let (chain, key) = world
        .things
        .server_certificate(&names, world.clock.now_ms())?;
    Ok(ServerIdentity::new(chain, key))
}

fn registry(world: &Arc<World>) -> Registry {
    let (things, clock) = (Arc::clone(&world.things), Arc::clone(&world.clock));
    Arc::new(move |id: &str, der| match things.certificate(id) {
        None if things.registers_just_in_time(der) => Standing::Registered,
        None => Standing::Unknown,
        Some(certificate) if certificate.not_after_ms <= clock.now_ms() => Standing::Expired,
        Some(certificate) if certificate.not_before_ms > clock.now_ms() => Standing::NotYet,
        Some(_) => Standing::Registered,
    })
}
