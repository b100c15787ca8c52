//! `thingcore rules test`: what rule SQL and substitution templates make of messages, without a
//! server.

mod explain;
mod functions;

use super::{Usage, lines};
use crate::trial::{self, Line, version};
use ::rules::sql::SqlVersion;
use clap::Args;
pub(crate) use explain::{RulesExplainArgs, run as run_explain};
pub(crate) use functions::{RulesFunctionsArgs, run as run_functions};
use std::borrow::Cow;
use std::io::{BufWriter, Read, Write};
use std::process::ExitCode;

/// What `thingcore rules test` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RulesTestArgs {
    /// The SQL of the rule; with --template, the rule whose variables it sees
    #[arg(long, required_unless_present_any = ["stdin", "template"])]
    sql: Option<String>,
    /// A substitution template, to be rendered; with --stdin each line brings its own
    #[arg(long, value_name = "TEXT", num_args = 0..=1)]
    template: Option<Option<String>>,
    /// The version of the SQL, as in awsIotSqlVersion
    #[arg(long, value_name = "VERSION", default_value = "2016-03-23", value_parser = version)]
    sql_version: SqlVersion,
    /// The topic of the message
    #[arg(long, required_unless_present = "stdin")]
    topic: Option<String>,
    /// The payload of the message, as text
    #[arg(long, value_name = "TEXT", required_unless_present = "stdin")]
    payload: Option<String>,
    /// The MQTT client id of the publisher
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Read one message a line from standard input, with the SQL, as JSON
    #[arg(long, conflicts_with_all = ["sql", "topic", "payload", "client_id"])]
    stdin: bool,
}

const EXAMPLES: &str = r#"Examples:
  What does this SQL make of a message?
    thingcore rules test --sql "SELECT t, topic(2) AS d FROM 'a/+' WHERE t > 20" \
      --topic a/b --payload '{"t": 25}'

  The key of an S3 action:
    thingcore rules test --template '${topic()}/${timestamp()}' --topic a/b --payload '{}'

  Many at once, one JSON object a line:
    thingcore rules test --stdin < messages.jsonl
    {"id": 1, "sql": "SELECT * FROM 'a/b'", "sql_version": "2016-03-23", "topic": "a/b",
     "payload": {"t": 25}, "client_id": "test-1"}
    {"id": 2, "template": "${t + 1}", "topic": "a/b", "payload": {"t": 25}}
  Instead of "payload": "payload_text" or "payload_base64". "context" tells of the publisher, and
  answers functions that ask outside: "account_id", "principal", "source_ip", "trace_id",
  "protocol", "basic_ingest_rule", "mqtt5", "shadows", "dynamodb". A template may have "set", an
  object of variables, and "field", where it stands: "republish.topic" takes $$ for $.

Answers are JSON, in the order of the lines:
    {"id": 1, "matched": true, "output": {"t": 25}}
    {"id": 2, "text": "26"}
Output that is no JSON is "output_text", or "output_base64" if it is no text. What is wrong with
SQL or template is {"error": {"code", "message", "line", "column"}}. A line that cannot be read is
answered by {"id": 1, "error": "..."} and makes the exit status 1."#;

/// Runs the command on the process's standard streams.
///
/// # Errors
/// A standard stream that fails.
pub(crate) fn run(args: RulesTestArgs) -> anyhow::Result<ExitCode> {
    match (&args.template, args.stdin) {
        (Some(Some(_)), true) => {
            let why = "--template takes no text with --stdin, whose lines bring their own";
            return Err(Usage(why.to_owned()).into());
        }
        (Some(None), false) => {
            let why = "--template needs a text, as in --template '${topic()}', or --stdin";
            return Err(Usage(why.to_owned()).into());
        }
        (Some(Some(_)), false) | (Some(None), true) | (None, _) => {}
    }
    let mut output = BufWriter::new(std::io::stdout().lock());
    let good = if args.stdin {
        answer_lines(std::io::stdin().lock(), &mut output)?
    } else {
        answer_options(args, &mut output)?
    };
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Answers the one message that the options describe, and says whether there was no error.
fn answer_options(args: RulesTestArgs, mut output: impl Write) -> anyhow::Result<bool> {
    let line = Line {
        sql: args.sql.map(Cow::Owned),
        template: args.template.flatten().map(Cow::Owned),
        sql_version: Some(args.sql_version.name().into()),
        topic: args.topic.unwrap_or_default().into(),
        payload_text: args.payload.map(Cow::Owned),
        client_id: args.client_id.map(Cow::Owned),
        ..Line::default()
    };
    let mut answer = Vec::new();
    let good = trial::answer(&line, &mut answer)?;
    answer.push(b'\n');
    output.write_all(&answer)?;
    output.flush()?;
    let mut errors = std::io::stderr().lock();
    for reason in trial::reasons(&line)? {
        writeln!(errors, "{reason}")?;
    }
    Ok(good)
}

/// Answers each line and says whether all could be read.
fn answer_lines(input: impl Read, output: impl Write) -> anyhow::Result<bool> {
    lines::answer(input, output, |line, answer| {
        trial::answer(&serde_json::from_slice(line)?, answer)?;
        answer.push(b'\n');
        Ok(())
    })
}

#[cfg(test)]
mod tests;
