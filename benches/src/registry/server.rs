//! A server that the bench starts and ends itself.

use super::RegistryError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(1);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) api_url: String,
    /// From the command to the moment in which everything listens.
    pub(crate) started_s: f64,
}

impl Server {
    /// Starts `binary` with a data directory, or without one.
    pub(crate) fn start(binary: &Path, data: Option<&Path>) -> Result<Self, RegistryError> {
        let failed = |why: String| RegistryError::Start(binary.display().to_string(), why);
        let ready = ready_file();
        // One of an earlier run would be taken for this one's.
        let _ = fs::remove_file(&ready);
        let mut command = Command::new(binary);
        command.arg("serve").arg("--ready-file").arg(&ready);
        command.args(["--mqtts-port", "0", "--https-port", "0", "--api-port", "0"]);
        command.args(["--log", "off"]);
        match data {
            Some(data) => command.arg("--data-dir").arg(data),
            None => command.arg("--memory"),
        };
        let begun = Instant::now();
        let child = command.stdout(Stdio::null()).spawn();
        let mut child = child.map_err(|why| failed(why.to_string()))?;
        loop {
            let told = fs::read_to_string(&ready).ok();
            let told = told.and_then(|text| serde_json::from_str::<Value>(&text).ok());
            if let Some(url) = told.as_ref().and_then(|told| told["api_url"].as_str()) {
                let started_s = begun.elapsed().as_secs_f64();
                let _ = fs::remove_file(&ready);
                return Ok(Self {
                    child,
                    api_url: url.to_owned(),
                    started_s,
                });
            }
            if begun.elapsed() > START || !matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                return Err(failed("see what it wrote above".to_owned()));
            }
            thread::sleep(POLL);
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Result<(), RegistryError> {
        // A process that is gone already needs no signal.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ready_file() -> PathBuf {
    let name = format!("thingcore-bench-{}.ready", std::process::id());
    std::env::temp_dir().join(name)
}
