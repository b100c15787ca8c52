//! Custom domains: handshakes with clients that ask for a name (SNI) which has a domain
//! configuration.

use super::identity::{ServerIdentity, Shakes, SuiteOrder};
use super::tls::{ClientCertificate, Configs, HTTP, HTTP_CA, MQTT, MQTT_CA, Registry, Speech};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use things::{DomainAuthentication, DomainProtocol, DomainRules};

/// The domains of a server and how hands are shaken on each.
pub(super) struct Domains {
    rules: RulesOf,
    identity: IdentityOf,
    registry: Registry,
    /// Made at a domain's first handshake, and anew when its rules have changed. By name.
    made: Mutex<HashMap<String, Made>>,
}

/// The rules of a name, if it has any.
pub(super) type RulesOf = Box<dyn Fn(&str) -> Option<DomainRules> + Send + Sync>;

/// Makes the certificate that a name shows.
pub(super) type IdentityOf = Box<dyn Fn(&str) -> Result<ServerIdentity, String> + Send + Sync>;

struct Made {
    rules: Arc<DomainRules>,
    identity: Arc<ServerIdentity>,
    /// By whether the listener speaks MQTT alone, and whether ALPN says that it is a device.
    configs: HashMap<(bool, bool), Configs>,
}

/// How a handshake on a domain goes.
pub(super) struct OnDomain {
    pub(super) rules: Arc<DomainRules>,
    pub(super) configs: Configs,
    /// What is spoken, if neither ALPN nor the first byte decides.
    pub(super) speech: Option<Speech>,
}

impl Domains {
    pub(super) fn new(rules: RulesOf, identity: IdentityOf, registry: &Registry) -> Self {
        Self {
            rules,
            identity,
            registry: Arc::clone(registry),
            made: Mutex::default(),
        }
    }

    /// How a client of a name is met; `None` if the name has no configuration. `mqtt_only` is the
    /// listener's, `is_device` says what the client's ALPN shows or the listener takes for granted.
    ///
    /// # Errors
    /// The domain is not in use, cannot be served by this listener, or has no certificate.
    pub(super) fn meet(
        &self,
        name: &str,
        mqtt_only: bool,
        is_device: bool,
    ) -> io::Result<Option<OnDomain>> {
        let Some(rules) = (self.rules)(name) else {
            self.made.lock().remove(name);
            return Ok(None);
        };
        if !rules.enabled {
            return Err(refused("DOMAIN_CONFIGURATION_DISABLED"));
        }
        let speech = speech(&rules);
        if mqtt_only && speech == Some(Speech::Http) {
            return Err(refused(
                "DOMAIN_CONFIGURATION_INVALID: it is not for MQTT over TCP",
            ));
        }
        let mut made = self.made.lock();
        let fits = |made: &Made| *made.rules == rules;
        if !made.get(name).is_some_and(fits) {
            let identity = (self.identity)(name).map_err(|why| refused(&why))?;
            let fresh = Made {
                rules: Arc::new(rules),
                identity: Arc::new(identity),
                configs: HashMap::new(),
            };
            made.insert(name.to_owned(), fresh);
        }
        let Some(made) = made.get_mut(name) else {
            return Ok(None);
        };
        let key = (mqtt_only, is_device);
        if !made.configs.contains_key(&key) {
            let fresh = self.configs(&made.rules, &made.identity, mqtt_only, is_device);
            let fresh = fresh.map_err(|why| refused(&why.to_string()))?;
            made.configs.insert(key, fresh);
        }
        Ok(Some(OnDomain {
            rules: Arc::clone(&made.rules),
            configs: made.configs[&key].clone(),
            speech,
        }))
    }

    fn configs(
        &self,
        rules: &DomainRules,
        identity: &ServerIdentity,
        mqtt_only: bool,
        is_device: bool,
    ) -> Result<Configs, rustls::Error> {
        let protocols: &[&[u8]] = match speech(rules) {
            Some(Speech::Mqtt) => &[MQTT_CA, MQTT],
            Some(Speech::Http) => &[HTTP_CA, HTTP],
            Some(Speech::Unsaid) | None if mqtt_only => &[MQTT_CA, MQTT],
            Some(Speech::Unsaid) | None => &[MQTT_CA, HTTP_CA, MQTT, HTTP],
        };
        let shakes = |order| Shakes {
            registry: &self.registry,
            wanted: wanted(rules, is_device),
            protocols,
            order,
            tls: rules.tls,
        };
        Ok(Configs {
            ours: identity.config(&shakes(SuiteOrder::Ours))?,
            clients: identity.config(&shakes(SuiteOrder::Clients))?,
        })
    }
}

/// What is spoken on a domain: as its configuration says, and signatures travel in HTTP alone.
fn speech(rules: &DomainRules) -> Option<Speech> {
    match (rules.protocol, rules.authentication) {
        (DomainProtocol::SecureMqtt, _) => Some(Speech::Mqtt),
        (DomainProtocol::MqttWss | DomainProtocol::Https, _)
        | (DomainProtocol::Default, DomainAuthentication::AwsSigV4) => Some(Speech::Http),
        (
            DomainProtocol::Default,
            DomainAuthentication::Default
            | DomainAuthentication::AwsX509
            | DomainAuthentication::CustomAuth
            | DomainAuthentication::CustomAuthX509,
        ) => None,
    }
}

/// Whether clients of a domain are asked for a certificate.
fn wanted(rules: &DomainRules, is_device: bool) -> ClientCertificate {
    match rules.authentication {
        DomainAuthentication::AwsX509 | DomainAuthentication::CustomAuthX509 => {
            ClientCertificate::Required
        }
        DomainAuthentication::CustomAuth | DomainAuthentication::AwsSigV4 => {
            ClientCertificate::Unasked
        }
        DomainAuthentication::Default if is_device => ClientCertificate::Required,
        DomainAuthentication::Default => ClientCertificate::Optional,
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(ErrorKind::ConnectionRefused, why.to_owned())
}
