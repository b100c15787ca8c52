//! The settings as flags and environment variables, and as keys of the configuration file, which
//! have the names of the flags.

use super::size::Size;
use super::{LogFormat, ProfileName};
use clap::Args;
use clap::builder::BoolishValueParser;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// What to do with roles that were not created here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Iam {
    /// They allow everything, with a warning.
    Lenient,
    /// They are refused.
    Strict,
}

/// Where rule actions go for which no endpoint is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Aws {
    /// To the services inside, or into the record of actions.
    Local,
    /// To AWS.
    Real,
}

/// Which signatures are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    /// Any.
    Accept,
    /// Those made with a key of `--credentials`, or with one that AssumeRole gave out.
    Verify,
}

/// Which clients of `--mqtts-port` need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientCerts {
    /// All.
    Required,
    /// None; one that is shown must be good.
    Optional,
}

/// Every setting, given or not.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Flags {
    /// TOML file with settings; its keys are the names of these flags, and [endpoints] has the
    /// addresses of AWS services by name
    #[arg(long, env = "THINGCORE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Where everything is kept [default: ./thingcore-data]
    #[arg(long, env = "THINGCORE_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Keep nothing on disk
    #[arg(
        long,
        env = "THINGCORE_MEMORY",
        value_name = "BOOL",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) memory: Option<bool>,
    /// AWS IoT Core's behaviour and limits, or the MQTT standard whole [default: aws]
    #[arg(long, env = "THINGCORE_PROFILE")]
    pub(crate) profile: Option<ProfileName>,
    /// Setting of the profile to change, repeatable, such as overlapping-copies=true; the names are
    /// those of docs/profiles.md
    #[arg(
        long,
        env = "THINGCORE_MQTT",
        value_name = "NAME=VALUE",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) mqtt: Option<Vec<String>>,
    /// AWS region in ARNs [default: us-east-1]
    #[arg(long, env = "THINGCORE_REGION")]
    pub(crate) region: Option<String>,
    /// AWS account in ARNs [default: 000000000000]
    #[arg(long, env = "THINGCORE_ACCOUNT_ID", value_name = "DIGITS")]
    pub(crate) account_id: Option<String>,
    /// Name in the server certificate, repeatable; the first one is what DescribeEndpoint answers
    /// [default: localhost]
    #[arg(
        long,
        env = "THINGCORE_HOSTNAME",
        value_name = "NAME",
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) hostname: Option<Vec<String>>,
    /// Address that listeners bind to [default: 127.0.0.1]
    #[arg(long, env = "THINGCORE_BIND", value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Port for MQTT without TLS; clients there are anonymous [default: none]
    #[arg(long, env = "THINGCORE_MQTT_PORT", value_name = "PORT")]
    pub(crate) mqtt_port: Option<u16>,
    /// Port for MQTT over mutual TLS; 0 lets the system choose, as for all ports [default: 8883]
    #[arg(long, env = "THINGCORE_MQTTS_PORT", value_name = "PORT")]
    pub(crate) mqtts_port: Option<u16>,
    /// Certificate chain to show clients of the TLS ports, PEM with the server's first, instead of
    /// one by the root CA here; clients must trust its CA [default: none]
    #[arg(long, env = "THINGCORE_SERVER_CERT", value_name = "FILE")]
    pub(crate) server_cert: Option<PathBuf>,
    /// Private key of --server-cert, PEM
    #[arg(long, env = "THINGCORE_SERVER_KEY", value_name = "FILE")]
    pub(crate) server_key: Option<PathBuf>,
    /// Whether clients of --mqtts-port need a certificate; with optional those without one are
    /// anonymous, as on --mqtt-port [default: required]
    #[arg(long, env = "THINGCORE_CLIENT_CERTS")]
    pub(crate) client_certs: Option<ClientCerts>,
    /// Port for TLS with ALPN: MQTT, WebSocket at /mqtt, HTTPS publish [default: 8443]
    #[arg(long, env = "THINGCORE_HTTPS_PORT", value_name = "PORT")]
    pub(crate) https_port: Option<u16>,
    /// Port for the AWS API over HTTP [default: 9883]
    #[arg(long, env = "THINGCORE_API_PORT", value_name = "PORT")]
    pub(crate) api_port: Option<u16>,
    /// File with things, policies and rules to create at start
    #[arg(long, env = "THINGCORE_SEED", value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Apply AWS's rate quotas
    #[arg(
        long,
        env = "THINGCORE_ENFORCE_QUOTAS",
        value_name = "BOOL",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) enforce_quotas: Option<bool>,
    /// Memory for what is kept for clients: output, queues, retained messages; such as 512MiB or
    /// 2GiB. Beyond it new sessions and messages above QoS 0 are refused [default: half of the
    /// machine's or the container's]
    #[arg(long, env = "THINGCORE_BUFFER_MEMORY", value_name = "SIZE")]
    pub(crate) buffer_memory: Option<Size>,
    /// Threads for connections [default: cores minus one, 1 with --memory]
    #[arg(long, env = "THINGCORE_SHARDS", value_name = "N")]
    pub(crate) shards: Option<usize>,
    /// Policy document for anonymous clients, those of --mqtt-port and those that --client-certs
    /// lets in [default: they may do everything]
    #[arg(long, env = "THINGCORE_ANONYMOUS_POLICY", value_name = "FILE")]
    pub(crate) anonymous_policy: Option<PathBuf>,
    /// File to write ports, addresses and the CA's path to, as JSON, once everything listens
    #[arg(long, env = "THINGCORE_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// What rules may do with a role that was not created here: all, or nothing
    /// [default: lenient]
    #[arg(long, env = "THINGCORE_IAM")]
    pub(crate) iam: Option<Iam>,
    /// Where rule actions without an endpoint go: inside, or to AWS with your credentials
    /// [default: local]
    #[arg(long, env = "THINGCORE_AWS")]
    pub(crate) aws: Option<Aws>,
    /// Which signatures of requests are good: any, or those that were made with a key of
    /// --credentials or of AssumeRole [default: accept]
    #[arg(long, env = "THINGCORE_AUTH")]
    pub(crate) auth: Option<Auth>,
    /// File with access keys for --auth verify, in the form of ~/.aws/credentials; every profile
    /// counts
    #[arg(long, env = "THINGCORE_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// How log lines are written to standard error [default: text]
    #[arg(long, env = "THINGCORE_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Which log lines are written, as in debug or thingcore=debug [default: info]
    #[arg(long, env = "THINGCORE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// The endpoint overrides of the configuration file.
    #[arg(skip)]
    pub(crate) endpoints: BTreeMap<String, String>,
}

impl Flags {
    /// These settings, and those of `other` where nothing is said here.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            config: self.config,
            data_dir: self.data_dir.or(other.data_dir),
            memory: self.memory.or(other.memory),
            profile: self.profile.or(other.profile),
            mqtt: self.mqtt.or(other.mqtt),
            region: self.region.or(other.region),
            account_id: self.account_id.or(other.account_id),
            hostname: self.hostname.or(other.hostname),
            bind: self.bind.or(other.bind),
            mqtt_port: self.mqtt_port.or(other.mqtt_port),
            mqtts_port: self.mqtts_port.or(other.mqtts_port),
            server_cert: self.server_cert.or(other.server_cert),
            server_key: self.server_key.or(other.server_key),
            client_certs: self.client_certs.or(other.client_certs),
            https_port: self.https_port.or(other.https_port),
            api_port: self.api_port.or(other.api_port),
            seed: self.seed.or(other.seed),
            enforce_quotas: self.enforce_quotas.or(other.enforce_quotas),
            buffer_memory: self.buffer_memory.or(other.buffer_memory),
            shards: self.shards.or(other.shards),
            anonymous_policy: self.anonymous_policy.or(other.anonymous_policy),
            ready_file: self.ready_file.or(other.ready_file),
            iam: self.iam.or(other.iam),
            aws: self.aws.or(other.aws),
            auth: self.auth.or(other.auth),
            credentials: self.credentials.or(other.credentials),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
            endpoints: if self.endpoints.is_empty() {
                other.endpoints
            } else {
                self.endpoints
            },
        }
    }

    /// The names of the settings that a configuration file may have.
    pub(super) fn keys() -> Vec<String> {
        let command = Self::augment_args(clap::Command::new("keys"));
        let names = command.get_arguments().filter_map(clap::Arg::get_long);
        let names = names.filter(|name| *name != "config");
        names.map(str::to_owned).collect()
    }
}

/// `hostname = "a"` and `hostname = ["a", "b"]`.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a string or a list of strings")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match OneOrMany::deserialize(from)? {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    }))
}
