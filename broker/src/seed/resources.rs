//! Resource types of CloudFormation by the calls that make them.

use super::calls::{Target, document};
use super::{SeedError, sections};
use serde_json::{Map, Value, json};

type Members = Map<String, Value>;

/// A resource that a template names.
pub(super) struct Made {
    /// What `Ref` gives.
    pub(super) reference: Value,
    /// What `Fn::GetAtt` gives.
    pub(super) attributes: Vec<(String, Value)>,
    /// Whether it is there; resources of other services are only named.
    pub(super) is_made: bool,
}

impl Made {
    fn new(reference: Value, attributes: &[(&str, &Value)]) -> Self {
        let attribute = |(name, value): &(&str, &Value)| ((*name).to_owned(), (*value).clone());
        Self {
            reference,
            attributes: attributes.iter().map(attribute).collect(),
            is_made: true,
        }
    }
}

/// Makes a resource. What is not given a name has its logical id.
pub(super) fn make(
    target: &Target<'_>,
    at: &str,
    logical_id: &str,
    kind: &str,
    properties: &Members,
) -> Result<Made, SeedError> {
    let Some(kind) = kind.strip_prefix("AWS::IoT::") else {
        return if kind == "AWS::IAM::Role" {
            role(target, at, logical_id, properties)
        } else {
            Ok(named_only(target, logical_id, kind, properties))
        };
    };
    let mut members = api_members(properties);
    let named = |members: &mut Members, name: &str| {
        let default = || Value::from(logical_id);
        members.entry(name.to_owned()).or_insert_with(default).clone()
    };
    let call = |name: &str, members: Members| target.call(at, name, members.into());
    match kind {
        "Thing" => {
            let name = named(&mut members, "thingName");
            let made = sections_thing(target, at, members)?;
            Ok(Made::new(name, &[("Arn", &made["thingArn"]), ("Id", &made["thingId"])]))
        }
        "ThingType" => {
            let name = named(&mut members, "thingTypeName");
            let deprecated = members.shift_remove("deprecateThingType");
            let made = call("CreateThingType", members)?;
            if deprecated == Some(Value::Bool(true)) {
                target.call(at, "DeprecateThingType", json!({"thingTypeName": name}))?;
            }
            Ok(Made::new(name, &[("Arn", &made["thingTypeArn"]), ("Id", &made["thingTypeId"])]))
        }
        "ThingGroup" => {
            let name = named(&mut members, "thingGroupName");
            let dynamic = members.contains_key("queryString");
            let create = if dynamic { "CreateDynamicThingGroup" } else { "CreateThingGroup" };
            let made = call(create, members)?;
            Ok(Made::new(name, &[("Arn", &made["thingGroupArn"]), ("Id", &made["thingGroupId"])]))
        }
        "BillingGroup" => {
            let name = named(&mut members, "billingGroupName");
            let made = call("CreateBillingGroup", members)?;
            let attributes = [("Arn", &made["billingGroupArn"]), ("Id", &made["billingGroupId"])];
            Ok(Made::new(name, &attributes))
        }
        "Policy" => {
            let name = named(&mut members, "policyName");
            let made = sections::policy(target, at, &members)?;
            Ok(Made::new(name.clone(), &[("Arn", &made["policyArn"]), ("Id", &name)]))
        }
        "Certificate" => certificate(target, at, members),
        "CACertificate" => ca_certificate(target, at, members),
        "PolicyPrincipalAttachment" => {
            let attach = json!({"policyName": members.get("policyName"), "target": members.get("principal")});
            target.call(at, "AttachPolicy", attach)?;
            Ok(Made::new(logical_id.into(), &[]))
        }
        "ThingPrincipalAttachment" => {
            call("AttachThingPrincipal", members)?;
            Ok(Made::new(logical_id.into(), &[]))
        }
        "TopicRule" => {
            let name = named(&mut members, "ruleName");
            members.shift_remove("tags");
            let made = sections::rule(target, at, &members)?;
            Ok(Made::new(name, &[("Arn", &made["ruleArn"])]))
        }
        "RoleAlias" => {
            let name = named(&mut members, "roleAlias");
            let made = target.put(at, "CreateRoleAlias", "UpdateRoleAlias", &members, &["tags"])?;
            Ok(Made::new(name, &[("RoleAliasArn", &made["roleAliasArn"])]))
        }
        "Authorizer" => {
            let name = named(&mut members, "authorizerName");
            let made = sections::authorizer(target, at, &members)?;
            Ok(Made::new(name, &[("Arn", &made["authorizerArn"])]))
        }
        "DomainConfiguration" => {
            let name = named(&mut members, "domainConfigurationName");
            members.shift_remove("domainConfigurationStatus");
            let made = sections::domain_configuration(target, at, &members)?;
            Ok(Made::new(name, &[("Arn", &made["domainConfigurationArn"])]))
        }
        "Logging" => {
            members.shift_remove("accountId");
            call("SetV2LoggingOptions", members)?;
            Ok(Made::new(json!(target.world.config.account_id), &[]))
        }
        "ProvisioningTemplate" => {
            let name = named(&mut members, "templateName");
            let made = call("CreateProvisioningTemplate", members)?;
            Ok(Made::new(name, &[("TemplateArn", &made["templateArn"])]))
        }
        "TopicRuleDestination" => {
            let made = call("CreateTopicRuleDestination", json_object(json!({"destinationConfiguration": {
                "httpUrlConfiguration": members.get("httpUrlProperties"),
                "vpcConfiguration": members.get("vpcProperties"),
            }})))?;
            let arn = &made["topicRuleDestination"]["arn"];
            Ok(Made::new(arn.clone(), &[("Arn", arn)]))
        }
        other => Err(SeedError::new(
            at,
            format!("a resource AWS::IoT::{other} cannot be made yet: leave it out"),
        )),
    }
}

fn json_object(value: Value) -> Members {
    let Value::Object(members) = value else {
        return Members::new();
    };
    let without_nulls = |value: Value| match value {
        Value::Object(inner) => inner.into_iter().filter(|(_, v)| !v.is_null()).collect::<Members>().into(),
        other => other,
    };
    members.into_iter().map(|(name, value)| (name, without_nulls(value))).collect()
}

fn sections_thing(target: &Target<'_>, at: &str, members: Members) -> Result<Value, SeedError> {
    sections::thing(target, at, &members)
}

fn certificate(target: &Target<'_>, at: &str, mut members: Members) -> Result<Made, SeedError> {
    let status = members.shift_remove("status").unwrap_or_else(|| "ACTIVE".into());
    let sni_only = members.shift_remove("certificateMode") == Some("SNI_ONLY".into());
    let made = if let Some(csr) = members.get("certificateSigningRequest") {
        let ask = json!({"certificateSigningRequest": csr, "setAsActive": status == "ACTIVE"});
        target.call(at, "CreateCertificateFromCsr", ask)?
    } else if sni_only || !members.contains_key("caCertificatePem") {
        let mut entry = Members::new();
        entry.insert("certificatePem".to_owned(), members.get("certificatePem").cloned().unwrap_or_default());
        entry.insert("status".to_owned(), status);
        super::certificates::apply(target, at, &entry)?
    } else {
        let register = json!({
            "certificatePem": members.get("certificatePem"),
            "caCertificatePem": members.get("caCertificatePem"),
            "status": status,
        });
        target.call(at, "RegisterCertificate", register)?
    };
    let (arn, id) = (&made["certificateArn"], &made["certificateId"]);
    Ok(Made::new(id.clone(), &[("Arn", arn), ("Id", id)]))
}

fn ca_certificate(target: &Target<'_>, at: &str, members: Members) -> Result<Made, SeedError> {
    let is = |name: &str, wanted: &str| members.get(name).is_some_and(|value| value == wanted);
    let mut register = json!({
        "caCertificate": members.get("caCertificatePem").or_else(|| members.get("cACertificatePem")),
        "setAsActive": is("status", "ACTIVE"),
        "allowAutoRegistration": is("autoRegistrationStatus", "ENABLE"),
    });
    let same = [
        ("verificationCertificatePem", "verificationCertificate"),
        ("certificateMode", "certificateMode"),
        ("registrationConfig", "registrationConfig"),
        ("tags", "tags"),
    ];
    for (property, member) in same {
        if let Some(value) = members.get(property) {
            register[member] = value.clone();
        }
    }
    let made = sections::ca_certificate(target, at, &json_object(register))?;
    let (arn, id) = (&made["certificateArn"], &made["certificateId"]);
    Ok(Made::new(id.clone(), &[("Arn", arn), ("Id", id)]))
}

fn role(
    target: &Target<'_>,
    at: &str,
    logical_id: &str,
    properties: &Members,
) -> Result<Made, SeedError> {
    let name = properties.get("RoleName").and_then(Value::as_str).unwrap_or(logical_id);
    let inline = properties.get("Policies").and_then(Value::as_array);
    let policies: Members = inline
        .into_iter()
        .flatten()
        .filter_map(|policy| {
            let name = policy["PolicyName"].as_str()?;
            Some((name.to_owned(), document(&policy["PolicyDocument"])))
        })
        .collect();
    let mut entry = json!({"roleName": name, "policies": policies});
    if let Some(trust) = properties.get("AssumeRolePolicyDocument") {
        entry["assumeRolePolicyDocument"] = trust.clone();
    }
    let made = sections::role(target, at, &json_object_of(entry))?;
    Ok(Made::new(name.into(), &[("Arn", &made["arn"])]))
}

fn json_object_of(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        _ => Members::new(),
    }
}

/// A resource of another service: rules may name it, so it has a name and an ARN.
fn named_only(target: &Target<'_>, logical_id: &str, kind: &str, properties: &Members) -> Made {
    let name = properties
        .iter()
        .find(|(name, value)| name.ends_with("Name") && value.is_string())
        .and_then(|(_, value)| value.as_str())
        .unwrap_or(logical_id);
    let config = &target.world.config;
    let (region, account) = (&config.region, &config.account_id);
    let arn = match kind {
        "AWS::S3::Bucket" => format!("arn:aws:s3:::{name}"),
        "AWS::Lambda::Function" => format!("arn:aws:lambda:{region}:{account}:function:{name}"),
        "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:{region}:{account}:table/{name}"),
        "AWS::Kinesis::Stream" => format!("arn:aws:kinesis:{region}:{account}:stream/{name}"),
        other => {
            let service = other.split("::").nth(1).unwrap_or_default().to_lowercase();
            format!("arn:aws:{service}:{region}:{account}:{name}")
        }
    };
    let reference = match kind {
        "AWS::SNS::Topic" => arn.clone(),
        "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
        _ => name.to_owned(),
    };
    let attributes = [("Arn", arn), ("QueueName", name.to_owned()), ("TopicArn", reference.clone())];
    Made {
        reference: reference.into(),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect(),
        is_made: false,
    }
}

/// Members whose own members are a user's names, or a document: they stay as they are.
const AS_THEY_ARE: [&str; 6] = [
    "PolicyDocument",
    "Attributes",
    "TokenSigningPublicKeys",
    "ClientProperties",
    "Tags",
    "TemplateBody",
];

/// Properties under the API's names, whose first letter is small.
fn api_members(properties: &Members) -> Members {
    let member = |(name, value): (&String, &Value)| {
        let value = if AS_THEY_ARE.contains(&name.as_str()) {
            value.clone()
        } else {
            api_value(value)
        };
        (first_small(name), value)
    };
    properties.iter().map(member).collect()
}

fn api_value(value: &Value) -> Value {
    match value {
        Value::Object(members) => api_members(members).into(),
        Value::Array(items) => items.iter().map(api_value).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn first_small(name: &str) -> String {
    // The one name that begins with an abbreviation of two letters.
    if let Some(rest) = name.strip_prefix("CACertificate") {
        return format!("caCertificate{rest}");
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
