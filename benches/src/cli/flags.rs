//! Flags that all modes share.

use super::Usage;
use crate::api::signed_websocket;
use crate::load::ClientSettings;
use crate::net::{Endpoint, Identity, Transport, tls_client};
use crate::wire::{Login, QoS, Version};
use clap::Args;
use rustls_pki_types::ServerName;
use std::path::PathBuf;

/// Where the broker is and how to get in.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Broker")]
pub(crate) struct TargetFlags {
    /// The broker
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883")]
    pub(crate) target: String,

    /// The broker's processes, to measure their CPU and memory (Linux, same machine)
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) pid: Vec<i32>,

    /// MQTT version
    #[arg(long, value_name = "VERSION", default_value = "3.1.1")]
    pub(crate) mqtt: Version,

    /// Speak TLS; implied by --cafile
    #[arg(long)]
    pub(crate) tls: bool,

    #[command(flatten)]
    pub(crate) files: TlsFiles,

    /// The name in the broker's certificate, if it is not the host of --target (default for an
    /// address: localhost)
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// The protocol to ask for in the TLS handshake, as x-amzn-mqtt-ca
    #[arg(long, value_name = "NAME")]
    pub(crate) alpn: Option<String>,

    /// Speak MQTT over WebSocket (with --tls: WSS)
    #[arg(long)]
    pub(crate) ws: bool,

    /// The path of the WebSocket
    #[arg(long, value_name = "PATH", default_value = "/mqtt")]
    pub(crate) ws_path: String,

    /// Sign the WebSocket for this region, as AWS IoT wants it, with AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY (default: test and test)
    #[arg(long, value_name = "REGION", requires = "ws")]
    pub(crate) sigv4: Option<String>,

    /// User name
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// Password
    #[arg(long, value_name = "TEXT", requires = "username")]
    pub(crate) password: Option<String>,

    /// What topics begin with (default: bench/PID)
    #[arg(long, value_name = "TOPIC")]
    pub(crate) topic_prefix: Option<String>,

    /// What client ids begin with (default: bench-PID)
    #[arg(long, value_name = "TEXT")]
    pub(crate) client_prefix: Option<String>,

    /// Keep alive
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) keep_alive: u16,

    /// Connections that are made at a time
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) at_once: usize,

    /// How long it may take until all clients are ready
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub(crate) set_up_seconds: f64,

    /// Spread clients over 127.0.0.1 to 127.0.0.N, for more than 28,000 of them
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) source_addresses: usize,
}

/// The files of TLS.
#[derive(Args, Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The CA that has signed the broker's certificate; a file may hold several
    #[arg(long, value_name = "FILE")]
    pub(crate) cafile: Option<PathBuf>,

    /// The certificate of the clients, for mutual TLS
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The key of --cert
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Where the results go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a page with charts as well
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// A name for the broker in the results
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,

    /// A name for the load in the results
    #[arg(long, value_name = "TEXT", hide = true)]
    pub(crate) case: Option<String>,

    /// No progress bar
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl TlsFiles {
    /// The clients' certificate with its key.
    fn identity(&self) -> Option<Identity> {
        let (certificate, key) = self.cert.clone().zip(self.key.clone())?;
        Some(Identity { certificate, key })
    }

    /// The flags as they were given.
    pub(super) fn arguments(&self) -> Vec<String> {
        let files = [
            ("--cafile", &self.cafile),
            ("--cert", &self.cert),
            ("--key", &self.key),
        ];
        let given = files.into_iter().filter_map(|(flag, file)| {
            Some([flag.to_owned(), file.as_ref()?.display().to_string()])
        });
        given.flatten().collect()
    }
}

impl TargetFlags {
    pub(crate) fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let address = Endpoint::resolve(&self.target)?;
        let host = self.target.rsplit_once(':').map_or("", |(host, _)| host);
        let tls = match &self.files.cafile {
            None if self.tls => {
                let text = "--tls needs --cafile, the CA of the broker's certificate";
                return Err(Usage(text.to_owned()).into());
            }
            None => None,
            Some(ca) => {
                let identity = self.files.identity();
                let config = tls_client(ca, identity.as_ref(), self.alpn.as_deref())
                    .map_err(|error| Usage(error.to_string()))?;
                Some((config, self.server_name(host)?))
            }
        };
        let path = match &self.sigv4 {
            Some(region) => signed_websocket(&self.target, &self.ws_path, region)?,
            None => self.ws_path.clone(),
        };
        let websocket = (self.target.clone(), path);
        Ok(Endpoint {
            address,
            version: self.mqtt,
            transport: Transport {
                tls,
                websocket: self.ws.then_some(websocket),
            },
            source_addresses: self.source_addresses.clamp(1, 254),
        })
    }

    fn server_name(&self, host: &str) -> Result<ServerName<'static>, Usage> {
        // Certificates seldom have an address in them.
        let is_address = host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok();
        let host = if is_address { "localhost" } else { host };
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name.clone()).map_err(|_| {
            Usage(format!(
                "`{name}` is no server name; give one with --server-name"
            ))
        })
    }

    pub(crate) fn topic_prefix(&self) -> String {
        let default = || format!("bench/{}", std::process::id());
        self.topic_prefix.clone().unwrap_or_else(default)
    }

    pub(crate) fn client(&self, qos: QoS) -> ClientSettings {
        let default = || format!("bench-{}", std::process::id());
        ClientSettings {
            version: self.mqtt,
            qos,
            id_prefix: self.client_prefix.clone().unwrap_or_else(default),
            topic_prefix: self.topic_prefix(),
            keep_alive_s: self.keep_alive,
            login: self.username.as_ref().map(|username| Login {
                username: username.clone(),
                password: self.password.clone().unwrap_or_default(),
            }),
            at_once: self.at_once,
            set_up_s: self.set_up_seconds,
        }
    }

    /// How the broker is spoken to, in words.
    pub(crate) fn transport(&self) -> &'static str {
        let tls = self.files.cafile.is_some();
        match (tls, self.files.cert.is_some(), self.ws) {
            (false, _, false) => "TCP",
            (false, _, true) => "WebSocket",
            (true, false, false) => "TLS",
            (true, true, false) => "mutual TLS",
            (true, false, true) => "WSS",
            (true, true, true) => "WSS with a client certificate",
        }
    }
}
