//! `iotSiteWise`: puts values of asset properties; nothing of the SELECT result, every value is a
//! template (developer guide, "IoT SiteWise rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service};
use serde_json::{Map, Value, json};

/// Entries of one BatchPutAssetPropertyValue, and values of one entry (IoT SiteWise API
/// reference).
const ENTRIES_MAX: usize = 10;
const VALUES_MAX: usize = 10;

struct IotSiteWise {
    role_arn: String,
    entries: Vec<Entry>,
}

struct Entry {
    entry_id: Option<Text>,
    property: Property,
    values: Vec<PropertyValue>,
}

enum Property {
    Alias(Text),
    OfAsset { asset_id: Text, property_id: Text },
}

struct PropertyValue {
    kind: &'static str,
    value: Text,
    seconds: Text,
    nanos: Option<Text>,
    quality: Option<Text>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let mut entries = Vec::new();
    for mut entry in params.objects("putAssetPropertyValueEntries", ENTRIES_MAX)? {
        entries.push(Entry::parse(&mut entry)?);
        entry.finish()?;
    }
    at_least_one(params, "putAssetPropertyValueEntries", entries.len())?;
    Ok(Box::new(IotSiteWise { role_arn, entries }))
}

fn at_least_one(params: &Params<'_>, name: &str, count: usize) -> Result<(), ActionRefused> {
    if count > 0 {
        return Ok(());
    }
    let path = format!("{}.{name}", params.path());
    Err(ActionRefused::new(&path, "must have at least one member"))
}

impl Entry {
    fn parse(params: &mut Params<'_>) -> Result<Self, ActionRefused> {
        let alias = params.optional_text("propertyAlias")?;
        let asset_id = params.optional_text("assetId")?;
        let property_id = params.optional_text("propertyId")?;
        let property = match (alias, asset_id, property_id) {
            (Some(alias), None, None) => Property::Alias(alias),
            (None, Some(asset_id), Some(property_id)) => Property::OfAsset {
                asset_id,
                property_id,
            },
            _ => {
                let why = "needs either propertyAlias, or assetId with propertyId";
                return Err(ActionRefused::new(params.path(), why));
            }
        };
        let entry_id = params.optional_text("entryId")?;
        let mut values = Vec::new();
        for mut value in params.objects("propertyValues", VALUES_MAX)? {
            values.push(PropertyValue::parse(&mut value)?);
            value.finish()?;
        }
        at_least_one(params, "propertyValues", values.len())?;
        Ok(Self {
            entry_id,
            property,
            values,
        })
    }

    fn render(&self, input: &mut Input<'_, '_>) -> Result<Value, Unrenderable> {
        let mut entry = Map::new();
        let id = input.optional(self.entry_id.as_ref())?;
        let id = id.unwrap_or_else(|| input.new_uuid());
        entry.insert("entryId".to_owned(), id.into());
        match &self.property {
            Property::Alias(alias) => {
                entry.insert("propertyAlias".to_owned(), input.text(alias)?.into());
            }
            Property::OfAsset {
                asset_id,
                property_id,
            } => {
                entry.insert("assetId".to_owned(), input.text(asset_id)?.into());
                entry.insert("propertyId".to_owned(), input.text(property_id)?.into());
            }
        }
        let values: Result<Vec<Value>, Unrenderable> = self
            .values
            .iter()
            .map(|value| value.render(input))
            .collect();
        entry.insert("propertyValues".to_owned(), values?.into());
        Ok(entry.into())
    }
}

const KINDS: [&str; 4] = ["stringValue", "integerValue", "doubleValue", "booleanValue"];

impl PropertyValue {
    fn parse(params: &mut Params<'_>) -> Result<Self, ActionRefused> {
        let mut variant = params.required_object("value")?;
        let mut found = None;
        for kind in KINDS {
            let Some(value) = variant.optional_text(kind)? else {
                continue;
            };
            if let Some(literal) = value.literal() {
                typed(kind, literal).map_err(|why| {
                    ActionRefused::new(&format!("{}.{kind}", variant.path()), &why)
                })?;
            }
            if found.replace((kind, value)).is_some() {
                let why = "must have exactly one value";
                return Err(ActionRefused::new(variant.path(), why));
            }
        }
        let Some((kind, value)) = found else {
            let why = "must have exactly one value";
            return Err(ActionRefused::new(variant.path(), why));
        };
        variant.finish()?;
        let mut timestamp = params.required_object("timestamp")?;
        let seconds = timestamp.checked("timeInSeconds", |text| whole(text).map(|_| ()))?;
        let nanos = timestamp.optional_checked("offsetInNanos", |text| whole(text).map(|_| ()))?;
        timestamp.finish()?;
        Ok(Self {
            kind,
            value,
            seconds,
            nanos,
            quality: params.optional_checked("quality", check_quality)?,
        })
    }

    fn render(&self, input: &mut Input<'_, '_>) -> Result<Value, Unrenderable> {
        let text = input.text(&self.value)?;
        let value = typed(self.kind, &text).map_err(Unrenderable::new)?;
        let seconds = input.text(&self.seconds)?;
        let mut timestamp = json!({"timeInSeconds": whole(&seconds).map_err(Unrenderable::new)?});
        if let Some(nanos) = input.optional(self.nanos.as_ref())? {
            timestamp["offsetInNanos"] = whole(&nanos).map_err(Unrenderable::new)?.into();
        }
        let mut shown = json!({"value": {self.kind: value}, "timestamp": timestamp});
        if let Some(quality) = input.optional(self.quality.as_ref())? {
            shown["quality"] = quality.into();
        }
        Ok(shown)
    }
}

/// A value as JSON of its kind.
fn typed(kind: &str, text: &str) -> Result<Value, String> {
    let refused = |what: &str| format!("`{text}` is not {what}");
    match kind {
        "integerValue" => whole(text).map(Value::from),
        "doubleValue" => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(json!(number)),
            Ok(_) | Err(_) => Err(refused("a number")),
        },
        "booleanValue" => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(refused("true or false")),
        },
        _ => Ok(text.into()),
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a whole number"))
}

fn check_quality(quality: &str) -> Result<(), String> {
    if ["GOOD", "BAD", "UNCERTAIN"].contains(&quality) {
        return Ok(());
    }
    Err(format!("`{quality}` is none of GOOD, BAD and UNCERTAIN"))
}

impl Sends for IotSiteWise {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let entries: Result<Vec<Value>, Unrenderable> = self
            .entries
            .iter()
            .map(|entry| entry.render(input))
            .collect();
        let entries = entries?;
        let first = &entries[0];
        let alias = first.get("propertyAlias").or_else(|| first.get("assetId"));
        let resource = alias.and_then(Value::as_str).unwrap_or_default().to_owned();
        let body = json!({"entries": entries});
        let mut request =
            AwsRequest::post(Service::IotSiteWise, "application/json", body.to_string());
        request.path = "/properties".to_owned();
        // Assets and time series have ids, which an alias does not tell.
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "iotsitewise:BatchPutAssetPropertyValue",
            resource: "*".to_owned(),
        };
        Ok(Rendered {
            details: format!("Action: iotSiteWise, Property: {resource}"),
            ..Rendered::new(
                permission,
                Effect::Request(request),
                "Failed to put IoT SiteWise property values",
                resource,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_kind() {
        let rows = [
            ("integerValue", "5", Ok(json!(5))),
            ("doubleValue", "5", Ok(json!(5.0))),
            ("doubleValue", "1e3", Ok(json!(1000.0))),
            ("booleanValue", "true", Ok(json!(true))),
            ("stringValue", "5", Ok(json!("5"))),
            ("integerValue", "5.5", Err(())),
            ("doubleValue", "inf", Err(())),
            ("booleanValue", "yes", Err(())),
        ];
        for (kind, text, expected) in rows {
            assert_eq!(typed(kind, text).map_err(|_| ()), expected, "{kind} {text}");
        }
    }
}
