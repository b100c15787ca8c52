//! `thingcore health`: whether a server is ready, for container health checks and scripts.

use super::URL_DEFAULT;
use super::client::{Call, Client, text};
use anyhow::Context;
use clap::Args;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How often a server that is not ready is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// What `thingcore health` can be told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HealthArgs {
    /// The server's API
    #[arg(long, env = "THINGCORE_URL", default_value = URL_DEFAULT)]
    url: String,
    /// Wait so long for the server to become ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u16,
}

const EXAMPLES: &str = "Examples:
  thingcore health && echo ready
  thingcore health --url http://thingcore:9883 --wait 30

In a Dockerfile:
  HEALTHCHECK CMD [\"thingcore\", \"health\"]

Exit status: 0 the server is ready, 1 it is not.";

/// Asks the server.
///
/// # Errors
/// A server that is not ready in time, with why.
pub(crate) fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.url, "us-east-1")?;
    let wait = Duration::from_secs(args.wait.into());
    let version = super::runtime()?.block_on(ready(&client, wait))?;
    writeln!(io::stdout(), "ready, version {version}")?;
    Ok(ExitCode::SUCCESS)
}

/// The version of a server that is ready before the time is over.
async fn ready(client: &Client, wait: Duration) -> anyhow::Result<String> {
    let deadline = Instant::now() + wait;
    loop {
        let error = match ask(client).await {
            Ok(version) => return Ok(version),
            Err(error) => error,
        };
        if Instant::now() >= deadline {
            return Err(error);
        }
        sleep(AGAIN).await;
    }
}

async fn ask(client: &Client) -> anyhow::Result<String> {
    let health = client.json(Call {
        path: "/_thingcore/health",
        ..Call::default()
    });
    let late = || {
        format!(
            "the server does not answer within {} seconds",
            ANSWER.as_secs()
        )
    };
    let health = timeout(ANSWER, health).await.with_context(late)??;
    let status = text(&health, &["status"])?;
    anyhow::ensure!(status == "ok", "the server says `{status}`");
    Ok(text(&health, &["version"])?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::answering;
    use super::*;

    async fn check(status: u16, body: &str, expected: Result<&str, &str>) {
        let url = answering(vec![(status, body.to_owned())]).await;
        let client = Client::new(&url, "us-east-1").unwrap();
        let outcome = ready(&client, Duration::ZERO).await;
        let outcome = outcome.map_err(|error| format!("{error:#}"));
        assert_eq!(
            outcome.as_deref().map_err(String::as_str),
            expected,
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_server_is_ready_when_it_says_so() {
        check(200, r#"{"status":"ok","version":"1.2.3"}"#, Ok("1.2.3")).await;
        let starting = r#"{"status":"starting","version":"1.2.3"}"#;
        check(200, starting, Err("the server says `starting`")).await;
        check(503, r#"{"message":"not yet"}"#, Err("not yet (503)")).await;
    }

    #[tokio::test]
    async fn a_server_that_comes_late_is_waited_for() {
        let later = r#"{"status":"ok","version":"1"}"#.to_owned();
        let url = answering(vec![(503, String::new()), (200, later)]).await;
        let client = Client::new(&url, "us-east-1").unwrap();
        let version = ready(&client, Duration::from_secs(20)).await.unwrap();
        assert_eq!(version, "1");
    }

    #[tokio::test]
    async fn a_missing_server_is_told_how_to_start() {
        let client = Client::new("http://127.0.0.1:1", "us-east-1").unwrap();
        let error = ready(&client, Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("`thingcore serve`"), "{error}");
    }
}
