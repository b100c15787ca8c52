//! What `thingcore serve` can be told, resolved from flags, environment and file.

mod error;
mod file;
mod flags;
mod nearest;
mod size;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub(crate) use flags::Flags;

use flags::{Auth, ClientCerts};
use mqtt::profile::SettingError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Which rules the broker keeps: AWS's deviations and limits, or the MQTT standard whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// What AWS IoT Core does.
    Aws,
    /// What the MQTT standard says.
    Mqtt,
}

impl ProfileName {
    /// The rules of that name.
    fn rules(self) -> mqtt::Profile {
        match self {
            ProfileName::Aws => mqtt::Profile::aws(),
            ProfileName::Mqtt => mqtt::Profile::mqtt(),
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A certificate of the user's own for the TLS ports, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCert {
    /// The chain, with the server's certificate first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The configuration of one server. Ports of 0 are chosen by the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where everything is kept; ignored when `memory` is set, but for certificates written out.
    pub data_dir: PathBuf,
    /// Keep nothing on disk.
    pub memory: bool,
    /// AWS semantics or plain MQTT.
    pub profile: ProfileName,
    /// Settings of the profile that differ from it, by name.
    pub mqtt: Vec<(String, String)>,
    /// AWS region in ARNs and the endpoint name.
    pub region: String,
    /// AWS account id in ARNs, twelve digits.
    pub account_id: String,
    /// Names in the server certificate; the first is what DescribeEndpoint answers.
    pub hostnames: Vec<String>,
    /// The address that listeners bind to.
    pub bind: IpAddr,
    /// Plaintext MQTT; off unless given.
    pub mqtt_port: Option<u16>,
    /// MQTT over TLS.
    pub mqtts_port: u16,
    /// Let clients without a certificate in on `mqtts_port`, as anonymous ones.
    pub client_certs_optional: bool,
    /// What to show on the TLS ports; `None` issues a certificate by the root CA here.
    pub server_cert: Option<ServerCert>,
    /// TLS with ALPN: MQTT, WebSocket, HTTPS data plane.
    pub https_port: u16,
    /// AWS API, console and admin over HTTP.
    pub api_port: u16,
    /// Things, policies and rules to create at start.
    pub seed: Option<PathBuf>,
    /// Apply AWS's rate quotas.
    pub enforce_quotas: bool,
    /// Memory for what is kept for clients, in bytes; `None` takes half of what there is.
    pub buffer_memory: Option<usize>,
    /// Shards (threads of the data plane); `None` chooses.
    pub shards: Option<usize>,
    /// Policy document for anonymous clients; `None` allows everything.
    pub anonymous_policy: Option<PathBuf>,
    /// Written as JSON once everything listens.
    pub ready_file: Option<PathBuf>,
    /// Refuse role ARNs that name no role created here.
    pub iam_strict: bool,
    /// Send rule actions to real AWS endpoints with the usual credential chain.
    pub aws_real: bool,
    /// The file with the access keys whose signatures are good, in the form of
    /// `~/.aws/credentials`; `None` takes any signature.
    pub credentials: Option<PathBuf>,
    /// Endpoint overrides by service name (`s3`, `lambda`, `sns`, ...), from the `[endpoints]`
    /// table of the configuration file; the key `""` is the default for all services.
    pub endpoints: BTreeMap<String, String>,
    /// How log lines are written; for the command line, which sets up logging.
    pub log_format: LogFormat,
    /// Which log lines are written; `None` leaves it to the environment.
    pub log: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./thingcore-data"),
            memory: false,
            profile: ProfileName::Aws,
            mqtt: Vec::new(),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            hostnames: vec!["localhost".to_owned()],
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            mqtt_port: None,
            mqtts_port: 8883,
            client_certs_optional: false,
            server_cert: None,
            https_port: 8443,
            api_port: 9883,
            seed: None,
            enforce_quotas: false,
            buffer_memory: None,
            shards: None,
            anonymous_policy: None,
            ready_file: None,
            iam_strict: false,
            aws_real: false,
            credentials: None,
            endpoints: BTreeMap::new(),
            log_format: LogFormat::Text,
            log: None,
        }
    }
}

impl Config {
    /// What the flags, the environment (already in `flags`) and the configuration file say, in
    /// this order, over `default`.
    ///
    /// # Errors
    /// A file that cannot be read or has unknown keys, or a value that cannot be meant.
    pub(crate) fn resolve(flags: Flags, default: Self) -> Result<Self, ConfigError> {
        let flags = match &flags.config {
            Some(path) => {
                let file = file::read(path)?;
                flags.or(file)
            }
            None => flags,
        };
        let credentials = signers(flags.auth, flags.credentials)?;
        let server_cert = server_cert(flags.server_cert, flags.server_key)?;
        let config = Self {
            credentials,
            server_cert,
            data_dir: flags.data_dir.unwrap_or(default.data_dir),
            memory: flags.memory.unwrap_or(default.memory),
            profile: flags.profile.unwrap_or(default.profile),
            mqtt: settings(flags.mqtt.unwrap_or_default())?,
            region: flags.region.unwrap_or(default.region),
            account_id: flags.account_id.unwrap_or(default.account_id),
            hostnames: flags.hostname.unwrap_or(default.hostnames),
            bind: flags.bind.unwrap_or(default.bind),
            mqtt_port: flags.mqtt_port.or(default.mqtt_port),
            mqtts_port: flags.mqtts_port.unwrap_or(default.mqtts_port),
            client_certs_optional: flags.client_certs == Some(ClientCerts::Optional),
            https_port: flags.https_port.unwrap_or(default.https_port),
            api_port: flags.api_port.unwrap_or(default.api_port),
            seed: flags.seed,
            enforce_quotas: flags.enforce_quotas.unwrap_or(default.enforce_quotas),
            buffer_memory: flags.buffer_memory.map(|size| size.0),
            shards: flags.shards,
            anonymous_policy: flags.anonymous_policy,
            ready_file: flags.ready_file,
            iam_strict: flags.iam == Some(flags::Iam::Strict),
            aws_real: flags.aws == Some(flags::Aws::Real),
            endpoints: flags.endpoints,
            log_format: flags.log_format.unwrap_or(default.log_format),
            log: flags.log,
        };
        config.checked()
    }

    /// What the broker allows.
    pub(crate) fn rules(&self) -> mqtt::Profile {
        let mut rules = self.profile.rules();
        for (name, value) in &self.mqtt {
            // They were tried when the configuration was read.
            let _ = rules.set(name, value);
        }
        rules
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if self.account_id.len() != 12 || !digits(&self.account_id) {
            return Err(ConfigError::account_id(&self.account_id));
        }
        if !is_region(&self.region) {
            return Err(ConfigError::region(&self.region));
        }
        if let Some(name) = self.hostnames.iter().find(|name| !is_host(name)) {
            return Err(ConfigError::hostname(name));
        }
        match self.hostnames.first() {
            None => return Err(ConfigError::hostname("")),
            Some(first) if first.starts_with('*') => return Err(ConfigError::wildcard(first)),
            Some(_) => {}
        }
        if self.shards == Some(0) {
            return Err(ConfigError::Invalid(
                "`shards` is 0: choose at least 1, or leave --shards out".to_owned(),
            ));
        }
        self.check_ports()?;
        Ok(self)
    }

    fn check_ports(&self) -> Result<(), ConfigError> {
        let ports = [
            ("mqtt-port", self.mqtt_port.unwrap_or(0)),
            ("mqtts-port", self.mqtts_port),
            ("https-port", self.https_port),
            ("api-port", self.api_port),
        ];
        for (at, (name, port)) in ports.iter().enumerate() {
            let same = |other: &&(&str, u16)| other.1 == *port && *port != 0;
            if let Some((other, _)) = ports[..at].iter().find(same) {
                return Err(ConfigError::Invalid(format!(
                    "`{other}` and `{name}` are both {port}: give one of them another port"
                )));
            }
        }
        Ok(())
    }
}

/// Settings of the profile, each as `NAME=VALUE`.
fn settings(given: Vec<String>) -> Result<Vec<(String, String)>, ConfigError> {
    let mut tried = mqtt::Profile::aws();
    let read = |text: String| {
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        match tried.set(name, value) {
            Ok(()) => Ok((name.to_owned(), value.to_owned())),
            Err(SettingError::Unknown) => Err(ConfigError::no_such_rule(name)),
            Err(SettingError::Value(form)) => Err(ConfigError::rule_value(name, value, form)),
        }
    };
    given.into_iter().map(read).collect()
}

/// The file to verify signatures with, if they are to be verified.
fn signers(auth: Option<Auth>, file: Option<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    match (auth, file) {
        (Some(Auth::Verify), Some(file)) => Ok(Some(file)),
        (Some(Auth::Verify), None) => Err(ConfigError::credentials_missing()),
        (None, Some(file)) => Err(ConfigError::credentials_unused(&file)),
        (Some(Auth::Accept), _) | (None, None) => Ok(None),
    }
}

/// The certificate and its key: both or neither.
fn server_cert(
    chain: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<ServerCert>, ConfigError> {
    match (chain, key) {
        (Some(chain), Some(key)) => Ok(Some(ServerCert { chain, key })),
        (Some(chain), None) => Err(ConfigError::half("server-cert", &chain, "--server-key")),
        (None, Some(key)) => Err(ConfigError::half("server-key", &key, "--server-cert")),
        (None, None) => Ok(None),
    }
}

/// Two or more words and a number: `us-east-1`, `us-gov-west-1`, `cn-north-1`.
fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    parts.len() >= 2 && numbered && parts.iter().all(word)
}

/// A DNS name, perhaps with a wildcard in front, or an address.
fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(legal);
    name.len() <= 253 && name.split('.').all(label)
}
