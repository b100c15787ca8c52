//! Log lines on standard error.

use super::Usage;
use super::flood::FloodGate;
use super::one_line::OneLine;
use crate::config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. The filter is `given` (--log or `THINGCORE_LOG`), or `RUST_LOG`, or `default`.
///
/// # Errors
/// A filter that cannot be read.
pub(super) fn start(format: LogFormat, given: Option<&str>, default: &str) -> anyhow::Result<()> {
    let environment = std::env::var("RUST_LOG").ok();
    let text = given.or(environment.as_deref()).unwrap_or(default);
    let filter = EnvFilter::try_new(text).map_err(|error| {
        Usage(format!(
            "log filter `{text}`: {error}: write it as in info or thingcore=debug"
        ))
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| OneLine(std::io::stderr()))
        .with_target(false);
    let gate = FloodGate::new();
    // A second start in one process, in a test, leaves the first one as it is.
    let _ = match format {
        LogFormat::Text => lines
            .with_ansi(is_terminal())
            .finish()
            .with(gate)
            .try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .finish()
            .with(gate)
            .try_init(),
    };
    Ok(())
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none()
}
