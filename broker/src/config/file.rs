//! The configuration file.

use super::error::ConfigError;
use super::flags::Flags;
use super::nearest::nearest;
use rules::target::Service;
use std::path::Path;
use toml::{Table, Value};

/// The table of endpoint overrides.
const ENDPOINTS: &str = "endpoints";
/// The key in it for all services.
const ALL_SERVICES: &str = "default";

/// Reads a file; paths in it are relative to the working directory, as those of flags are.
pub(super) fn read(path: &Path) -> Result<Flags, ConfigError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
        path: shown.clone(),
        reason,
    })?;
    parse(&text, &shown)
}

/// Reads the text of the file `path`.
pub(super) fn parse(text: &str, path: &str) -> Result<Flags, ConfigError> {
    let malformed = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        ConfigError::Malformed {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            reason: error.message().to_owned(),
        }
    };
    let table: Table = toml::from_str(text).map_err(|error| malformed(&error))?;
    check_keys(&table, path)?;
    let mut flags: Flags = toml::from_str(text).map_err(|error| malformed(&error))?;
    if let Some(url) = flags.endpoints.remove(ALL_SERVICES) {
        flags.endpoints.insert(String::new(), url);
    }
    Ok(flags)
}

fn check_keys(table: &Table, path: &str) -> Result<(), ConfigError> {
    let unknown = |key: String, prefix: &str, known: &[String]| ConfigError::UnknownKey {
        path: path.to_owned(),
        nearest: format!("{prefix}{}", nearest(&key, known).unwrap_or_default()),
        key: format!("{prefix}{key}"),
    };
    let mut known = Flags::keys();
    known.push(ENDPOINTS.to_owned());
    if let Some(key) = table.keys().find(|key| !known.contains(key)) {
        return Err(unknown(key.clone(), "", &known));
    }
    let Some(Value::Table(endpoints)) = table.get(ENDPOINTS) else {
        return Ok(());
    };
    let services = Service::ALL.iter().map(|service| service.endpoint_key());
    let known: Vec<String> = services.chain([ALL_SERVICES]).map(str::to_owned).collect();
    match endpoints.keys().find(|key| !known.contains(key)) {
        Some(key) => Err(unknown(key.clone(), "endpoints.", &known)),
        None => Ok(()),
    }
}
