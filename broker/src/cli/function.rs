//! `thingcore function`: the Lambda functions that a server runs itself.

use super::client::{Call, Client, text};
use super::terminal::{Palette, Tone, from_ms, printable, time_of_day};
use super::{URL_DEFAULT, Usage};
use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How often a log that is followed is asked for more.
const AGAIN: Duration = Duration::from_millis(300);

/// Lines in one answer.
const LINES: usize = 1000;

/// What can be done with functions.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum FunctionCommand {
    /// Add a function, or replace it
    Add(AddArgs),
    /// List the functions
    List(ListArgs),
    /// Show what a function printed, and how its invocations ended
    Logs(LogsArgs),
    /// Remove a function
    Remove(RemoveArgs),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = ADD_EXAMPLES)]
pub(crate) struct AddArgs {
    /// Name of the function
    name: String,
    /// What is called, as MODULE.FUNCTION; not needed by the runtime provided
    #[arg(long, value_name = "HANDLER")]
    handler: Option<String>,
    /// python3, nodejs or provided; AWS's names such as python3.12 are understood
    #[arg(long)]
    runtime: String,
    /// Folder of the code
    #[arg(long, value_name = "DIR")]
    code: PathBuf,
    /// Environment variable of the handler; repeat it for several
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = name_and_value)]
    environment: Vec<(String, String)>,
    /// Seconds until an invocation is ended [default: 3]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = LOGS_EXAMPLES)]
pub(crate) struct LogsArgs {
    /// Name of the function
    name: String,
    /// Go on with what it prints from now on; Ctrl-C ends
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(crate) struct RemoveArgs {
    /// Name of the function
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Args, Clone, Debug)]
struct ServerArgs {
    /// The server's API
    #[arg(long, env = "THINGCORE_URL", default_value = URL_DEFAULT)]
    url: String,
}

const ADD_EXAMPLES: &str = "Examples:
  thingcore function add store-reading --handler app.handler --runtime python3 --code ./app
  thingcore function add notify --handler index.handler --runtime nodejs --code . --env LEVEL=debug
  thingcore function add native --runtime provided --code ./target/lambda   (runs ./bootstrap)

A rule calls it by its ARN, which is printed. The folder is the server's: one that runs in a
container sees its own.";

const LIST_EXAMPLES: &str = "Examples:
  thingcore function list
  thingcore function list --json | jq -r .arn";

const LOGS_EXAMPLES: &str = "Examples:
  thingcore function logs store-reading
  thingcore function logs store-reading --follow";

const REMOVE_EXAMPLES: &str = "Examples:
  thingcore function remove store-reading";

/// Runs a command against the server.
///
/// # Errors
/// A server that is not there or refuses, a standard output that fails.
pub(crate) fn run(command: FunctionCommand) -> anyhow::Result<ExitCode> {
    let out = io::stdout().lock();
    super::runtime()?.block_on(async {
        match command {
            FunctionCommand::Add(args) => add(args, out).await?,
            FunctionCommand::List(args) => list(&args, out).await?,
            FunctionCommand::Logs(args) => tokio::select! {
                outcome = logs(&args, out) => outcome?,
                _ = tokio::signal::ctrl_c() => {}
            },
            FunctionCommand::Remove(args) => remove(&args, out).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn add(args: AddArgs, mut out: impl Write) -> anyhow::Result<()> {
    if args.handler.is_none() && !args.runtime.starts_with("provided") {
        let runtime = printable(&args.runtime).into_owned();
        let why =
            format!("the runtime {runtime} needs --handler MODULE.FUNCTION, as in app.handler");
        return Err(Usage(why).into());
    }
    // The server's working directory is another one.
    let code = std::path::absolute(&args.code)
        .map_err(|error| Usage(format!("--code `{}`: {error}", args.code.display())))?;
    let environment: Map<String, Value> = args
        .environment
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let mut function = json!({
        "name": args.name,
        "handler": args.handler.unwrap_or_default(),
        "runtime": args.runtime,
        "code": code,
        "environment": environment,
    });
    if let Some(timeout) = args.timeout {
        function["timeout_s"] = timeout.into();
    }
    let client = args.server.client()?;
    let added = client
        .json(Call {
            method: Method::POST,
            path: "/_thingcore/functions",
            headers: &[("content-type", "application/json")],
            body: Bytes::from(function.to_string()),
            ..Call::default()
        })
        .await?;
    writeln!(out, "{}", text(&added, &["arn"])?)?;
    Ok(())
}

async fn list(args: &ListArgs, mut out: impl Write) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let answer = get(&client, "/_thingcore/functions").await?;
    let functions = members(&answer, "functions")?;
    if args.json {
        for function in functions {
            writeln!(out, "{function}")?;
        }
        return Ok(());
    }
    if functions.is_empty() {
        writeln!(
            out,
            "no functions: `thingcore function add --help` shows how to add one"
        )?;
        return Ok(());
    }
    let mut rows = vec![["NAME", "RUNTIME", "HANDLER", "CODE"].map(str::to_owned)];
    for function in functions {
        let column = |name: &str| {
            let value = function[name].as_str().unwrap_or_default();
            printable(value).into_owned()
        };
        rows.push(["name", "runtime", "handler", "code"].map(column));
    }
    write_columns(&rows, out)?;
    Ok(())
}

/// Writes rows with each column as wide as its widest text.
fn write_columns<const N: usize>(rows: &[[String; N]], mut out: impl Write) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: Vec<String> = cells
            .map(|(text, width)| format!("{text:<width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

async fn logs(args: &LogsArgs, mut out: impl Write) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let name = rules::target::encode_segment(&args.name);
    let palette = Palette::of_stdout();
    let mut after = 0;
    loop {
        let path = format!("/_thingcore/functions/{name}/logs?after={after}&limit={LINES}");
        let answer = get(&client, &path).await?;
        let lines = members(&answer, "lines")?;
        for line in lines {
            after = line["seq"]
                .as_u64()
                .context("a line of the log has no `seq`")?;
            match args.json {
                true => writeln!(out, "{line}")?,
                false => writeln!(out, "{}", shown(palette, line))?,
            }
        }
        out.flush()?;
        match (lines.len() < LINES, args.follow) {
            (false, _) => {}
            (true, true) => tokio::time::sleep(AGAIN).await,
            (true, false) => return Ok(()),
        }
    }
}

/// One line of a log for people.
fn shown(palette: Palette, line: &Value) -> String {
    let stream = line["stream"].as_str().unwrap_or_default();
    // AWS puts tabs into its REPORT lines.
    let text = line["text"]
        .as_str()
        .unwrap_or_default()
        .replace('\t', "  ");
    let text = printable(&text);
    let tone = match stream {
        "stderr" => Some(Tone::Bad),
        "platform" => Some(Tone::Faint),
        _ => None,
    };
    let text = match tone {
        Some(tone) => palette.paint(tone, text).to_string(),
        None => text.into_owned(),
    };
    let time = time_of_day(from_ms(line["time_ms"].as_u64().unwrap_or_default()));
    let stream = format!("{:<8}", printable(stream));
    let [time, stream] = [time, stream].map(|text| palette.paint(Tone::Faint, text));
    format!("{time}  {stream}  {text}")
}

async fn remove(args: &RemoveArgs, mut out: impl Write) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let name = rules::target::encode_segment(&args.name);
    client
        .call(Call {
            method: Method::DELETE,
            path: &format!("/_thingcore/functions/{name}"),
            ..Call::default()
        })
        .await?;
    writeln!(out, "removed {}", args.name)?;
    Ok(())
}

impl ServerArgs {
    fn client(&self) -> Result<Client, Usage> {
        Client::new(&self.url, "us-east-1")
    }
}

async fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    let call = Call {
        path,
        ..Call::default()
    };
    client.json(call).await
}

fn members<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a [Value]> {
    let found = answer[name].as_array().map(Vec::as_slice);
    found.with_context(|| format!("the answer has no `{name}`"))
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE, as in LEVEL=debug".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answering;
    use super::*;

    async fn server(answers: &[(u16, &str)]) -> ServerArgs {
        let answers = answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()));
        ServerArgs {
            url: answering(answers.collect()).await,
        }
    }

    fn text_of(out: Vec<u8>) -> String {
        String::from_utf8(out).unwrap()
    }

    async fn added(
        runtime: &str,
        handler: Option<&str>,
        answer: (u16, &str),
    ) -> Result<String, String> {
        let args = AddArgs {
            name: "f".to_owned(),
            handler: handler.map(str::to_owned),
            runtime: runtime.to_owned(),
            code: "app".into(),
            environment: vec![("A".to_owned(), "b".to_owned())],
            timeout: Some(9),
            server: server(&[answer]).await,
        };
        let mut out = Vec::new();
        let outcome = add(args, &mut out).await;
        outcome
            .map(|()| text_of(out))
            .map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn adding_prints_the_arn_or_why_not() {
        let arn = (201, r#"{"arn":"arn:aws:lambda:us-east-1:0:function:f"}"#);
        let printed = Ok("arn:aws:lambda:us-east-1:0:function:f\n".to_owned());
        assert_eq!(added("python3", Some("app.handler"), arn).await, printed);
        assert_eq!(added("provided.al2023", None, arn).await, printed);
        let missing = "the runtime python3 needs --handler MODULE.FUNCTION, as in app.handler";
        assert_eq!(added("python3", None, arn).await, Err(missing.to_owned()));
        let refused = (400, r#"{"message":"code directory `/x` does not exist"}"#);
        let why = "code directory `/x` does not exist (400)";
        assert_eq!(
            added("python3", Some("a.b"), refused).await,
            Err(why.to_owned())
        );
    }

    async fn listed(json: bool, answer: &str) -> String {
        let server = server(&[(200, answer)]).await;
        let mut out = Vec::new();
        list(&ListArgs { json, server }, &mut out).await.unwrap();
        text_of(out)
    }

    #[tokio::test]
    async fn functions_are_listed_in_columns() {
        let answer = r#"{"functions":[
            {"name":"store-reading","runtime":"python3","handler":"app.handler","code":"/app"},
            {"name":"n","runtime":"provided","handler":"","code":"/n"}]}"#;
        let expected = "NAME           RUNTIME   HANDLER      CODE\n\
                        store-reading  python3   app.handler  /app\n\
                        n              provided               /n\n";
        assert_eq!(listed(false, answer).await, expected);
        let lines = listed(true, answer).await;
        assert_eq!(lines.lines().count(), 2, "{lines}");
        let none = listed(false, r#"{"functions":[]}"#).await;
        assert!(none.contains("function add"), "{none}");
        assert_eq!(listed(true, r#"{"functions":[]}"#).await, "");
    }

    #[tokio::test]
    async fn logs_are_lines_with_their_time() {
        let args = LogsArgs {
            name: "f".to_owned(),
            follow: false,
            json: false,
            server: server(&[(
                200,
                r#"{"lines":[{"seq":1,"time_ms":1000,"stream":"platform","text":"END\t1 ms"},
                    {"seq":2,"time_ms":2500,"stream":"stdout","text":"hi\u001b[2J"}]}"#,
            )])
            .await,
        };
        let mut out = Vec::new();
        logs(&args, &mut out).await.unwrap();
        let expected = "00:00:01.000Z  platform  END  1 ms\n\
                        00:00:02.500Z  stdout    hi\\u{1b}[2J\n";
        assert_eq!(text_of(out), expected);
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_removed() {
        let missing = r#"{"message":"there is no function `f`"}"#;
        let args = RemoveArgs {
            name: "f".to_owned(),
            server: server(&[(404, missing)]).await,
        };
        let error = remove(&args, Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no function `f` (404)");
    }
}
