//! `thingcore serve`: a server in the foreground.

use super::{Usage, log};
use crate::config::{Config, Flags};
use crate::server::{Running, Server, StartError};
use clap::Args;
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The log lines of a server for which nothing else is asked.
const LOG_DEFAULT: &str = "warn,thingcore=info,things=info,rules=info,rskafka=error";

/// What `thingcore serve` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    flags: Flags,
}

const EXAMPLES: &str = "Examples:
  Everything is kept in ./thingcore-data:
    thingcore serve

  Nothing is kept, the system chooses the ports and a file says which:
    thingcore serve --memory --mqtts-port 0 --https-port 0 --api-port 0 --ready-file ready.json

  For other machines, under a name of your own:
    thingcore serve --bind 0.0.0.0 --hostname iot.example.test

  With a certificate of your own for that name:
    thingcore serve --hostname iot.example.test --server-cert chain.pem --server-key key.pem

  Rule actions for SNS go to another emulator:
    AWS_ENDPOINT_URL_SNS=http://localhost:4566 thingcore serve";

/// Runs a server until SIGINT or SIGTERM.
///
/// # Errors
/// A server that does not start, or standard output that fails.
pub(crate) fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = resolve(args.flags, Config::default())?;
    log::start(config.log_format, config.log.as_deref(), LOG_DEFAULT)?;
    let runtime = super::runtime()?;
    // Before the ready file is there: whoever waits for it may stop the server at once.
    let mut signals = runtime.block_on(async { Signals::listen() })?;
    let running = start(config.clone())?;
    match greet(&config, &running, io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        // A server does not depend on somebody reading its greeting.
        Ok(()) | Err(_) => {}
    }
    runtime.block_on(signals.first());
    running.shutdown();
    Ok(ExitCode::SUCCESS)
}

/// The configuration, as errors of the command line.
pub(super) fn resolve(flags: Flags, default: Config) -> anyhow::Result<Config> {
    Ok(Config::resolve(flags, default).map_err(|error| Usage(error.to_string()))?)
}

/// Starts a server, with errors of the command line.
pub(super) fn start(config: Config) -> anyhow::Result<Running> {
    Server::start(config).map_err(|error: StartError| {
        if error.is_usage() {
            Usage(error.to_string()).into()
        } else {
            anyhow::Error::from(error)
        }
    })
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn first(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Says where everything is and what to do next.
fn greet(config: &Config, running: &Running, mut out: impl Write) -> io::Result<()> {
    let (ports, endpoint) = (running.ports(), running.endpoint());
    let (url, ca) = (running.api_url(), running.ca_file().display());
    let version = env!("CARGO_PKG_VERSION");
    writeln!(out, "thingcore {version} is ready")?;
    writeln!(out)?;
    let place = format!("region {}, account {}", config.region, config.account_id);
    writeln!(out, "  AWS API        {url} ({place})")?;
    writeln!(out, "  console        {url}/console/")?;
    let anonymous = match config.anonymous_policy {
        Some(_) => "held to --anonymous-policy",
        None => "allowed everything",
    };
    let who = if config.client_certs_optional {
        format!("TLS, anyone without a client certificate is {anonymous}")
    } else {
        "TLS with client certificate".to_owned()
    };
    writeln!(out, "  MQTT           {endpoint}:{} ({who})", ports.mqtts)?;
    writeln!(
        out,
        "  TLS with ALPN  {endpoint}:{} (MQTT, WebSocket at /mqtt, HTTPS publish)",
        ports.https
    )?;
    if let Some(port) = ports.mqtt {
        writeln!(
            out,
            "  plain MQTT     {endpoint}:{port} (no TLS, anyone is {anonymous})"
        )?;
    }
    writeln!(out, "  root CA        {ca}")?;
    if let Some(own) = &config.server_cert {
        let chain = own.chain.display();
        writeln!(out, "  server cert    {chain} (clients trust its CA)")?;
    }
    if config.memory {
        writeln!(
            out,
            "  data           in memory, gone when the server stops"
        )?;
    } else {
        writeln!(out, "  data           {}", config.data_dir.display())?;
    }
    writeln!(out)?;
    writeln!(out, "Next, in another terminal:")?;
    let to = if url == super::URL_DEFAULT {
        String::new()
    } else {
        format!(" --url {url}")
    };
    writeln!(out, "  thingcore thing create my-thing --certs ./certs{to}")?;
    let region = &config.region;
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={region}"
    )?;
    writeln!(out, "  aws --endpoint-url {url} iot list-things")?;
    writeln!(out)?;
    writeln!(out, "Ctrl-C stops it.")?;
    out.flush()
}
