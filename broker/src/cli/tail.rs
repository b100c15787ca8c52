//! `thingcore tail`: what passes through a server, as it happens.

use super::client::{Call, Client};
use super::terminal::{Palette, Tone, printable, shortened, time_of_day};
use super::{URL_DEFAULT, Usage};
use anyhow::{Context, bail};
use clap::Args;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mqtt::Profile;
use mqtt::topic::TopicFilter;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use time::OffsetDateTime;

/// How much of a payload a line shows.
const PAYLOAD_CHARACTERS: usize = 120;

/// What `thingcore tail` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TailArgs {
    /// Topic filter, with + and # as in MQTT; quote it for the shell
    #[arg(default_value = "#")]
    filter: String,
    /// The server's API
    #[arg(long, env = "THINGCORE_URL", default_value = URL_DEFAULT)]
    url: String,
    /// Print one JSON object a line, payloads whole
    #[arg(long)]
    json: bool,
    /// Show payloads whole
    #[arg(long, conflicts_with = "json")]
    full: bool,
}

const EXAMPLES: &str = "Examples:
  Everything, connections included:
    thingcore tail

  The messages of one kind, and what was refused there:
    thingcore tail 'sensors/+/temperature'

  For programs:
    thingcore tail 'sensors/#' --json | jq 'select(.type == \"published\") | .payload'

Lines begin with the time (UTC) and what happened:
  message    topic, sender, QoS, payload, how many sessions got it and which rules were offered it
  rule       a rule's action and how it ended
  refused    what a policy or a limit did not let pass, and why
  connected, left    clients, when the filter is #
Refused connections are always shown. Ctrl-C ends.";

/// Follows the server's events until it ends or the user has seen enough.
///
/// # Errors
/// A filter that is none, a server that is not there or goes away, a standard output that fails.
pub(crate) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    TopicFilter::parse(&args.filter, &Profile::mqtt()).map_err(|why| {
        Usage(format!(
            "`{}` is not a topic filter: {why}",
            printable(&args.filter)
        ))
    })?;
    let client = Client::new(&args.url, "us-east-1")?;
    super::runtime()?.block_on(async {
        tokio::select! {
            outcome = follow(&client, args, io::stdout()) => outcome,
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn follow(client: &Client, args: &TailArgs, out: impl Write) -> anyhow::Result<ExitCode> {
    let filter = rules::target::encode_segment(&args.filter);
    let path = format!("/_thingcore/messages?follow=true&filter={filter}");
    let events = client
        .stream(Call {
            path: &path,
            ..Call::default()
        })
        .await?;
    if !args.json && io::stderr().is_terminal() {
        // Only a help for whoever looks on.
        let _ = writeln!(
            io::stderr(),
            "watching `{}` at {} (Ctrl-C ends)",
            args.filter,
            args.url
        );
    }
    let shape = Shape {
        palette: Palette::of_stdout(),
        payload_characters: if args.full {
            usize::MAX
        } else {
            PAYLOAD_CHARACTERS
        },
    };
    print_lines(events, out, |line| match args.json {
        true => Ok(line.to_owned()),
        false => shape.line(line, OffsetDateTime::now_utc()),
    })
    .await?;
    bail!("the server at {} has gone", args.url)
}

/// Prints each line of a stream as `shown` makes it, as soon as it is whole.
async fn print_lines(
    mut stream: Incoming,
    mut out: impl Write,
    shown: impl Fn(&str) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let mut rest = Vec::new();
    while let Some(frame) = stream.frame().await {
        let Ok(frame) = frame else {
            return Ok(());
        };
        rest.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let lines = std::str::from_utf8(&rest[..end]).context("the server sends no text")?;
        for line in lines.lines() {
            writeln!(out, "{}", shown(line)?)?;
        }
        out.flush()?;
        rest.drain(..=end);
    }
    Ok(())
}

/// How events are shown.
struct Shape {
    palette: Palette,
    payload_characters: usize,
}

impl Shape {
    /// One event as one line.
    fn line(&self, event: &str, time: OffsetDateTime) -> anyhow::Result<String> {
        let event: Value =
            serde_json::from_str(event).context("the server does not answer as thingcore does")?;
        let (tone, what, text) = match member(&event, "type") {
            "published" => (Tone::Strong, "message", self.message(&event)),
            "rule" => self.rule(&event),
            "refused" => (Tone::Bad, "refused", self.refused(&event)),
            "connected" => (Tone::Faint, "connected", self.connected(&event)),
            "disconnected" => (Tone::Faint, "left", self.left(&event)),
            "lost" => {
                let text = format!("{} events: this reader is too slow", event["count"]);
                (Tone::Bad, "lost", text)
            }
            // A newer server's event, as it is.
            other => (Tone::Faint, other, event.to_string()),
        };
        let time = self.palette.paint(Tone::Faint, time_of_day(time));
        let what = self.palette.paint(tone, format!("{:<9}", printable(what)));
        Ok(format!("{time}  {what}  {text}"))
    }

    fn message(&self, event: &Value) -> String {
        let topic = self.palette.paint(Tone::Strong, shown(event, "topic"));
        let retained = match event["retain"] {
            Value::Bool(true) => " retained",
            _ => "",
        };
        let mut text = format!(
            "{topic}  from {}  QoS {}{retained}  {}",
            sender(event),
            event["qos"],
            self.payload(event)
        );
        let receivers = match event["deliveries"].as_u64() {
            Some(1) => "to 1 session".to_owned(),
            Some(count @ 1..) => format!("to {count} sessions"),
            Some(0) | None => "to nobody".to_owned(),
        };
        self.append(&mut text, Tone::Faint, &receivers);
        let rules = event["rules"].as_array().map(Vec::as_slice);
        let rules: Vec<_> = rules
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .map(printable)
            .collect();
        if !rules.is_empty() {
            self.append(
                &mut text,
                Tone::Good,
                &format!("rules: {}", rules.join(", ")),
            );
        }
        text
    }

    fn append(&self, text: &mut String, tone: Tone, more: &str) {
        // Writing to a String does not fail.
        let _ = write!(text, "  {}", self.palette.paint(tone, more));
    }

    fn payload(&self, event: &Value) -> String {
        let text = match (
            &event["payload"],
            &event["payload_text"],
            &event["payload_base64"],
        ) {
            (Value::Null, Value::String(text), _) if text.is_empty() => "(empty)".to_owned(),
            (Value::Null, Value::String(text), _) => text.clone(),
            (Value::Null, _, Value::String(base64)) => format!("base64 {base64}"),
            (json, _, _) => json.to_string(),
        };
        printable(&shortened(&text, self.payload_characters)).into_owned()
    }

    fn rule(&self, event: &Value) -> (Tone, &'static str, String) {
        let outcome = member(event, "outcome");
        let tone = if outcome == "success" {
            Tone::Good
        } else {
            Tone::Bad
        };
        let text = format!(
            "{}  {}  {}  on {}",
            shown(event, "rule"),
            shown(event, "action"),
            self.palette.paint(tone, printable(outcome)),
            shown(event, "topic"),
        );
        (tone, "rule", text)
    }

    fn refused(&self, event: &Value) -> String {
        format!(
            "{} on {}  from {}  {}",
            shown(event, "action"),
            self.palette
                .paint(Tone::Strong, printable(resource(member(event, "resource")))),
            sender(event),
            self.palette.paint(Tone::Bad, shown(event, "reason")),
        )
    }

    fn connected(&self, event: &Value) -> String {
        let from = match member(event, "source_ip") {
            "" => String::new(),
            address => format!(" from {}", printable(address)),
        };
        format!(
            "{} as {}{from}",
            shown(event, "client_id"),
            principal(event)
        )
    }

    fn left(&self, event: &Value) -> String {
        format!("{}  {}", shown(event, "client_id"), shown(event, "reason"))
    }
}

/// The client id, or by what else something came in.
fn sender(event: &Value) -> String {
    match (member(event, "client_id"), member(event, "protocol")) {
        ("", "") if member(event, "principal").is_empty() => "nobody known".to_owned(),
        ("", "") => principal(event),
        ("", "server") => "the server".to_owned(),
        ("", "rule") => "a rule".to_owned(),
        ("", protocol) => format!("{} ({})", principal(event), printable(protocol)),
        (client_id, _) => printable(client_id).into_owned(),
    }
}

/// A certificate by the start of its id, anybody else by name.
fn principal(event: &Value) -> String {
    match member(event, "principal") {
        "" => "anonymous".to_owned(),
        id if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("certificate {}...", &id[..12])
        }
        name => printable(name).into_owned(),
    }
}

/// What an ARN names, without partition, region and account.
fn resource(arn: &str) -> &str {
    match arn.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or(arn),
        None => arn,
    }
}

fn member<'a>(event: &'a Value, name: &str) -> &'a str {
    event[name].as_str().unwrap_or_default()
}

fn shown<'a>(event: &'a Value, name: &str) -> std::borrow::Cow<'a, str> {
    printable(member(event, name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::answering;
    use super::*;

    fn check(event: &str, expected: &str) {
        let shape = Shape {
            palette: Palette::default(),
            payload_characters: 20,
        };
        let line = shape.line(event, OffsetDateTime::UNIX_EPOCH).unwrap();
        assert_eq!(line, format!("00:00:00.000Z  {expected}"));
    }

    #[test]
    fn each_event_is_one_line() {
        check(
            r#"{"type":"published","topic":"a/b","client_id":"c","principal":"p","protocol":"mqtt",
                "qos":1,"retain":false,"payload":{"t":1},"rules":["hot","cold"],"deliveries":2}"#,
            r#"message    a/b  from c  QoS 1  {"t":1}  to 2 sessions  rules: hot, cold"#,
        );
        check(
            r#"{"type":"published","topic":"a","client_id":null,"principal":"AKID","protocol":"http",
                "qos":0,"retain":true,"payload_text":"","rules":[],"deliveries":0}"#,
            "message    a  from AKID (http)  QoS 0 retained  (empty)  to nobody",
        );
        check(
            r#"{"type":"published","topic":"a","client_id":null,"principal":"p","protocol":"rule",
                "qos":0,"retain":false,"payload_base64":"/w==","rules":[],"deliveries":1}"#,
            "message    a  from a rule  QoS 0  base64 /w==  to 1 session",
        );
        check(
            r#"{"type":"published","topic":"a","client_id":"c","protocol":"mqtt","qos":0,
                "payload_text":"0123456789012345678901234","rules":[],"deliveries":1}"#,
            "message    a  from c  QoS 0  01234567890123456789... (25 bytes)  to 1 session",
        );
        check(
            r#"{"type":"refused","client_id":"c","principal":"p","action":"iot:Publish",
                "resource":"arn:aws:iot:us-east-1:0:topic/a","topic":"a","reason":"no statement allows it"}"#,
            "refused    iot:Publish on topic/a  from c  no statement allows it",
        );
        check(
            r#"{"type":"rule","rule":"hot","topic":"a","action":"s3","outcome":"success"}"#,
            "rule       hot  s3  success  on a",
        );
        check(
            r#"{"type":"connected","client_id":"c","principal":"p","source_ip":"127.0.0.1"}"#,
            "connected  c as p from 127.0.0.1",
        );
        check(
            &format!(
                r#"{{"type":"connected","client_id":"c","principal":"{}","source_ip":null}}"#,
                "0123456789abcdef".repeat(4)
            ),
            "connected  c as certificate 0123456789ab...",
        );
        check(
            r#"{"type":"connected","client_id":"c","principal":"","source_ip":null}"#,
            "connected  c as anonymous",
        );
        check(
            r#"{"type":"disconnected","client_id":"c","reason":"CONNECTION_LOST"}"#,
            "left       c  CONNECTION_LOST",
        );
        check(
            r#"{"type":"lost","count":7}"#,
            "lost       7 events: this reader is too slow",
        );
        check(
            r#"{"type":"new","x":1}"#,
            r#"new        {"type":"new","x":1}"#,
        );
    }

    #[test]
    fn nothing_of_a_device_drives_the_terminal() {
        check(
            r#"{"type":"published","topic":"a\u001b[2J","client_id":"\u0007","protocol":"mqtt","qos":0,
                "payload_text":"\u001b]0;x","rules":[],"deliveries":0}"#,
            r"message    a\u{1b}[2J  from \u{7}  QoS 0  \u{1b}]0;x  to nobody",
        );
    }

    /// What is printed of a server's answer, and the error at its end.
    async fn printed(status: u16, body: &str, json: bool) -> (String, String) {
        let url = answering(vec![(status, body.to_owned())]).await;
        let client = Client::new(&url, "us-east-1").unwrap();
        let args = TailArgs {
            filter: "a/#".to_owned(),
            url: url.clone(),
            json,
            full: false,
        };
        let mut out = Vec::new();
        let error = follow(&client, &args, &mut out).await.unwrap_err();
        let error = format!("{error:#}").replace(&url, "URL");
        (String::from_utf8(out).unwrap(), error)
    }

    #[tokio::test]
    async fn lines_are_printed_until_the_server_goes() {
        let body = "{\"type\":\"lost\",\"count\":1}\n{\"type\":\"lost\",\"count\":2}\n";
        let gone = "the server at URL has gone".to_owned();
        assert_eq!(
            printed(200, body, true).await,
            (body.to_owned(), gone.clone())
        );
        let (lines, error) = printed(200, body, false).await;
        assert_eq!((lines.lines().count(), error), (2, gone));
        let refused = r#"{"message":"`filter` is wrong"}"#;
        let expected = (String::new(), "`filter` is wrong (400)".to_owned());
        assert_eq!(printed(400, refused, false).await, expected);
    }

    #[test]
    fn a_filter_that_is_none_is_wrong_usage() {
        let args = TailArgs {
            filter: "a#".to_owned(),
            url: URL_DEFAULT.to_owned(),
            json: false,
            full: false,
        };
        assert!(run(&args).unwrap_err().is::<Usage>());
    }
}
