//! What `thingcore serve` can be told, resolved from flags, environment and file.

use std::net::IpAddr;
use std::path::PathBuf;

/// Which rules the broker keeps: AWS's deviations and limits, or the MQTT standard whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileName {
    /// What AWS IoT Core does.
    Aws,
    /// What the MQTT standard says.
    Mqtt,
}

impl ProfileName {
    /// The rules of that name.
    pub(crate) fn rules(self) -> mqtt::Profile {
        match self {
            ProfileName::Aws => mqtt::Profile::aws(),
            ProfileName::Mqtt => mqtt::Profile::mqtt(),
        }
    }
}

/// The configuration of one server. Ports of 0 are chosen by the system.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept; ignored when `memory` is set, but for certificates written out.
    pub data_dir: PathBuf,
    /// Keep nothing on disk.
    pub memory: bool,
    /// AWS semantics or plain MQTT.
    pub profile: ProfileName,
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
    /// MQTT over mutual TLS.
    pub mqtts_port: u16,
    /// TLS with ALPN: MQTT, WebSocket, HTTPS data plane.
    pub https_port: u16,
    /// AWS API, console and admin over HTTP.
    pub api_port: u16,
    /// Things, policies and rules to create at start.
    pub seed: Option<PathBuf>,
    /// Apply AWS's rate quotas.
    pub enforce_quotas: bool,
    /// Shards (threads of the data plane); `None` chooses.
    pub shards: Option<usize>,
    /// Policy document for clients of the plaintext listener; `None` allows everything.
    pub anonymous_policy: Option<PathBuf>,
    /// Written as JSON once everything listens.
    pub ready_file: Option<PathBuf>,
    /// Refuse role ARNs that name no role created here.
    pub iam_strict: bool,
    /// Send rule actions to real AWS endpoints with the usual credential chain.
    pub aws_real: bool,
    /// Endpoint overrides by service name (`s3`, `lambda`, `sns`, ...), from the `[endpoints]`
    /// table of the configuration file; the key `""` is the default for all services.
    pub endpoints: std::collections::BTreeMap<String, String>,
}
