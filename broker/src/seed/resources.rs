//! Resource types of CloudFormation by the calls that make them.

use super::calls::{Target, document};
use super::{SeedError, jobs, provisioning, sections};
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
    let resource = Resource {
        target,
        at,
        logical_id,
        members: api_members(properties),
    };
    match kind {
        "Thing" | "ThingType" | "ThingGroup" | "BillingGroup" => resource.of_registry(kind),
        "PolicyPrincipalAttachment" => {
            let (policy, principal) = (resource.member("policyName"), resource.member("principal"));
            let attach = json!({"policyName": policy, "target": principal});
            target.call(at, "AttachPolicy", attach)?;
            Ok(Made::new(logical_id.into(), &[]))
        }
        "ThingPrincipalAttachment" => {
            target.call(at, "AttachThingPrincipal", resource.members.into())?;
            Ok(Made::new(logical_id.into(), &[]))
        }
        "Certificate" => certificate(target, at, resource.members),
        "CACertificate" => ca_certificate(target, at, &resource.members),
        "Policy"
        | "TopicRule"
        | "RoleAlias"
        | "Authorizer"
        | "DomainConfiguration"
        | "ProvisioningTemplate" => resource.named(kind),
        "Logging" => {
            let mut members = resource.members;
            members.shift_remove("accountId");
            target.call(at, "SetV2LoggingOptions", members.into())?;
            Ok(Made::new(json!(target.world.config.account_id), &[]))
        }
        "TopicRuleDestination" => resource.destination(),
        "Job" | "JobTemplate" => resource.of_jobs(kind),
        other => Err(SeedError::new(
            at,
            format!("a resource AWS::IoT::{other} cannot be made yet: leave it out"),
        )),
    }
}

/// A resource of AWS IoT with its properties under the API's names.
struct Resource<'r> {
    target: &'r Target<'r>,
    at: &'r str,
    logical_id: &'r str,
    members: Members,
}

impl Resource<'_> {
    fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The resource's name, its logical id unless it is given.
    fn name(&mut self, member: &str) -> Value {
        let default = || Value::from(self.logical_id);
        let name = self.members.entry(member.to_owned());
        name.or_insert_with(default).clone()
    }

    /// What has a name, an ARN and an id.
    fn of_registry(mut self, kind: &str) -> Result<Made, SeedError> {
        let (target, at) = (self.target, self.at);
        let prefix = match kind {
            "ThingType" => "thingType",
            "ThingGroup" => "thingGroup",
            "BillingGroup" => "billingGroup",
            _ => "thing",
        };
        let name = self.name(&format!("{prefix}Name"));
        let dynamic = self.members.contains_key("queryString");
        let deprecated = self.members.shift_remove("deprecateThingType");
        let made = match kind {
            "Thing" => sections::thing(target, at, &self.members)?,
            "ThingGroup" if dynamic => {
                target.call(at, "CreateDynamicThingGroup", self.members.into())?
            }
            kind => target.call(at, &format!("Create{kind}"), self.members.into())?,
        };
        if deprecated == Some(Value::Bool(true)) {
            target.call(at, "DeprecateThingType", json!({"thingTypeName": name}))?;
        }
        let (arn, id) = (&made[format!("{prefix}Arn")], &made[format!("{prefix}Id")]);
        Ok(Made::new(name, &[("Arn", arn), ("Id", id)]))
    }

    /// What has a name and an ARN, and is changed if it is there.
    fn named(mut self, kind: &str) -> Result<Made, SeedError> {
        let (target, at) = (self.target, self.at);
        let (member, attribute, answered) = match kind {
            "Policy" => ("policyName", "Arn", "policyArn"),
            "TopicRule" => ("ruleName", "Arn", "ruleArn"),
            "RoleAlias" => ("roleAlias", "RoleAliasArn", "roleAliasArn"),
            "Authorizer" => ("authorizerName", "Arn", "authorizerArn"),
            "DomainConfiguration" => ("domainConfigurationName", "Arn", "domainConfigurationArn"),
            _ => ("templateName", "TemplateArn", "templateArn"),
        };
        let name = self.name(member);
        let mut members = self.members;
        let made = match kind {
            "Policy" => sections::policy(target, at, &members)?,
            "TopicRule" => {
                // The API has them in a header, in another form.
                members.shift_remove("tags");
                sections::rule(target, at, &members)?
            }
            "RoleAlias" => target.put(
                at,
                "CreateRoleAlias",
                "UpdateRoleAlias",
                &members,
                &["tags"],
            )?,
            "Authorizer" => sections::authorizer(target, at, &members)?,
            "DomainConfiguration" => {
                members.shift_remove("domainConfigurationStatus");
                sections::domain_configuration(target, at, &members)?
            }
            _ => {
                // CloudFormation's name of the member `type`.
                if let Some(kind) = members.shift_remove("templateType") {
                    members.insert("type".to_owned(), kind);
                }
                provisioning::apply(target, at, &members)?
            }
        };
        let id = name.clone();
        Ok(Made::new(
            name,
            &[(attribute, &made[answered]), ("Id", &id)],
        ))
    }

    fn of_jobs(mut self, kind: &str) -> Result<Made, SeedError> {
        let (target, at) = (self.target, self.at);
        // Two members have other names here than in the API.
        for (config, member, in_api) in [
            (
                "jobExecutionsRolloutConfig",
                "exponentialRolloutRate",
                "exponentialRate",
            ),
            (
                "jobExecutionsRetryConfig",
                "retryCriteriaList",
                "criteriaList",
            ),
        ] {
            if let Some(Value::Object(config)) = self.members.get_mut(config)
                && let Some(value) = config.shift_remove(member)
            {
                config.insert(in_api.to_owned(), value);
            }
        }
        if kind == "Job" {
            self.name("jobId");
            let made = jobs::job(target, at, &self.members)?;
            let arn = &made["jobArn"];
            return Ok(Made::new(arn.clone(), &[("Arn", arn)]));
        }
        let id = self.name("jobTemplateId");
        let made = jobs::template(target, at, &self.members)?;
        Ok(Made::new(id, &[("Arn", &made["jobTemplateArn"])]))
    }

    fn destination(self) -> Result<Made, SeedError> {
        let configuration = without_nulls(json!({
            "httpUrlConfiguration": self.member("httpUrlProperties"),
            "vpcConfiguration": self.member("vpcProperties"),
        }));
        let create = json!({"destinationConfiguration": configuration});
        let made = self
            .target
            .call(self.at, "CreateTopicRuleDestination", create)?;
        let arn = &made["topicRuleDestination"]["arn"];
        Ok(Made::new(arn.clone(), &[("Arn", arn)]))
    }
}

/// An object without members that are null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect::<Members>()
            .into(),
        other => other,
    }
}

fn certificate(target: &Target<'_>, at: &str, mut members: Members) -> Result<Made, SeedError> {
    let status = members
        .shift_remove("status")
        .unwrap_or_else(|| "ACTIVE".into());
    let sni_only = members.shift_remove("certificateMode") == Some("SNI_ONLY".into());
    let made = if let Some(csr) = members.get("certificateSigningRequest") {
        let ask = json!({"certificateSigningRequest": csr, "setAsActive": status == "ACTIVE"});
        target.call(at, "CreateCertificateFromCsr", ask)?
    } else if sni_only || !members.contains_key("caCertificatePem") {
        let mut entry = Members::new();
        entry.insert(
            "certificatePem".to_owned(),
            members.get("certificatePem").cloned().unwrap_or_default(),
        );
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

fn ca_certificate(target: &Target<'_>, at: &str, members: &Members) -> Result<Made, SeedError> {
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
    let made = sections::ca_certificate(target, at, &object(without_nulls(register)))?;
    let (arn, id) = (&made["certificateArn"], &made["certificateId"]);
    Ok(Made::new(id.clone(), &[("Arn", arn), ("Id", id)]))
}

fn role(
    target: &Target<'_>,
    at: &str,
    logical_id: &str,
    properties: &Members,
) -> Result<Made, SeedError> {
    let name = properties
        .get("RoleName")
        .and_then(Value::as_str)
        .unwrap_or(logical_id);
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
    let made = sections::role(target, at, &object(entry))?;
    Ok(Made::new(name.into(), &[("Arn", &made["arn"])]))
}

fn object(value: Value) -> Members {
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
    let attributes = [
        ("Arn", arn),
        ("QueueName", name.to_owned()),
        ("TopicArn", reference.clone()),
    ];
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
