//! Domain configurations.

use super::wire::{listed, nothing, tags};
use super::{Call, Family, PAGE_DEFAULT, seconds};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::{Map, Value, json};
use things::{DomainConfiguration, DomainConfigurationUpdate};

pub(super) const FAMILY: Family = &[
    ("CreateDomainConfiguration", create_domain_configuration),
    ("DescribeDomainConfiguration", describe_domain_configuration),
    ("ListDomainConfigurations", list_domain_configurations),
    ("UpdateDomainConfiguration", update_domain_configuration),
    ("DeleteDomainConfiguration", delete_domain_configuration),
];

/// Members that are kept as they are given.
const KEPT: [&str; 10] = [
    "domainName",
    "serverCertificateArns",
    "validationCertificateArn",
    "authorizerConfig",
    "serviceType",
    "tlsConfig",
    "serverCertificateConfig",
    "authenticationType",
    "applicationProtocol",
    "clientCertificateConfig",
];

fn kept(call: &Call) -> Map<String, Value> {
    let given = |name: &&str| Some(((*name).to_owned(), call.member(name)?.clone()));
    KEPT.iter().filter_map(given).collect()
}

fn name(call: &Call) -> Result<&str, ApiError> {
    call.text("domainConfigurationName")
}

fn name_and_arn(configuration: &DomainConfiguration) -> Value {
    json!({
        "domainConfigurationName": configuration.name,
        "domainConfigurationArn": configuration.arn,
    })
}

fn create_domain_configuration(call: &Call) -> Result<Reply, ApiError> {
    let (things, tags) = (&call.world.things, tags(call)?);
    let made = things.create_domain_configuration(name(call)?, &kept(call), &tags, call.now_ms)?;
    Ok(Reply::Json(name_and_arn(&made)))
}

fn describe_domain_configuration(call: &Call) -> Result<Reply, ApiError> {
    let found = call.world.things.domain_configuration(name(call)?)?;
    let mut members = found.members.clone();
    let certificates = members.shift_remove("serverCertificateArns");
    let certificates = certificates.as_ref().and_then(Value::as_array);
    let certificates = certificates.into_iter().flatten();
    let summary =
        |arn: &Value| json!({"serverCertificateArn": arn, "serverCertificateStatus": "VALID"});
    members.shift_remove("validationCertificateArn");
    let own = members.contains_key("domainName");
    let host = call.world.config.hostnames.first();
    let defaults = [
        ("domainName", json!(host)),
        ("serviceType", "DATA".into()),
        (
            "tlsConfig",
            json!({"securityPolicy": "IoTSecurityPolicy_TLS13_1_2_2022_10"}),
        ),
        ("serverCertificateConfig", json!({"enableOCSPCheck": false})),
        ("authenticationType", "DEFAULT".into()),
        ("applicationProtocol", "DEFAULT".into()),
    ];
    let Value::Object(mut answer) = name_and_arn(&found) else {
        return Ok(nothing());
    };
    answer.extend(defaults.map(|(name, value)| (name.to_owned(), value)));
    answer.extend(members);
    let rest = [
        ("serverCertificates", certificates.map(summary).collect()),
        (
            "domainConfigurationStatus",
            if found.enabled { "ENABLED" } else { "DISABLED" }.into(),
        ),
        (
            "domainType",
            if own {
                "CUSTOMER_MANAGED"
            } else {
                "AWS_MANAGED"
            }
            .into(),
        ),
        ("lastStatusChangeDate", seconds(found.status_changed_ms)),
    ];
    answer.extend(rest.map(|(name, value): (_, Value)| (name.to_owned(), value)));
    Ok(Reply::Json(answer.into()))
}

fn list_domain_configurations(call: &Call) -> Result<Reply, ApiError> {
    let paging = call.paging(PAGE_DEFAULT)?;
    let (things, after) = (&call.world.things, paging.after.as_deref());
    let page = things.list_domain_configurations(call.optional("serviceType"), after, paging.limit);
    Ok(listed(call, "domainConfigurations", &page, |found| {
        let mut row = name_and_arn(found);
        let kind = found.members.get("serviceType").cloned();
        row["serviceType"] = kind.unwrap_or_else(|| "DATA".into());
        row
    }))
}

fn update_domain_configuration(call: &Call) -> Result<Reply, ApiError> {
    let status = call.optional("domainConfigurationStatus");
    let update = DomainConfigurationUpdate {
        name: name(call)?.to_owned(),
        enabled: status.map(|status| status == "ENABLED"),
        remove_authorizer: call.flag("removeAuthorizerConfig"),
        members: kept(call),
    };
    let things = &call.world.things;
    let changed = things.update_domain_configuration(&update, call.now_ms)?;
    Ok(Reply::Json(name_and_arn(&changed)))
}

fn delete_domain_configuration(call: &Call) -> Result<Reply, ApiError> {
    call.world.things.delete_domain_configuration(name(call)?)?;
    Ok(nothing())
}
