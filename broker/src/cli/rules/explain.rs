//! `thingcore rules explain`: how often a rule of a running server fired and did not, and what
//! its actions did last.

use crate::cli::URL_DEFAULT;
use crate::cli::client::{Call, Client};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

/// What `thingcore rules explain` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RulesExplainArgs {
    /// The rule
    #[arg(value_name = "NAME")]
    name: String,
    /// The server's API
    #[arg(long, env = "THINGCORE_URL", default_value = URL_DEFAULT)]
    url: String,
    /// So many of the newest invocations of its actions
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    records: usize,
    /// Print the answer of the server as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  thingcore rules explain hot_rooms
  thingcore rules explain hot_rooms --records 20 --json

Why a message does not fire a rule, part by part:
  thingcore rules test --sql \"...\" --topic ... --payload '...'";

/// Asks the server and prints what it says.
///
/// # Errors
/// A rule that is not there, a server that cannot be reached.
pub(crate) fn run(args: &RulesExplainArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.url, "us-east-1")?;
    let name = utf8_percent_encode(&args.name, NON_ALPHANUMERIC);
    let path = format!("/_thingcore/rules/{name}?records={}", args.records);
    let asked = client.json(Call {
        path: &path,
        ..Call::default()
    });
    let answer = crate::cli::runtime()?.block_on(asked)?;
    let shown = match args.json {
        true => format!("{answer}\n"),
        false => text(&answer),
    };
    io::stdout().write_all(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The answer for people.
fn text(answer: &Value) -> String {
    let word = |name: &str| match &answer[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let state = match answer["enabled"] == true {
        true => "enabled",
        false => "disabled",
    };
    // Writing to a String cannot fail.
    let mut out = format!("{} ({state})\n  {}\n", word("rule"), word("sql"));
    let _ = writeln!(
        out,
        "{} messages on its topic: fired {}, not fired {}, SQL failed {}, dropped {}",
        word("matched_topic"),
        word("fired"),
        word("not_fired"),
        word("failed"),
        word("dropped"),
    );
    for (kind, counts) in answer["actions"].as_object().into_iter().flatten() {
        let counts = counts.as_object().into_iter().flatten();
        let counts = counts.filter(|(_, count)| **count != 0);
        let counts: Vec<String> = counts
            .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
            .collect();
        let _ = writeln!(out, "{kind}: {}", counts.join(", "));
    }
    for record in answer["records"].as_array().into_iter().flatten() {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let url = record["request"]["url"].as_str().unwrap_or_default();
        let reason = match &record["reason"] {
            Value::String(reason) => format!(": {reason}"),
            _ => String::new(),
        };
        let (topic, action, outcome) = (text("topic"), text("action"), text("outcome"));
        let _ = writeln!(out, "  {topic} -> {action} {url} {outcome}{reason}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_is_explained_in_a_few_lines() {
        let answer = json!({
            "rule": "hot", "sql": "SELECT * FROM 'a'", "enabled": true, "matched_topic": 3,
            "fired": 1, "not_fired": 2, "failed": 0, "dropped": 0,
            "actions": {"s3": {"success": 0, "failure": 1}},
            "records": [{"topic": "a", "action": "s3", "outcome": "failed", "reason": "no bucket",
                "request": {"url": "http://x/b/k"}}],
        });
        let expected = "hot (enabled)\n  SELECT * FROM 'a'\n3 messages on its topic: fired 1, not \
            fired 2, SQL failed 0, dropped 0\ns3: failure 1\n  a -> s3 http://x/b/k failed: no \
            bucket\n";
        assert_eq!(text(&answer), expected);
    }
}
