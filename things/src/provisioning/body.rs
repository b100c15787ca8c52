//! The text of a provisioning template, read and checked ("Provisioning templates" in the AWS IoT
//! developer guide).

use crate::registry::Override;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a template is for, which decides what it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// FLEET_PROVISIONING: devices that asked for a certificate.
    Fleet,
    /// JITP: certificates of a CA that connect.
    JustInTime,
    /// RegisterThing of the control plane.
    Registration,
}

/// The parameter that stands for the certificate's id.
pub(crate) const CERTIFICATE_ID: &str = "AWS::IoT::Certificate::Id";

/// A template that has the form of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateBody {
    /// Parameters with their defaults.
    pub(super) parameters: BTreeMap<String, Option<String>>,
    pub(super) mappings: Map<String, Value>,
    pub(super) thing: Option<Resource>,
    pub(super) certificate: Option<Resource>,
    pub(super) policies: Vec<Resource>,
    pub(super) device_configuration: Map<String, Value>,
    /// Whether every parameter must have a value, referred to or not.
    pub(super) all_needed: bool,
}

/// A resource of a template.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    /// Its name in the template.
    pub(super) logical_id: String,
    /// As they are written, with functions.
    pub(super) properties: Map<String, Value>,
    /// `OverrideSettings` by property.
    pub(super) overrides: BTreeMap<String, Override>,
}

type Checked<T> = Result<T, String>;

impl TemplateBody {
    /// Reads a template and checks it for its purpose; the error is a sentence.
    pub(crate) fn parse(text: &str, purpose: Purpose) -> Checked<Self> {
        let read = Self::read(text).and_then(|mut body| {
            body.check(purpose)?;
            body.all_needed = purpose == Purpose::JustInTime;
            Ok(body)
        });
        read.map_err(|why| format!("The template body is invalid: {why}"))
    }

    fn read(text: &str) -> Checked<Self> {
        let document: Value = serde_json::from_str(text).map_err(|why| why.to_string())?;
        let Value::Object(sections) = document else {
            return Err("a template must be a JSON object".to_owned());
        };
        if let Some(other) = sections
            .keys()
            .find(|name| !SECTIONS.contains(&name.as_str()))
        {
            let known = SECTIONS.join(", ");
            return Err(format!("unknown section {other}; there are {known}"));
        }
        let mut body = Self {
            parameters: parameters(&section(&sections, "Parameters")?)?,
            mappings: section(&sections, "Mappings")?,
            device_configuration: section(&sections, "DeviceConfiguration")?,
            ..Self::default()
        };
        for (logical_id, resource) in &section(&sections, "Resources")? {
            body.add(logical_id, resource)?;
        }
        Ok(body)
    }

    fn add(&mut self, logical_id: &str, resource: &Value) -> Checked<()> {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let place = match kind {
            "AWS::IoT::Thing" => &mut self.thing,
            "AWS::IoT::Certificate" => &mut self.certificate,
            "AWS::IoT::Policy" => {
                let policy = Resource::read(logical_id, resource, &POLICY, &[])?;
                self.policies.push(policy);
                return Ok(());
            }
            other => {
                return Err(format!(
                    "resource {logical_id} has the type `{other}`; a template has AWS::IoT::Thing, AWS::IoT::Certificate and AWS::IoT::Policy"
                ));
            }
        };
        let read = match kind {
            "AWS::IoT::Thing" => Resource::read(logical_id, resource, &THING, &THING_OVERRIDES),
            _ => Resource::read(logical_id, resource, &CERTIFICATE, &["Status"]),
        };
        if place.replace(read?).is_some() {
            return Err(format!(
                "a template has at most one resource of type {kind}"
            ));
        }
        Ok(())
    }

    fn check(&self, purpose: Purpose) -> Checked<()> {
        let Some(certificate) = &self.certificate else {
            return match purpose {
                Purpose::Registration => self.check_resources(),
                Purpose::Fleet | Purpose::JustInTime => {
                    Err("Template must have certificate resource.".to_owned())
                }
            };
        };
        match purpose {
            Purpose::Fleet | Purpose::JustInTime => {
                let id = certificate.properties.get("CertificateId");
                let refers = id.is_some_and(|id| {
                    let members = id.as_object();
                    members.is_some_and(|members| members.len() == 1) && id["Ref"] == CERTIFICATE_ID
                });
                if !refers {
                    let why = format!("CertificateId must contain a reference to {CERTIFICATE_ID}");
                    return Err(why);
                }
            }
            Purpose::Registration => {}
        }
        let ways = [
            "CertificateId",
            "CertificateSigningRequest",
            "CertificatePem",
        ];
        let given = ways
            .iter()
            .filter(|name| certificate.properties.contains_key(**name));
        if given.count() != 1 {
            return Err(format!(
                "a certificate resource must have exactly one of {}",
                ways.join(", ")
            ));
        }
        self.check_status(certificate, purpose)?;
        self.check_resources()
    }

    /// Only templates of fleet provisioning must say it; the default is ACTIVE.
    fn check_status(&self, certificate: &Resource, purpose: Purpose) -> Checked<()> {
        let good = match certificate.properties.get("Status") {
            Some(Value::String(status)) => is_status(status),
            // A function, whose outcome is looked at when it is known.
            Some(Value::Object(_)) => purpose != Purpose::Fleet,
            Some(_) => false,
            None => purpose != Purpose::Fleet,
        };
        if good {
            return Ok(());
        }
        Err(
            r#"A certificate resource must specify a Status of either "Active" or "Inactive""#
                .to_owned(),
        )
    }

    fn check_resources(&self) -> Checked<()> {
        if let Some(thing) = &self.thing
            && !thing.properties.contains_key("ThingName")
        {
            return Err(format!(
                "thing resource {} has no ThingName",
                thing.logical_id
            ));
        }
        for policy in &self.policies {
            let has = |name: &str| policy.properties.contains_key(name);
            if has("PolicyName") == has("PolicyDocument") {
                return Err(format!(
                    "policy resource {} must have either PolicyName or PolicyDocument",
                    policy.logical_id
                ));
            }
        }
        Ok(())
    }
}

/// Whether a status is one that a template may set, in any case.
pub(super) fn is_status(status: &str) -> bool {
    status.eq_ignore_ascii_case("Active") || status.eq_ignore_ascii_case("Inactive")
}

impl Resource {
    fn read(
        logical_id: &str,
        resource: &Value,
        known: &[&str],
        overridable: &[&str],
    ) -> Checked<Self> {
        let members = resource.as_object();
        let members = members.ok_or_else(|| format!("resource {logical_id} must be an object"))?;
        let names = ["Type", "Properties", "OverrideSettings"];
        if let Some(other) = members.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(format!(
                "resource {logical_id} has an unknown member {other}"
            ));
        }
        let mut properties = Map::new();
        for (name, value) in section(members, "Properties")? {
            // The developer guide writes both.
            let name = match name.as_str() {
                "CertificateID" => "CertificateId",
                name => name,
            };
            if !known.contains(&name) {
                return Err(format!(
                    "resource {logical_id} has an unknown property {name}; there are {}",
                    known.join(", ")
                ));
            }
            properties.insert(name.to_owned(), value);
        }
        let mut overrides = BTreeMap::new();
        for (name, value) in section(members, "OverrideSettings")? {
            let property = override_name(&name);
            let setting = value
                .as_str()
                .and_then(|setting| setting_of(property, setting));
            let known = overridable.contains(&property);
            let (Some(setting), true) = (setting, known) else {
                return Err(format!(
                    "resource {logical_id} cannot have the override setting {name}: {value}"
                ));
            };
            overrides.insert(property.to_owned(), setting);
        }
        Ok(Self {
            logical_id: logical_id.to_owned(),
            properties,
            overrides,
        })
    }

    pub(super) fn on(&self, property: &str) -> Override {
        self.overrides.get(property).copied().unwrap_or_default()
    }
}

/// The developer guide lists the names in capitals, and its examples have those of the properties.
fn override_name(name: &str) -> &str {
    match name {
        "ATTRIBUTE_PAYLOAD" => "AttributePayload",
        "THING_TYPE_NAME" => "ThingTypeName",
        "THING_GROUPS" => "ThingGroups",
        name => name,
    }
}

/// MERGE is for lists and mappings alone.
fn setting_of(property: &str, setting: &str) -> Option<Override> {
    match setting {
        "DO_NOTHING" => Some(Override::DoNothing),
        "REPLACE" => Some(Override::Replace),
        "FAIL" => Some(Override::Fail),
        "MERGE" if matches!(property, "AttributePayload" | "ThingGroups") => Some(Override::Merge),
        _ => None,
    }
}

fn section(members: &Map<String, Value>, name: &str) -> Checked<Map<String, Value>> {
    match members.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => Err(format!("{name} must be an object")),
    }
}

fn parameters(section: &Map<String, Value>) -> Checked<BTreeMap<String, Option<String>>> {
    let parameter = |(name, declared): (&String, &Value)| {
        if declared["Type"] != "String" {
            return Err(format!("parameter {name} must have the Type String"));
        }
        let default = match declared.get("Default") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(format!("the Default of parameter {name} must be a string")),
        };
        Ok((name.clone(), default))
    };
    section.iter().map(parameter).collect()
}

const SECTIONS: [&str; 4] = ["Parameters", "Mappings", "Resources", "DeviceConfiguration"];
const THING: [&str; 5] = [
    "ThingName",
    "ThingTypeName",
    "ThingGroups",
    "BillingGroup",
    "AttributePayload",
];
const THING_OVERRIDES: [&str; 3] = ["AttributePayload", "ThingTypeName", "ThingGroups"];
const CERTIFICATE: [&str; 5] = [
    "CertificateId",
    "CertificateSigningRequest",
    "CertificatePem",
    "CACertificatePem",
    "Status",
];
const POLICY: [&str; 2] = ["PolicyName", "PolicyDocument"];
