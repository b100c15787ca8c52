//! Puts a server together: opens what is kept, binds the listeners, connects the parts with each
//! other, and takes everything down again in order.

mod assemble;
mod ca_file;
mod error;
mod follow;
mod memory;
mod ready;

pub use error::StartError;

use crate::config::Config;
use crate::dispatch::RuleBook;
use crate::hub::Hub;
use crate::shards::Shards;
use crate::world::World;
use ca_file::CaFile;
use mqtt::codec::ReasonCode;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What rules may still take when the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// What clients may take to go when the server ends their connections.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What requests to the API may still take after that.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// thingcore as a library: a server in this process.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server. When this returns, everything listens.
    ///
    /// # Errors
    /// A setting that cannot be meant, a data directory that cannot be used, a port that is
    /// taken.
    pub fn start(config: Config) -> Result<Running, StartError> {
        let began = Instant::now();
        let ready_file = config.ready_file.clone();
        let running = assemble::assemble(config)?;
        if let Some(path) = ready_file {
            ready::write(&running, &path).map_err(|reason| StartError::ReadyFile {
                path: path.display().to_string(),
                reason,
            })?;
        }
        let ready_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(ready_ms, api = running.api_url(), "ready");
        Ok(running)
    }
}

/// The ports that a server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// MQTT without TLS, if it is on.
    pub mqtt: Option<u16>,
    /// MQTT over mutual TLS.
    pub mqtts: u16,
    /// TLS with ALPN: MQTT, WebSocket, HTTPS publish.
    pub https: u16,
    /// AWS API and admin over HTTP.
    pub api: u16,
}

/// A server that runs until it is shut down or dropped.
pub struct Running {
    /// The parts, until they are stopped.
    parts: Option<Parts>,
    config: Config,
    ports: Ports,
    api_url: String,
    endpoint: String,
    ca_file: CaFile,
}

/// What has to be stopped in order.
struct Parts {
    world: Arc<World>,
    rules: Arc<RuleBook>,
    /// Tells the listeners to stop.
    stop: watch::Sender<bool>,
    shards: Shards,
    control: Control,
}

impl Running {
    /// The ports, also those that the system chose.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The address of the AWS API, for `--endpoint-url`.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// The host name that DescribeEndpoint answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A PEM file with the root CA.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.ca_file.path()
    }

    /// The address of the listeners for clients on this machine.
    #[must_use]
    pub fn local_ip(&self) -> IpAddr {
        local_ip(self.config.bind)
    }

    /// What the server was told.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Stops accepting, lets rules finish what they have, closes connections and functions.
    /// Waits for it, at most some seconds.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        // A thread of its own, because a runtime may neither wait nor be dropped inside of
        // another one, where the caller may be.
        let stopped = std::thread::scope(|scope| scope.spawn(|| parts.stop()).join());
        if stopped.is_err() {
            tracing::error!("stopping panicked");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("ports", &self.ports)
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

impl Parts {
    fn stop(self) {
        let Self {
            world,
            rules,
            stop,
            shards,
            control,
        } = self;
        // An error says that no listener is left.
        let _ = stop.send(true);
        let given_up = control.runtime().block_on(world.delivery.drain(DRAIN));
        if given_up > 0 {
            tracing::warn!(messages = given_up, "stopped before rules were done");
        }
        world.hub.close_all(ReasonCode::ServerShuttingDown);
        control.runtime().block_on(all_gone(&world.hub));
        world.functions.shut_down();
        drop((shards, rules));
        control.end();
        world.hub.rest();
        tracing::info!("stopped");
    }
}

/// Where a client on this machine finds what is bound to an address.
fn local_ip(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    }
}

/// Waits until clients have been told and are gone; who does not read is not waited for long.
async fn all_gone(hub: &Hub) {
    let gone = async {
        while hub.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Who is left then is cut off.
    let _ = tokio::time::timeout(LAST_WORDS, gone).await;
}

/// The runtime of everything but the connections: API, rules, functions, timers.
struct Control(Option<Runtime>);

impl Control {
    fn start() -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("control")
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => Ok(Self(Some(runtime))),
            Err(error) => Err(StartError::Failed(format!("no threads: {error}"))),
        }
    }

    fn runtime(&self) -> &Runtime {
        self.0
            .as_ref()
            .expect("it is taken by `end` and `drop` alone")
    }

    fn end(mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(LAST_REQUESTS);
        }
    }
}

impl Drop for Control {
    /// A start that failed may have happened inside of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
