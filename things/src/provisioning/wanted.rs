//! What a template asks for, once its parameters are known.

use super::ProvisioningError;
use super::body::{CERTIFICATE_ID, Resource, TemplateBody, is_status};
use crate::CertificateStatus;
use crate::intrinsics::{Intrinsics, references};
use crate::iot_policies::WantedPolicy;
use crate::registry::{Override, WantedThing};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Parameters of a template by name.
pub type Parameters = BTreeMap<String, String>;

/// Resources with every function resolved.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(super) thing: Option<(String, WantedThing)>,
    pub(super) certificate: Option<WantedCertificate>,
    /// By logical id.
    pub(super) policies: Vec<(String, WantedPolicy)>,
    pub(super) device_configuration: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(super) struct WantedCertificate {
    pub(super) logical_id: String,
    pub(super) source: CertificateSource,
    pub(super) status: CertificateStatus,
    pub(super) on_status: Override,
}

/// Where a template's certificate comes from.
#[derive(Clone, Debug)]
pub(super) enum CertificateSource {
    /// One that is registered, by id.
    Registered(String),
    Csr(String),
    Pem {
        pem: String,
        ca_pem: Option<String>,
    },
}

type Asked<T> = Result<T, ProvisioningError>;

impl TemplateBody {
    /// Fills the parameters in. Those that nobody declared are known too, as the developer guide's
    /// own examples have it; the service's own cannot be given by a device.
    pub(crate) fn wanted(&self, given: &Parameters, certificate_id: Option<&str>) -> Asked<Wanted> {
        let known = self.known(given, certificate_id)?;
        let fill = |value: &Value| {
            let filled = known.resolve(value);
            filled.map_err(|why| ProvisioningError::InvalidParameters(why.to_string()))
        };
        let fill_all = |members: &Map<String, Value>| -> Asked<Map<String, Value>> {
            members
                .iter()
                .map(|(name, value)| Ok((name.clone(), fill(value)?)))
                .collect()
        };
        let thing = match &self.thing {
            Some(thing) => {
                let properties = fill_all(&thing.properties)?;
                Some((thing.logical_id.clone(), wanted_thing(thing, &properties)?))
            }
            None => None,
        };
        let certificate = match &self.certificate {
            Some(certificate) => {
                let properties = fill_all(&certificate.properties)?;
                Some(wanted_certificate(certificate, &properties)?)
            }
            None => None,
        };
        let policies = self.policies.iter().map(|policy| {
            let wanted = wanted_policy(&fill_all(&policy.properties)?)?;
            Ok((policy.logical_id.clone(), wanted))
        });
        Ok(Wanted {
            thing,
            certificate,
            policies: policies.collect::<Asked<_>>()?,
            device_configuration: fill_all(&self.device_configuration)?,
        })
    }

    /// Names of parameters that must have a value: those that something refers to, and of a template
    /// for certificates that connect all of them ("JITP overview" in the developer guide).
    fn needed(&self) -> BTreeSet<String> {
        let mut needed = BTreeSet::new();
        if self.all_needed {
            needed.extend(self.parameters.keys().cloned());
        }
        let resources = self
            .thing
            .iter()
            .chain(&self.certificate)
            .chain(&self.policies);
        for properties in resources.map(|resource| &resource.properties) {
            properties
                .values()
                .for_each(|value| references(value, &mut needed));
        }
        let configuration = self.device_configuration.values();
        configuration.for_each(|value| references(value, &mut needed));
        needed
    }

    fn known(&self, given: &Parameters, certificate_id: Option<&str>) -> Asked<Intrinsics> {
        let mut known = Intrinsics {
            mappings: self.mappings.clone(),
            ..Intrinsics::default()
        };
        let defaults = self.parameters.iter();
        let defaults = defaults.filter_map(|(name, default)| Some((name, default.as_ref()?)));
        for (name, value) in defaults.chain(given) {
            known.refs.insert(name.clone(), value.as_str().into());
        }
        if let Some(id) = certificate_id {
            known.refs.insert(CERTIFICATE_ID.to_owned(), id.into());
        }
        let needed = self.needed();
        let mut needed = self.parameters.keys().filter(|name| needed.contains(*name));
        match needed.find(|name| !known.refs.contains_key(*name)) {
            Some(missing) => Err(ProvisioningError::InvalidParameters(format!(
                "Parameter {missing} is declared in the template and has no value: pass one, or give it a Default"
            ))),
            None => Ok(known),
        }
    }
}

fn wanted_thing(thing: &Resource, properties: &Map<String, Value>) -> Asked<WantedThing> {
    // What a template leaves empty it does not ask for.
    let optional = |name: &str| {
        let text = text(properties, name)?;
        Ok::<_, ProvisioningError>(text.filter(|text| !text.is_empty()))
    };
    let name = optional("ThingName")?.unwrap_or_default();
    check("ThingName", &name, NAME_CHARS_MAX, is_name)?;
    for part in ["ThingTypeName", "BillingGroup"] {
        if let Some(name) = optional(part)? {
            check(part, &name, NAME_CHARS_MAX, is_name)?;
        }
    }
    Ok(WantedThing {
        name,
        type_name: optional("ThingTypeName")?,
        attributes: attributes(properties.get("AttributePayload"))?,
        groups: groups(properties.get("ThingGroups"))?,
        billing_group: optional("BillingGroup")?,
        on_attributes: thing.on("AttributePayload"),
        on_type: thing.on("ThingTypeName"),
        on_groups: thing.on("ThingGroups"),
    })
}

fn attributes(payload: Option<&Value>) -> Asked<Option<BTreeMap<String, String>>> {
    let Some(payload) = payload else {
        return Ok(None);
    };
    let wrong = || invalid("AttributePayload must be an object of strings");
    let members = payload.as_object().ok_or_else(wrong)?;
    let attribute = |(name, value): (&String, &Value)| {
        let value = value.as_str().ok_or_else(wrong)?;
        check("attribute name", name, NAME_CHARS_MAX, is_attribute)?;
        if !value.is_empty() {
            let fits = |byte| is_attribute(byte) || matches!(byte, b'=' | b'[' | b']');
            check("attribute value", value, VALUE_CHARS_MAX, fits)?;
        }
        Ok((name.clone(), value.to_owned()))
    };
    members
        .iter()
        .map(attribute)
        .collect::<Asked<_>>()
        .map(Some)
}

fn groups(groups: Option<&Value>) -> Asked<Option<Vec<String>>> {
    let Some(groups) = groups else {
        return Ok(None);
    };
    let wrong = || invalid("ThingGroups must be a list of names");
    let groups = groups.as_array().ok_or_else(wrong)?;
    let name = |group: &Value| {
        let name = group.as_str().ok_or_else(wrong)?;
        check("thing group", name, NAME_CHARS_MAX, is_name)?;
        Ok(name.to_owned())
    };
    groups.iter().map(name).collect::<Asked<_>>().map(Some)
}

fn wanted_certificate(
    certificate: &Resource,
    properties: &Map<String, Value>,
) -> Asked<WantedCertificate> {
    let status = text(properties, "Status")?.unwrap_or_else(|| "Active".to_owned());
    if !is_status(&status) {
        let why = format!("Status of the certificate is `{status}` and must be Active or Inactive");
        return Err(ProvisioningError::InvalidParameters(why));
    }
    let source = match (
        text(properties, "CertificateId")?,
        text(properties, "CertificateSigningRequest")?,
        text(properties, "CertificatePem")?,
    ) {
        (Some(id), _, _) => CertificateSource::Registered(id),
        (None, Some(csr), _) => CertificateSource::Csr(csr),
        (None, None, Some(pem)) => CertificateSource::Pem {
            pem,
            ca_pem: text(properties, "CACertificatePem")?,
        },
        (None, None, None) => return Err(invalid("the certificate resource names no certificate")),
    };
    Ok(WantedCertificate {
        logical_id: certificate.logical_id.clone(),
        source,
        status: if status.eq_ignore_ascii_case("Active") {
            CertificateStatus::Active
        } else {
            CertificateStatus::Inactive
        },
        on_status: certificate.on("Status"),
    })
}

/// A policy document is an object, or its text.
fn wanted_policy(properties: &Map<String, Value>) -> Asked<WantedPolicy> {
    if let Some(name) = text(properties, "PolicyName")? {
        let fits = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
        };
        check("PolicyName", &name, NAME_CHARS_MAX, fits)?;
        return Ok(WantedPolicy::Named(name));
    }
    match properties.get("PolicyDocument") {
        Some(Value::String(text)) => Ok(WantedPolicy::Document(text.clone())),
        Some(document @ Value::Object(_)) => Ok(WantedPolicy::Document(document.to_string())),
        _ => Err(invalid("PolicyDocument must be an object or its text")),
    }
}

/// A property that is a text if it is there.
fn text(properties: &Map<String, Value>, name: &str) -> Asked<Option<String>> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("{name} must be a string"))),
    }
}

fn invalid(why: &str) -> ProvisioningError {
    ProvisioningError::InvalidParameters(why.to_owned())
}

/// Refuses a name or value that the control plane would refuse.
fn check(what: &str, text: &str, chars_max: usize, fits: impl Fn(u8) -> bool) -> Asked<()> {
    if (1..=chars_max).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    Err(ProvisioningError::InvalidParameters(format!(
        "`{shown}` is no {what}: it has characters that it cannot have, or not 1 to {chars_max} of them"
    )))
}

/// AWS IoT API reference, ThingName.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-')
}

/// AWS IoT API reference, AttributeName.
fn is_attribute(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b'.' | b',' | b'@' | b'/' | b'#')
}

const NAME_CHARS_MAX: usize = 128;
/// AWS IoT API reference, AttributeValue.
const VALUE_CHARS_MAX: usize = 800;
/// Of a text that is wrong, in the error.
const SHOWN_CHARS_MAX: usize = 100;
