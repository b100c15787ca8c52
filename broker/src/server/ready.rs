//! What others are told once everything listens.

use super::Running;
use serde::Serialize;
use std::io;
use std::path::Path;

/// The ready file, for programs that start a server.
#[derive(Serialize)]
struct Ready<'a> {
    api_url: &'a str,
    endpoint: &'a str,
    ca_file: &'a Path,
    mqtt_port: Option<u16>,
    mqtts_port: u16,
    https_port: u16,
    api_port: u16,
    pid: u32,
}

/// Writes the ready file. It appears whole: whoever waits for it never reads half of it.
pub(super) fn write(running: &Running, path: &Path) -> io::Result<()> {
    let ports = running.ports();
    let ready = Ready {
        api_url: running.api_url(),
        endpoint: running.endpoint(),
        ca_file: running.ca_file(),
        mqtt_port: ports.mqtt,
        mqtts_port: ports.mqtts,
        https_port: ports.https,
        api_port: ports.api,
        pid: std::process::id(),
    };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, serde_json::to_vec_pretty(&ready)?)?;
    std::fs::rename(&part, path)
}
