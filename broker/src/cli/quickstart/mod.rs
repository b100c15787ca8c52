//! `thingcore quickstart`: the AWS IoT tutorial from end to end, in the current folder. A server
//! is started in this process; everything else goes through its doors, as it would from outside.

mod cloud;
mod story;

use super::{Usage, log, serve};
use crate::config::{Config, Flags};
use clap::Args;
use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// What `thingcore quickstart` can be told: as `serve`, but for ports, which the system chooses
/// unless they are given, so that it runs beside a server.
#[derive(Args, Clone, Debug)]
#[command(after_help = NOTES)]
pub(crate) struct QuickstartArgs {
    #[command(flatten)]
    flags: Flags,
}

const NOTES: &str = "Ports that are not given are chosen by the system. The device's files are \
left in ./thingcore-certs,\nand the server's data in ./thingcore-data, so that you can go on with \
`thingcore serve`; with --memory\nnothing is left.

Examples:
  thingcore quickstart
  thingcore quickstart --memory";

/// The folder for the device's files.
const CERTS: &str = "thingcore-certs";

/// Does the tutorial.
///
/// # Errors
/// The first step that does not come out as the tutorial says.
pub(crate) fn run(args: QuickstartArgs) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let by_hand = serve::resolve(args.flags.clone(), Config::default())?;
    let free = Config {
        mqtts_port: 0,
        https_port: 0,
        api_port: 0,
        ..Config::default()
    };
    let config = serve::resolve(args.flags, free)?;
    if config.server_cert.is_some() {
        let why =
            "quickstart's device trusts the root CA that is made here: leave --server-cert out";
        return Err(Usage(why.to_owned()).into());
    }
    log::start(config.log_format, config.log.as_deref(), "error")?;
    let running = serve::start(config.clone())?;
    // Without a data directory the files are of no use afterwards; those of another run may be.
    let scratch = config.memory.then(tempfile::tempdir).transpose()?;
    let certs = scratch
        .as_ref()
        .map_or(Path::new(CERTS), |folder| folder.path());
    let mut out = io::stdout().lock();
    let told = super::runtime()?.block_on(story::tell(&running, certs, &mut out));
    running.shutdown();
    told?;
    writeln!(out)?;
    writeln!(out, "Done in {} ms.", began.elapsed().as_millis())?;
    if config.memory {
        writeln!(
            out,
            "Nothing was kept: leave --memory out to go on by hand."
        )?;
    } else {
        // Behind the names of program and command.
        let flags: Vec<_> = env::args().skip(2).collect();
        story::go_on(&by_hand, &flags, certs, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
