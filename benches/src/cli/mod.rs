//! The command line: what is asked for, how an error is shown, and what the exit status says.

mod flags;
mod mode;
mod plans;
mod run;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status for wrong usage (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// A load generator for MQTT brokers
#[derive(Parser)]
#[command(name = "thingcore-bench", version, about, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, subcommand_required = true)]
#[command(args_override_self = true, infer_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  One publisher, a hundred subscribers, as fast as the broker can, and what that costs it:
    thingcore-bench fan-out --subscribers 100 --size 256 --pid $(pidof mosquitto)

  Latency at a load that the broker can bear:
    thingcore-bench pairs --pairs 50 --rate 5000 --html pairs.html

Exit status: 0 everything that was due was delivered, 1 it was not or the run failed, 64 wrong usage.";

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Mode(mode::Mode),
}

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    match execute(&cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            let usage = error.is::<Usage>();
            ExitCode::from(if usage { EXIT_USAGE } else { 1 })
        }
    }
}

/// Wrong usage, in one line that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Does what is asked for; false if a broker did not do all that it should have.
fn execute(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Mode(mode) => run::run_and_show(mode),
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    // A closed output is no failure of a command that only prints.
    let _ = error.print();
    Err(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_USAGE),
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
