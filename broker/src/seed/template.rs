//! CloudFormation templates, of which the resources of AWS IoT and their roles are made.

use super::SeedError;
use super::calls::Target;
use super::resources::{Made, make};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use things::{IntrinsicError, Intrinsics, references};

/// Applies a template; gives resources by logical id, what was left out, and its outputs.
pub(super) fn apply(
    target: &Target<'_>,
    template: &Map<String, Value>,
) -> Result<Value, SeedError> {
    let wrong = |part: &str| SeedError::new(format!("`{part}`"), "it must be a mapping");
    let resources = template["Resources"]
        .as_object()
        .ok_or_else(|| wrong("Resources"))?;
    let mut known = parameters(target, template)?;
    let (mut made, mut skipped) = (Map::new(), Vec::new());
    for name in in_order(resources)? {
        let resource = &resources[&name];
        let at = format!("resource `{name}`");
        let kind = resource["Type"].as_str();
        let kind = kind.ok_or_else(|| SeedError::new(&*at, "`Type` must be there and a text"))?;
        let properties = resource
            .get("Properties")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let properties = known
            .resolve(&properties)
            .map_err(|why| failed(&at, &why))?;
        let Value::Object(properties) = properties else {
            return Err(SeedError::new(at, "`Properties` must be a mapping"));
        };
        let Made {
            reference,
            attributes,
            is_made,
        } = make(target, &at, &name, kind, &properties)?;
        if is_made {
            let shown: Map<String, Value> = attributes.clone().into_iter().collect();
            made.insert(
                name.clone(),
                json!({"Ref": reference, "attributes": shown, "Type": kind}),
            );
        } else {
            tracing::warn!(resource = ?name, kind, "not a resource of AWS IoT: left out of the seed");
            skipped.push(name.clone());
        }
        for (attribute, value) in attributes {
            known.attributes.insert((name.clone(), attribute), value);
        }
        known.refs.insert(name, reference);
    }
    let mut outputs = Map::new();
    let asked = template.get("Outputs").and_then(Value::as_object);
    for (name, output) in asked.into_iter().flatten() {
        let value = known.resolve(&output["Value"]);
        let value = value.map_err(|why| failed(&format!("output `{name}`"), &why))?;
        outputs.insert(name.clone(), value);
    }
    Ok(json!({"resources": made, "skipped": skipped, "outputs": outputs}))
}

fn failed(at: &str, why: &IntrinsicError) -> SeedError {
    SeedError::new(at, why.to_string())
}

/// Pseudo parameters, parameters with their defaults, and mappings.
fn parameters(target: &Target<'_>, template: &Map<String, Value>) -> Result<Intrinsics, SeedError> {
    let config = &target.world.config;
    let mut known = Intrinsics::default();
    if let Some(mappings) = template.get("Mappings").and_then(Value::as_object) {
        known.mappings.clone_from(mappings);
    }
    let pseudo = [
        ("AWS::Region", config.region.as_str()),
        ("AWS::AccountId", &config.account_id),
        ("AWS::Partition", "aws"),
        ("AWS::URLSuffix", "amazonaws.com"),
        ("AWS::StackName", "thingcore"),
    ];
    for (name, value) in pseudo {
        known.refs.insert(name.to_owned(), value.into());
    }
    let stack = format!(
        "arn:aws:cloudformation:{}:{}:stack/thingcore/seed",
        config.region, config.account_id
    );
    known.refs.insert("AWS::StackId".to_owned(), stack.into());
    let parameters = template.get("Parameters").and_then(Value::as_object);
    for (name, parameter) in parameters.into_iter().flatten() {
        let Some(default) = parameter.get("Default") else {
            let why = "it needs a Default: a seed is given no parameters";
            return Err(SeedError::new(format!("parameter `{name}`"), why));
        };
        known.refs.insert(name.clone(), default.clone());
    }
    Ok(known)
}

/// Logical ids so that each comes behind those that it refers to.
fn in_order(resources: &Map<String, Value>) -> Result<Vec<String>, SeedError> {
    let mut needs: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    for (name, resource) in resources {
        let mut needed = BTreeSet::new();
        references(
            resource.get("Properties").unwrap_or(&Value::Null),
            &mut needed,
        );
        match resource.get("DependsOn") {
            Some(Value::String(one)) => drop(needed.insert(one.clone())),
            Some(Value::Array(all)) => {
                needed.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            Some(_) | None => {}
        }
        needed.retain(|other| resources.contains_key(other));
        needs.insert(name, needed);
    }
    let mut order = Vec::new();
    let mut left: Vec<&String> = resources.keys().collect();
    while !left.is_empty() {
        let is_ready = |name: &&String| needs[*name].iter().all(|other| order.contains(other));
        let ready: Vec<String> = left
            .iter()
            .copied()
            .filter(|name| is_ready(name))
            .cloned()
            .collect();
        if ready.is_empty() {
            let names: Vec<&str> = left.iter().map(|name| name.as_str()).collect();
            let why = "they refer to each other in a circle";
            return Err(SeedError::new(
                format!("resources {}", names.join(", ")),
                why,
            ));
        }
        left.retain(|name| !ready.contains(name));
        order.extend(ready);
    }
    Ok(order)
}
