//! Provisioning templates of seeds.

use super::SeedError;
use super::calls::{Target, document, text};
use crate::api::Code;
use serde_json::{Map, Value, json};

/// A template, whose body may be written as a mapping. One that is there with another body gets a
/// version.
pub(super) fn apply(
    target: &Target<'_>,
    at: &str,
    members: &Map<String, Value>,
) -> Result<Value, SeedError> {
    let mut members = members.clone();
    let body = members
        .get("templateBody")
        .map(document)
        .unwrap_or_default();
    members.insert("templateBody".to_owned(), body.clone());
    let name = json!({"templateName": text(at, &members, "templateName")?});
    match target.try_call("CreateProvisioningTemplate", members.clone().into()) {
        Err(error) if error.code == Code::ResourceAlreadyExists => {}
        outcome => return outcome.map_err(|error| SeedError::refused(at, &error)),
    }
    members.retain(|name, _| !["templateBody", "tags", "type"].contains(&name.as_str()));
    target.call(at, "UpdateProvisioningTemplate", members.into())?;
    let there = target.call(at, "DescribeProvisioningTemplate", name.clone())?;
    if there["templateBody"] != body {
        let mut version = name;
        version["templateBody"] = body;
        version["setAsDefault"] = true.into();
        target.call(at, "CreateProvisioningTemplateVersion", version)?;
    }
    Ok(json!({"templateName": there["templateName"], "templateArn": there["templateArn"]}))
}
