//! What is known of a caller for as long as it is there, and what policies can ask about it.

use super::certificate_variables::certificate_variables;
use super::guard::{Facts, Identity};
use policy::{Value, VariableMap, Variables};
use std::net::IpAddr;
use std::sync::OnceLock;

/// A caller. Its variables are not kept in a map, which would be the largest part of an idle
/// connection.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) client_id: Option<Box<str>>,
    pub(super) source_ip: IpAddr,
    source_ip_text: Box<str>,
    pub(super) server_name: Option<Box<str>>,
    /// Those of the client certificate, once a policy has asked for one.
    certificate: OnceLock<Box<VariableMap>>,
}

impl Caller {
    pub(super) fn new(identity: Identity, facts: Facts<'_>) -> Self {
        Self {
            identity,
            client_id: facts.client_id.map(Box::from),
            source_ip: facts.source_ip,
            source_ip_text: facts.source_ip.to_string().into(),
            server_name: facts.server_name.map(Box::from),
            certificate: OnceLock::new(),
        }
    }

    fn of_certificate(&self, name: &str) -> Option<Value<'_>> {
        let Identity::Certificate { id, der } = &self.identity else {
            return None;
        };
        if name == "iot:certificateid" {
            return Some(Value::One(id));
        }
        if !name.starts_with("iot:certificate.") {
            return None;
        }
        let variables = self.certificate.get_or_init(|| {
            let mut variables = VariableMap::new();
            certificate_variables(der, &mut variables);
            Box::new(variables)
        });
        variables.value(name)
    }
}

impl Variables for Caller {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        let text = match name {
            "aws:sourceip" => Some(&*self.source_ip_text),
            "iot:clientid" => self.client_id.as_deref(),
            "iot:domainname" => self.server_name.as_deref(),
            of_certificate => return self.of_certificate(of_certificate),
        };
        text.map(Value::One)
    }
}
