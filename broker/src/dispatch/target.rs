//! Where rule actions send: what the environment and the configuration say about it.

use crate::config::Config;
use http::Uri;
use rules::target::{Client, Credentials, EndpointRefused, EndpointTable, Endpoints, Service};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// For one try of one request.
const TIME_OUT: Duration = Duration::from_secs(10);

/// The server's own API, which an endpoint override may name without meaning it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnAddress<'a> {
    pub(crate) bind: IpAddr,
    pub(crate) hostnames: &'a [String],
    pub(crate) port: u16,
}

impl OwnAddress<'_> {
    fn is(&self, uri: &Uri) -> bool {
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        if uri.port_u16().unwrap_or(default) != self.port {
            return false;
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return address.is_loopback() || address == self.bind;
        }
        host.eq_ignore_ascii_case("localhost")
            || self.hostnames.iter().any(|n| n.eq_ignore_ascii_case(host))
    }
}

/// The client for rule actions. `variable` reads the environment.
///
/// # Errors
/// An endpoint that is not an address.
pub(crate) fn client(
    config: &Config,
    own: OwnAddress<'_>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Client, EndpointRefused> {
    let environment = endpoint_variables(&variable);
    let real = config.aws_real;
    let endpoints = Endpoints::resolve(&environment, &config.endpoints, real, |uri| own.is(uri))?;
    let mut credentials = Credentials::from_environment(&variable);
    if real {
        credentials = credentials.or_else(|| profile_credentials(&variable));
        if credentials.is_none() {
            tracing::warn!(
                "no AWS credentials found: rule actions to AWS will fail until you set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            );
        }
    } else {
        credentials = credentials.or_else(|| Some(Credentials::for_emulator(&config.account_id)));
    }
    Ok(Client::new(
        &config.region,
        endpoints,
        credentials,
        TIME_OUT,
    ))
}

/// `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL`, by the keys of the endpoint table.
fn endpoint_variables(variable: impl Fn(&str) -> Option<String>) -> EndpointTable {
    let keys = Service::ALL.iter().map(|service| service.endpoint_key());
    let set = |key: &str| {
        let name = if key.is_empty() {
            "AWS_ENDPOINT_URL".to_owned()
        } else {
            format!("AWS_ENDPOINT_URL_{}", key.to_uppercase())
        };
        variable(&name).filter(|url| !url.is_empty())
    };
    keys.chain([""])
        .filter_map(|key| Some((key.to_owned(), set(key)?)))
        .collect()
}

/// The shared credentials file, as AWS's tools find it.
fn profile_credentials(variable: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let path = match set("AWS_SHARED_CREDENTIALS_FILE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(set("HOME")?).join(".aws/credentials"),
    };
    let profile = set("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let text = std::fs::read_to_string(path).ok()?;
    Credentials::from_profile(&text, &profile)
}
