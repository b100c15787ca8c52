//! What a domain configuration says of the connections to its domain.

use super::domain_configuration::DomainConfigurationDocument;
use crate::Things;
use serde_json::Value;

/// How clients that connect to a domain are met; `DEFAULT` members leave it to the port and ALPN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRules {
    /// Domain configuration name.
    pub configuration: String,
    /// Whether the domain is in use.
    pub enabled: bool,
    /// authenticationType.
    pub authentication: DomainAuthentication,
    /// applicationProtocol.
    pub protocol: DomainProtocol,
    /// authorizerConfig.
    pub authorizer: Option<DomainAuthorizer>,
    /// Versions of TLS that are spoken (tlsConfig).
    pub tls: DomainTls,
}

/// AuthenticationType of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are AWS's.
pub enum DomainAuthentication {
    #[default]
    Default,
    AwsX509,
    AwsSigV4,
    CustomAuth,
    CustomAuthX509,
}

/// ApplicationProtocol of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are AWS's.
pub enum DomainProtocol {
    #[default]
    Default,
    SecureMqtt,
    MqttWss,
    Https,
}

/// Versions of TLS, as the names of AWS's security policies have them: the first part is the
/// newest that is spoken, the second the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DomainTls {
    /// `IoTSecurityPolicy_TLS13_1_2_2022_10`, and what nobody has set.
    #[default]
    Both,
    /// `IoTSecurityPolicy_TLS13_1_3_2022_10`.
    Tls13,
    /// `IoTSecurityPolicy_TLS12_...`; versions before 1.2 are not spoken here.
    Tls12,
}

/// The authorizer of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainAuthorizer {
    /// Who is asked if the client names nobody; `None` is the account's default.
    pub name: Option<String>,
    /// Whether a client may name another one.
    pub may_be_overridden: bool,
}

impl Things {
    /// The rules of a domain, by the name that a client asked for (SNI); `None` if no domain
    /// configuration has it.
    pub fn domain_rules(&self, domain: &str) -> Option<DomainRules> {
        let state = self.state();
        let all = &state.account.domain_configurations;
        let has_it = |document: &DomainConfigurationDocument| {
            let name = document.members.get("domainName").and_then(Value::as_str);
            name.is_some_and(|name| name.eq_ignore_ascii_case(domain))
        };
        let found = all.iter().find(|(_, document)| has_it(document));
        found.map(|(name, document)| rules(name, document))
    }
}

fn rules(name: &str, document: &DomainConfigurationDocument) -> DomainRules {
    let member = |name: &str| document.members.get(name);
    let text = |name: &str| member(name).and_then(Value::as_str).unwrap_or_default();
    let policy = member("tlsConfig").map(|tls| &tls["securityPolicy"]);
    let policy = policy.and_then(Value::as_str).unwrap_or_default();
    DomainRules {
        configuration: name.to_owned(),
        enabled: document.enabled,
        authentication: match text("authenticationType") {
            "AWS_X509" => DomainAuthentication::AwsX509,
            "AWS_SIGV4" => DomainAuthentication::AwsSigV4,
            "CUSTOM_AUTH" => DomainAuthentication::CustomAuth,
            "CUSTOM_AUTH_X509" => DomainAuthentication::CustomAuthX509,
            _ => DomainAuthentication::Default,
        },
        protocol: match text("applicationProtocol") {
            "SECURE_MQTT" => DomainProtocol::SecureMqtt,
            "MQTT_WSS" => DomainProtocol::MqttWss,
            "HTTPS" => DomainProtocol::Https,
            _ => DomainProtocol::Default,
        },
        authorizer: member("authorizerConfig").map(|config| DomainAuthorizer {
            name: config["defaultAuthorizerName"].as_str().map(str::to_owned),
            may_be_overridden: config["allowAuthorizerOverride"] == true,
        }),
        tls: if policy.contains("_TLS13_1_3_") {
            DomainTls::Tls13
        } else if policy.contains("_TLS12_") {
            DomainTls::Tls12
        } else {
            DomainTls::Both
        },
    }
}
