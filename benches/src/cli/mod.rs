//! The command line: what is asked for, how an error is shown, and what the exit status says.

mod flags;
mod mode;
mod plans;
mod run;

mod growth;
mod messages;
mod others;
mod registry;

mod cases;
mod compare;
mod target;

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

  Mutual TLS, as devices speak to AWS IoT:
    thingcore-bench fan-in --target localhost:8883 --cafile Amazon-root-CA-1.pem \\
      --cert device.pem.crt --key private.pem.key --alpn x-amzn-mqtt-ca

  What twenty rules on a topic cost:
    thingcore-bench rules --rules 20 --api-url http://127.0.0.1:9883 --pid $(pidof thingcore)

  A fleet of 100,000 things with certificates:
    thingcore-bench registry --server target/release/thingcore

  A known case, and two brokers by turns:
    thingcore-bench case fan100-256 --pid $(pidof mosquitto)
    thingcore-bench compare --case short --repeats 3 --html compared.html \\
      --start 'thingcore=thingcore serve --memory --mqtt-port {port}' \\
      --target mosquitto=127.0.0.1:1884,$(pidof mosquitto)

Exit status: 0 everything that was due was delivered, 1 it was not or the run failed, 64 wrong usage.";

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Mode(Box<mode::Mode>),
    /// Run a known case; flags after its name win over its own
    Case(Case),
    /// List the known cases
    Cases,
    /// Run cases against several brokers by turns
    Compare(Box<compare::Compare>),
    /// Fill a thingcore's registry: creation, memory, pages, start from disk
    Registry(registry::Registry),
}

#[derive(clap::Args, Clone, Debug)]
struct Case {
    /// The case
    name: String,
    /// Flags of its mode
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "FLAGS"
    )]
    flags: Vec<String>,
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
        Command::Case(case) => run_case(case),
        Command::Cases => {
            let mut stdout = io::stdout().lock();
            for (name, line) in cases::CASES {
                writeln!(stdout, "{name:20} {line}")?;
            }
            Ok(true)
        }
        Command::Compare(args) => compare::compare(args),
        Command::Registry(args) => registry::registry(args),
    }
}

fn run_case(case: &Case) -> anyhow::Result<bool> {
    let line = cases::command_line(&case.name).ok_or_else(|| unknown_case(&case.name))?;
    let words = ["thingcore-bench"].into_iter().chain(line.split(' '));
    let words = words.chain(["--case", case.name.as_str()]);
    let words = words.chain(case.flags.iter().map(String::as_str));
    let cli = match parse(words.map(OsString::from)) {
        Ok(cli) => cli,
        // What is wrong has been printed.
        Err(status) if status == ExitCode::SUCCESS => return Ok(true),
        Err(_) => return Err(Usage(format!("the flags do not fit `{line}`")).into()),
    };
    match &cli.command {
        Command::Mode(mode) => run::run_and_show(mode),
        Command::Case(_) | Command::Cases | Command::Compare(_) | Command::Registry(_) => {
            Err(unknown_case(&case.name).into())
        }
    }
}

fn unknown_case(name: &str) -> Usage {
    Usage(format!(
        "there is no case `{name}`; `thingcore-bench cases` lists them"
    ))
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
