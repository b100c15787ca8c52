//! `thingcore rules test`: what rule SQL and substitution templates make of messages, without a
//! server.

mod answer;
mod explain;
mod functions;
mod message;

use super::{Usage, lines};
use crate::clock::Clock;
use ::rules::sql::{Context, EvalError, Outcome, SqlVersion, Statement};
use ::rules::template::Template;
use answer::{Answer, Failure, TextAnswer};
use anyhow::bail;
use clap::Args;
pub(crate) use explain::{RulesExplainArgs, run as run_explain};
pub(crate) use functions::{RulesFunctionsArgs, run as run_functions};
use message::{Line, Outside, Published};
use mqtt::profile::Profile;
use mqtt::topic::TopicFilter;
use rand::SeedableRng;
use rand::rngs::SmallRng;
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

fn version(name: &str) -> Result<SqlVersion, String> {
    SqlVersion::from_name(name).ok_or_else(|| "write 2016-03-23, 2015-10-08 or beta".to_owned())
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
    let good = answer_message(&line, &mut answer)?;
    output.write_all(&answer)?;
    output.flush()?;
    explain(&line, std::io::stderr().lock())?;
    Ok(good)
}

/// Answers each line and says whether all could be read.
fn answer_lines(input: impl Read, output: impl Write) -> anyhow::Result<bool> {
    lines::answer(input, output, |line, answer| {
        answer_message(&serde_json::from_slice(line)?, answer)?;
        Ok(())
    })
}

/// Appends the answer for a message, and says whether there was no error in SQL or template.
fn answer_message(line: &Line<'_>, answer: &mut Vec<u8>) -> anyhow::Result<bool> {
    let published = Published::of(line)?;
    let version = match line.sql_version.as_deref() {
        None => SqlVersion::V2016,
        Some(name) => version(name).map_err(|why| anyhow::anyhow!("sql_version: {why}"))?,
    };
    if let Some(template) = &line.template {
        let text = render(line, template, version, &published);
        let good = text.is_ok();
        lines::write(&TextAnswer::of(line.id, text), answer)?;
        return Ok(good);
    }
    let Some(sql) = &line.sql else {
        bail!("missing field `sql` or `template`");
    };
    let outcome = evaluate(sql, version, &published);
    let good = outcome.is_ok();
    lines::write(&Answer::of(line.id, &outcome)?, answer)?;
    Ok(good)
}

/// Says on the terminal why a message does not fire the rule.
fn explain(line: &Line<'_>, mut out: impl Write) -> anyhow::Result<()> {
    let (Some(sql), None) = (&line.sql, &line.template) else {
        return Ok(());
    };
    let published = Published::of(line)?;
    let version = line.sql_version.as_deref().and_then(SqlVersion::from_name);
    // What is wrong with the statement is in the answer already.
    let Ok(statement) = Statement::parse(sql, version.unwrap_or_default()) else {
        return Ok(());
    };
    let message = published.message();
    if message.basic_ingest_rule.is_none()
        && let Some(filter) = statement.topic_filter()
        && !matches(filter, message.published_topic())
    {
        let topic = message.published_topic();
        writeln!(out, "FROM '{filter}' does not match the topic {topic}")?;
        return Ok(());
    }
    let unmet = with_context(&published, |context| Ok(statement.unmet(context)?));
    for unmet in unmet.unwrap_or_default() {
        let text = |json: &Option<String>| json.clone().unwrap_or_else(|| "Undefined".to_owned());
        let sides = unmet.sides.as_ref();
        let sides = sides.map(|[left, right]| format!(": {} and {}", text(left), text(right)));
        let (part, value) = (&unmet.part, text(&unmet.value));
        writeln!(out, "WHERE {part} is {value}{}", sides.unwrap_or_default())?;
    }
    Ok(())
}

/// What the rules engine would do: nothing at all if the filter does not match.
fn evaluate(sql: &str, version: SqlVersion, published: &Published<'_>) -> Result<Outcome, Failure> {
    let statement = Statement::parse(sql, version)?;
    let message = published.message();
    // Basic Ingest names its rule: the filter is not asked.
    if message.basic_ingest_rule.is_none()
        && let Some(filter) = statement.topic_filter()
        && !matches(filter, message.published_topic())
    {
        return Ok(Outcome::NotMatched);
    }
    with_context(published, |context| Ok(statement.evaluate(context)?))
}

/// `a/#` does not match `a` in rules, whatever the profile of a server.
fn matches(filter: &str, topic: &str) -> bool {
    let filter = TopicFilter::parse(filter, &Profile::mqtt());
    filter.is_ok_and(|filter| filter.matches(topic, false))
}

fn with_context<T>(
    published: &Published<'_>,
    work: impl FnOnce(&mut Context<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let message = published.message();
    let now_ms = i64::try_from(Clock::default().now_ms()).unwrap_or(i64::MAX);
    let mut rng = SmallRng::from_os_rng();
    let mut outside = Outside(published.context);
    work(&mut Context::new(&message, now_ms, &mut rng).with_external(&mut outside))
}

/// The text of a template in a rule, whose variables it sees.
fn render(
    line: &Line<'_>,
    template: &str,
    version: SqlVersion,
    published: &Published<'_>,
) -> Result<String, Failure> {
    let sql = match (&line.sql, &line.set) {
        (Some(sql), _) => sql.clone(),
        (None, None) => "SELECT *".into(),
        (None, Some(set)) => {
            let set = set.iter().map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                format!("{name} = {value}")
            });
            let set: Vec<String> = set.collect();
            format!("SET {} SELECT *", set.join(", ")).into()
        }
    };
    let statement = Statement::parse(&sql, version)?;
    let template = Template::parse_for(template, &statement)?;
    let text = with_context(published, |context| {
        let _: Result<Outcome, EvalError> = statement.evaluate(context);
        Ok(template.render(context)?)
    })?;
    // A leading `$$` stands for `$` in the topic of a republish action.
    Ok(match line.field.as_deref() {
        Some("republish.topic") if text.starts_with("$$") => text[1..].to_owned(),
        Some(_) | None => text,
    })
}

#[cfg(test)]
mod tests;
