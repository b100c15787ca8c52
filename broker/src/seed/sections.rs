//! Seeds of our own form: sections with lists, whose members have the names of the API.

use super::calls::{Target, document, text, texts};
use super::{SeedError, certificates, jobs, provisioning};
use crate::api::{Code, Service};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use things::{NewRole, ThingsError};

type Members = Map<String, Value>;
type Apply = fn(&Target<'_>, &str, &Members) -> Result<Value, SeedError>;

/// The sections in the order in which they are applied, each with the member that a text alone
/// stands for.
const SECTIONS: [(&str, &str, Apply); 18] = [
    ("functions", "name", function),
    ("roles", "roleName", role),
    ("thingTypes", "thingTypeName", thing_type),
    ("billingGroups", "billingGroupName", billing_group),
    ("policies", "policyName", policy),
    ("thingGroups", "thingGroupName", thing_group),
    ("things", "thingName", thing),
    ("provisioningTemplates", "templateName", provisioning::apply),
    ("caCertificates", "caCertificate", ca_certificate),
    ("certificates", "name", certificates::apply),
    ("rules", "ruleName", rule),
    ("roleAliases", "roleAlias", role_alias),
    ("authorizers", "authorizerName", authorizer),
    (
        "domainConfigurations",
        "domainConfigurationName",
        domain_configuration,
    ),
    ("jobTemplates", "jobTemplateId", jobs::template),
    ("jobs", "jobId", jobs::job),
    ("retainedMessages", "topic", retained_message),
    ("calls", "operation", call),
];

/// Applies a seed; gives the answers by section.
pub(super) fn apply(target: &Target<'_>, seed: &Members) -> Result<Value, SeedError> {
    let known = |name: &String| SECTIONS.iter().any(|(section, ..)| section == name);
    if let Some(unknown) = seed.keys().find(|name| !known(name)) {
        let all: Vec<&str> = SECTIONS.iter().map(|(name, ..)| *name).collect();
        let why = format!("there is no such section; there are {}", all.join(", "));
        return Err(SeedError::new(format!("`{unknown}`"), why));
    }
    let mut answers = Map::new();
    for (section, named_by, apply) in SECTIONS {
        let Some(entries) = seed.get(section) else {
            continue;
        };
        let entries = match entries {
            Value::Array(entries) => entries.clone(),
            Value::Null => continue,
            Value::Object(by_name) => named(by_name, named_by),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let why = "a section must be a list, or a mapping by name";
                return Err(SeedError::new(format!("`{section}`"), why));
            }
        };
        let mut answered = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let at = format!("`{section}` entry {}", number + 1);
            let members = match entry {
                Value::Object(members) => members.clone(),
                Value::String(name) => {
                    Members::from_iter([(named_by.to_owned(), name.as_str().into())])
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                    return Err(SeedError::new(at, "an entry must be a mapping or a name"));
                }
            };
            answered.push(apply(target, &at, &members)?);
        }
        answers.insert(section.to_owned(), answered.into());
    }
    Ok(Value::Object(answers))
}

/// Entries that were written as a mapping by name.
fn named(by_name: &Members, named_by: &str) -> Vec<Value> {
    let entry = |(name, members): (&String, &Value)| {
        let mut members = members.as_object().cloned().unwrap_or_default();
        members.insert(named_by.to_owned(), name.as_str().into());
        Value::Object(members)
    };
    by_name.iter().map(entry).collect()
}

/// Takes members out that are the seed's own and not the API's.
fn without(members: &Members, names: &[&str]) -> Value {
    let mut members = members.clone();
    members.retain(|name, _| !names.contains(&name.as_str()));
    Value::Object(members)
}

fn function(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let mut members = members.clone();
    let code = target.path(at, text(at, &members, "code")?)?;
    members.insert("code".to_owned(), code.display().to_string().into());
    let body = Bytes::from(Value::Object(members).to_string());
    let functions = &target.world.functions;
    functions
        .add_json(&body)
        .map_err(|why| SeedError::new(at, why))
}

pub(super) fn role(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let failed = |error: ThingsError| SeedError::new(at, error.to_string());
    let things = &target.world.things;
    let name = text(at, members, "roleName")?;
    let trust = members.get("assumeRolePolicyDocument").map(document);
    let trust = trust.as_ref().and_then(Value::as_str).unwrap_or(TRUST);
    let new = NewRole {
        name: name.to_owned(),
        trust_policy: trust.to_owned(),
        ..NewRole::default()
    };
    let role = match things.create_role(&new, target.world.clock.now_ms()) {
        Err(ThingsError::ResourceAlreadyExists { .. }) => {
            things
                .update_assume_role_policy(name, trust)
                .map_err(failed)?;
            things.role(name)
        }
        outcome => outcome,
    };
    let policies = members.get("policies").and_then(Value::as_object);
    for (policy, text) in policies.into_iter().flatten() {
        let text = document(text);
        let text = text.as_str().unwrap_or_default();
        things.put_role_policy(name, policy, text).map_err(failed)?;
    }
    let arn = role.map_err(failed)?.arn;
    Ok(json!({"roleName": name, "arn": arn}))
}

/// Lets AWS IoT's rules and the credentials provider assume a role.
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal":
    {"Service": ["iot.amazonaws.com", "credentials.iot.amazonaws.com"]},
    "Action": "sts:AssumeRole"}}"#;

fn thing_type(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    target.call(at, "CreateThingType", without(members, &[]))
}

fn billing_group(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    target.call(at, "CreateBillingGroup", without(members, &[]))
}

pub(super) fn policy(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let mut members = members.clone();
    let name = text(at, &members, "policyName")?.to_owned();
    let text = members
        .get("policyDocument")
        .map(document)
        .unwrap_or_default();
    members.insert("policyDocument".to_owned(), text.clone());
    match target.try_call("CreatePolicy", Value::Object(members)) {
        Err(error) if error.code == Code::ResourceAlreadyExists => {
            let there = target.call(at, "GetPolicy", json!({"policyName": name}))?;
            if there["policyDocument"] != text {
                new_version(target, at, &name, &text)?;
            }
            Ok(json!({"policyName": name, "policyArn": there["policyArn"]}))
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}

/// Makes a document the policy's default version; the oldest makes room for it.
fn new_version(target: &Target<'_>, at: &str, name: &str, text: &Value) -> Result<(), SeedError> {
    let new = json!({"policyName": name, "policyDocument": text, "setAsDefault": true});
    match target.try_call("CreatePolicyVersion", new.clone()) {
        Err(error) if error.code == Code::VersionsLimitExceeded => {}
        outcome => {
            return outcome
                .map(drop)
                .map_err(|error| SeedError::refused(at, &error));
        }
    }
    let all = target.call(at, "ListPolicyVersions", json!({"policyName": name}))?;
    let versions = all["policyVersions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let number = |version: &&Value| {
        version["versionId"]
            .as_str()
            .and_then(|id| id.parse::<u32>().ok())
    };
    let old = versions
        .iter()
        .filter(|version| version["isDefaultVersion"] != true);
    if let Some(oldest) = old.min_by_key(number) {
        let oldest = json!({"policyName": name, "policyVersionId": oldest["versionId"]});
        target.call(at, "DeletePolicyVersion", oldest)?;
    }
    target.call(at, "CreatePolicyVersion", new).map(drop)
}

fn thing_group(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let create = if members.contains_key("queryString") {
        "CreateDynamicThingGroup"
    } else {
        "CreateThingGroup"
    };
    let made = target.call(at, create, without(members, &["policies"]))?;
    for policy in texts(at, members, "policies")? {
        let attach = json!({"policyName": policy, "target": made["thingGroupArn"]});
        target.call(at, "AttachPolicy", attach)?;
    }
    Ok(made)
}

/// A thing with its groups, shadows and attributes, which may stand without their payload.
pub(super) fn thing(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    const OWN: [&str; 4] = ["attributes", "thingGroups", "shadow", "shadows"];
    let mut create = without(members, &OWN);
    if let Some(attributes) = members.get("attributes") {
        create["attributePayload"] = json!({"attributes": as_texts(attributes)});
    }
    let name = json!(text(at, members, "thingName")?);
    let made = match target.try_call("CreateThing", create.clone()) {
        Err(error) if error.code == Code::ResourceAlreadyExists => {
            if let Some(create) = create.as_object_mut() {
                create.shift_remove("billingGroupName");
            }
            target.call(at, "UpdateThing", create)?;
            let there = target.call(at, "DescribeThing", json!({"thingName": name}))?;
            json!({"thingName": name, "thingArn": there["thingArn"], "thingId": there["thingId"]})
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error))?,
    };
    for group in texts(at, members, "thingGroups")? {
        let add = json!({"thingName": name, "thingGroupName": group});
        target.call(at, "AddThingToThingGroup", add)?;
    }
    let named = members.get("shadows").and_then(Value::as_object);
    let named = named
        .into_iter()
        .flatten()
        .map(|(name, state)| (Some(name), state));
    let classic = members.get("shadow").map(|state| (None, state));
    for (shadow, state) in classic.into_iter().chain(named) {
        let mut update = json!({"thingName": name, "payload": json!({"state": state}).to_string()});
        if let Some(shadow) = shadow {
            update["shadowName"] = shadow.as_str().into();
        }
        target
            .call_service(Service::IotData, "UpdateThingShadow", update)
            .map_err(|error| SeedError::refused(at, &error))?;
    }
    Ok(made)
}

/// Attributes are texts, also those that look like numbers in YAML.
fn as_texts(attributes: &Value) -> Value {
    let text = |value: &Value| match value {
        Value::Number(_) | Value::Bool(_) => value.to_string().into(),
        other => other.clone(),
    };
    match attributes {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect::<Members>()
            .into(),
        other => other.clone(),
    }
}

pub(super) fn ca_certificate(
    target: &Target<'_>,
    at: &str,
    members: &Members,
) -> Result<Value, SeedError> {
    match target.try_call("RegisterCACertificate", without(members, &[])) {
        Err(error) if error.code == Code::ResourceAlreadyExists => {
            let found = error.resource;
            Ok(json!({
                "certificateId": found.as_ref().and_then(|found| found.id.clone()),
                "certificateArn": found.and_then(|found| found.arn),
            }))
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}

/// A rule; `sql`, `actions` and so on may stand beside its name.
pub(super) fn rule(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let mut whole = members.clone();
    if !whole.contains_key("topicRulePayload") {
        let payload = without(members, &["ruleName", "tags"]);
        whole.retain(|name, _| name == "ruleName" || name == "tags");
        whole.insert("topicRulePayload".to_owned(), payload);
    }
    let mut payload = whole["topicRulePayload"].clone();
    if payload.get("actions").is_none() {
        payload["actions"] = json!([]);
        whole.insert("topicRulePayload".to_owned(), payload);
    }
    let name = json!(text(at, members, "ruleName")?);
    target.put(at, "CreateTopicRule", "ReplaceTopicRule", &whole, &["tags"])?;
    let rule = target.call(at, "GetTopicRule", json!({"ruleName": name}))?;
    Ok(json!({"ruleName": name, "ruleArn": rule["ruleArn"]}))
}

fn role_alias(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    target.put(at, "CreateRoleAlias", "UpdateRoleAlias", members, &["tags"])
}

pub(super) fn authorizer(
    target: &Target<'_>,
    at: &str,
    members: &Members,
) -> Result<Value, SeedError> {
    let not_in_update = ["tags", "signingDisabled"];
    target.put(
        at,
        "CreateAuthorizer",
        "UpdateAuthorizer",
        members,
        &not_in_update,
    )
}

pub(super) fn domain_configuration(
    target: &Target<'_>,
    at: &str,
    members: &Members,
) -> Result<Value, SeedError> {
    let not_in_update = [
        "tags",
        "domainName",
        "serverCertificateArns",
        "serviceType",
        "validationCertificateArn",
    ];
    let (create, update) = ("CreateDomainConfiguration", "UpdateDomainConfiguration");
    target.put(at, create, update, members, &not_in_update)
}

fn retained_message(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let mut message = members.clone();
    if let Some(payload @ (Value::Object(_) | Value::Array(_) | Value::Number(_))) =
        members.get("payload")
    {
        message.insert("payload".to_owned(), payload.to_string().into());
    }
    message.insert("retain".to_owned(), true.into());
    let publish = Value::Object(message);
    target
        .call_service(Service::IotData, "Publish", publish)
        .map_err(|error| SeedError::refused(at, &error))?;
    Ok(json!({"topic": members.get("topic")}))
}

/// Any other operation of the API: `{operation, service?, members}`. What is there already stays.
fn call(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let service = match members.get("service").and_then(Value::as_str) {
        None | Some("iot") => Service::Iot,
        Some("iot-data") => Service::IotData,
        Some("iot-jobs-data") => Service::IotJobsData,
        Some(other) => {
            let why = format!("`service` is `{other}` and must be iot, iot-data or iot-jobs-data");
            return Err(SeedError::new(at, why));
        }
    };
    let with = members.get("members").cloned().unwrap_or_else(|| json!({}));
    match target.call_service(service, text(at, members, "operation")?, with) {
        Err(error) if error.code == Code::ResourceAlreadyExists => Ok(json!({})),
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}
