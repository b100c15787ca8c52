//! The command line: one file per command. Here is what they share: how a command is found, how
//! an error is shown, and what the exit status says.

mod client;
pub(crate) mod credentials;
mod device;
mod flood;
mod function;
mod health;
mod lines;
mod log;
mod one_line;
mod policy;
mod quickstart;
mod rules;
mod serve;
mod tail;
mod terminal;
mod thing;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit status for usage and configuration errors (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Where commands look for a server.
const URL_DEFAULT: &str = "http://127.0.0.1:9883";

/// AWS IoT Core on your own machine
#[derive(Parser)]
#[command(name = "thingcore", version, about, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  The AWS IoT tutorial from end to end, in this folder:
    thingcore quickstart

  A server that keeps nothing, and one that keeps everything in ./thingcore-data:
    thingcore serve --memory
    thingcore serve

  A thing with certificate and policy for a device to connect with:
    thingcore thing create sensor-1 --certs ./certs

  What passes through the server, and why something was refused:
    thingcore tail 'sensors/#'

  May this client publish, by this policy?
    thingcore policy test --policy device.json --action iot:Publish \\
      --resource arn:aws:iot:us-east-1:000000000000:topic/test/topic

  What does this SQL make of a message?
    thingcore rules test --sql \"SELECT t, topic(2) AS d FROM 'a/+' WHERE t > 20\" \\
      --topic a/b --payload '{\"t\": 25}'

Exit status: 0 done, 1 failed while running, 64 wrong usage or configuration.";

#[derive(Subcommand)]
enum Command {
    /// Run a server
    // Boxed, because it has many more fields than the others.
    Serve(Box<serve::ServeArgs>),
    /// Do the AWS IoT tutorial in this folder, from a thing to an object in S3
    Quickstart(Box<quickstart::QuickstartArgs>),
    /// Work with things of a running server
    #[command(subcommand)]
    Thing(ThingCommand),
    /// Watch messages, rules and refusals of a running server as they happen
    Tail(tail::TailArgs),
    /// Work with the Lambda functions of a running server
    #[command(subcommand)]
    Function(function::FunctionCommand),
    /// Work with policies without a server
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Work with rules: test SQL and templates without a server, see what rules of one did
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Say by the exit status whether a server is ready
    Health(health::HealthArgs),
}

#[derive(Subcommand)]
enum ThingCommand {
    /// Create a thing with a certificate and a policy, ready to connect
    Create(thing::ThingCreateArgs),
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Decide requests by policy documents
    Test(policy::PolicyTestArgs),
}

#[derive(Subcommand)]
enum RulesCommand {
    /// Evaluate the SQL of a rule, or a substitution template, for messages
    Test(rules::RulesTestArgs),
    /// Show the functions of the SQL, with examples
    Functions(rules::RulesFunctionsArgs),
    /// Show how often a rule of a running server fired and did not, and what it did last
    Explain(rules::RulesExplainArgs),
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Quickstart(args) => quickstart::run(*args),
        Command::Thing(ThingCommand::Create(args)) => thing::run(args),
        Command::Tail(args) => tail::run(&args),
        Command::Function(command) => function::run(command),
        Command::Policy(PolicyCommand::Test(args)) => policy::run(args),
        Command::Rules(RulesCommand::Test(args)) => rules::run(args),
        Command::Rules(RulesCommand::Functions(args)) => rules::run_functions(&args),
        Command::Rules(RulesCommand::Explain(args)) => rules::run_explain(&args),
        Command::Health(args) => health::run(&args),
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let command = match parse(std::env::args_os()) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match run(command) {
        Ok(status) => status,
        // Whoever read the output has seen enough (`thingcore ... | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let status = exit_status(&error);
            // Nobody is left to be told if standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(status)
        }
    }
}

/// A runtime for what a command itself does.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Wrong usage or configuration, in one line that says what to change: the exit status is 64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

fn exit_status(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() { EXIT_USAGE } else { 1 }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause.downcast_ref().map(io::Error::kind);
        let json = cause.downcast_ref().map(serde_json::Error::io_error_kind);
        kind == Some(io::ErrorKind::BrokenPipe) || json.flatten() == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Reads the arguments; help, version and errors are printed here.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, ExitCode> {
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli.command),
        Err(error) => error,
    };
    Err(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed standard output is no failure of a command that only prints.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(EXIT_USAGE)
        }
        _ => {
            let _ = writeln!(io::stderr(), "{}", one_line(&error.render().to_string()));
            ExitCode::from(EXIT_USAGE)
        }
    })
}

/// What clap says in paragraphs, as one line without the usage.
fn one_line(rendered: &str) -> String {
    let text = rendered.split("\nUsage:").next().unwrap_or(rendered);
    let text = text.split("\nFor more information").next().unwrap_or(text);
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        line.push_str(match line.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) => "; ",
        });
        line.push_str(part);
    }
    line + " (see --help)"
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The address of a server that gives these answers, one a connection, and then is gone.
    pub(super) async fn answering(answers: Vec<(u16, String)>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                }
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                // A request body that is not read would reset the connection.
                stream.read_to_end(&mut request).await.unwrap();
            }
        });
        format!("http://{address}")
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_are_one_line() {
        for (arguments, expected) in [
            (
                "thingcore polcy",
                "error: unrecognized subcommand 'polcy'; tip: a similar subcommand exists: 'policy' (see --help)",
            ),
            (
                "thingcore policy test --polizy x",
                "error: unexpected argument '--polizy' found; tip: a similar argument exists: '--policy' (see --help)",
            ),
            (
                "thingcore policy test --stdin --var x",
                "error: invalid value 'x' for '--var <NAME=VALUE>': write NAME=VALUE, as in iot:ClientId=test-1 (see --help)",
            ),
        ] {
            let error = Cli::try_parse_from(arguments.split(' ')).err();
            let line = error.map(|error| one_line(&error.render().to_string()));
            assert_eq!(line.as_deref(), Some(expected), "{arguments}");
        }
    }

    #[test]
    fn the_exit_status_tells_usage_from_failure() {
        assert_eq!(exit_status(&Usage("x".to_owned()).into()), 64);
        let wrapped = anyhow::Error::from(Usage("x".to_owned())).context("y");
        assert_eq!(exit_status(&wrapped), 64);
        assert_eq!(exit_status(&anyhow::anyhow!("x")), 1);
    }

    #[test]
    fn a_closed_pipe_is_recognised_below_other_errors() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&anyhow::Error::from(pipe()).context("x")));
        assert!(is_broken_pipe(&serde_json::Error::io(pipe()).into()));
        assert!(!is_broken_pipe(&io::Error::other("x").into()));
    }
}
