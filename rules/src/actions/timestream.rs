//! `timestream`: writes one record for each attribute of the result (developer guide, "Timestream
//! rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Attributes that one result may have.
const RECORDS_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 128;
/// Names that Timestream keeps for itself.
const RESERVED: [&str; 3] = ["measure_name", "measure_value", "time"];
const UNITS: [&str; 4] = ["SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"];

struct Timestream {
    role_arn: String,
    database_name: Text,
    table_name: Text,
    dimensions: Vec<(String, Text)>,
    timestamp: Option<(Text, Text)>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let database_name = params.text("databaseName")?;
    let table_name = params.text("tableName")?;
    let mut dimensions = Vec::new();
    for mut dimension in params.objects("dimensions", DIMENSIONS_MAX)? {
        let name = dimension.required_string("name")?;
        check_dimension(name)
            .map_err(|why| ActionRefused::new(&format!("{}.name", dimension.path()), &why))?;
        dimensions.push((name.to_owned(), dimension.text("value")?));
        dimension.finish()?;
    }
    if dimensions.is_empty() {
        let path = format!("{}.dimensions", params.path());
        return Err(ActionRefused::new(&path, "must have at least one member"));
    }
    let timestamp = match params.object("timestamp")? {
        None => None,
        Some(mut timestamp) => {
            let value = timestamp.checked("value", check_time)?;
            let unit = timestamp.checked("unit", check_unit)?;
            timestamp.finish()?;
            Some((value, unit))
        }
    };
    Ok(Box::new(Timestream {
        role_arn,
        database_name,
        table_name,
        dimensions,
        timestamp,
    }))
}

fn check_dimension(name: &str) -> Result<(), String> {
    let reserved = RESERVED.contains(&name)
        || name.starts_with("ts_")
        || name.starts_with("measure_value")
        || name.contains(':');
    match name {
        "" => Err("must not be empty".to_owned()),
        _ if reserved => Err(format!(
            "`{name}` is a name that Timestream keeps for itself"
        )),
        _ => Ok(()),
    }
}

fn check_time(text: &str) -> Result<(), String> {
    let whole = text.parse::<i64>();
    whole
        .map(|_| ())
        .map_err(|_| format!("`{text}` is not a whole number"))
}

fn check_unit(text: &str) -> Result<(), String> {
    if UNITS.contains(&text) {
        return Ok(());
    }
    Err(format!("`{text}` is not one of {}", UNITS.join(", ")))
}

/// One attribute as a measure.
fn record(name: &str, value: &RawValue) -> Option<Value> {
    let text = value.get();
    let (text, kind) = match text.as_bytes().first()? {
        b'n' => return None,
        b't' | b'f' => (text.to_owned(), "BOOLEAN"),
        b'"' => (serde_json::from_str(text).ok()?, "VARCHAR"),
        b'{' | b'[' => (text.to_owned(), "VARCHAR"),
        _ if text.contains(['.', 'e', 'E']) => (text.to_owned(), "DOUBLE"),
        _ => (text.to_owned(), "BIGINT"),
    };
    Some(json!({"MeasureName": name, "MeasureValue": text, "MeasureValueType": kind}))
}

impl Timestream {
    /// What all records have in common.
    fn common(&self, input: &mut Input<'_, '_>) -> Result<Value, Unrenderable> {
        let mut dimensions = Vec::with_capacity(self.dimensions.len());
        for (name, value) in &self.dimensions {
            dimensions.push(json!({"Name": name, "Value": input.text(value)?}));
        }
        let (time, unit) = match &self.timestamp {
            Some((value, unit)) => (input.text(value)?, input.text(unit)?),
            None => (input.now_ms.to_string(), "MILLISECONDS".to_owned()),
        };
        Ok(json!({"Dimensions": dimensions, "Time": time, "TimeUnit": unit}))
    }

    fn records(input: &Input<'_, '_>) -> Result<Vec<Value>, Unrenderable> {
        let attributes: BTreeMap<String, &RawValue> = serde_json::from_slice(input.payload)
            .map_err(|_| Unrenderable::new("the result must be an object"))?;
        if attributes.len() > RECORDS_MAX {
            let message = format!("the result has more than {RECORDS_MAX} attributes");
            return Err(Unrenderable::new(message));
        }
        let attributes = attributes.iter();
        Ok(attributes
            .filter_map(|(name, value)| record(name, value))
            .collect())
    }
}

impl Sends for Timestream {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let (database, table) = (
            input.text(&self.database_name)?,
            input.text(&self.table_name)?,
        );
        let in_table = |refused| Unrenderable {
            resource: table.clone(),
            ..refused
        };
        let body = json!({
            "DatabaseName": database,
            "TableName": table,
            "CommonAttributes": self.common(input).map_err(in_table)?,
            "Records": Self::records(input).map_err(in_table)?,
        });
        let resource = format!("database/{database}/table/{table}");
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "timestream:WriteRecords",
            resource: input.place.arn("timestream", &resource),
        };
        // Asked for with each action, whether or not an endpoint has to be found for it.
        let discovery = Permission {
            role_arn: self.role_arn.clone(),
            action: "timestream:DescribeEndpoints",
            resource: "*".to_owned(),
        };
        let target = "Timestream_20181101.WriteRecords";
        Ok(Rendered {
            details: format!("Action: timestream, Database: {database}, Table: {table}"),
            permissions: vec![discovery, permission.clone()],
            ..Rendered::new(
                permission,
                Effect::Request(json_target(Service::Timestream, target, &body)),
                "Failed to write Timestream records",
                table,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value and type of a measure; nothing for null.
    fn check(json: &str, expected: Option<(&str, &str)>) {
        let value = RawValue::from_string(json.to_owned()).unwrap();
        let expected = expected.map(|(value, kind)| {
            json!({"MeasureName": "m", "MeasureValue": value, "MeasureValueType": kind})
        });
        assert_eq!(record("m", &value), expected, "{json}");
    }

    #[test]
    fn measures_have_the_type_of_their_json() {
        check("true", Some(("true", "BOOLEAN")));
        check("21.5", Some(("21.5", "DOUBLE")));
        check("1E3", Some(("1E3", "DOUBLE")));
        check("-7", Some(("-7", "BIGINT")));
        check(r#""a\"b""#, Some(("a\"b", "VARCHAR")));
        check(r#"{"a":[1]}"#, Some((r#"{"a":[1]}"#, "VARCHAR")));
        check("null", None);
    }

    #[test]
    fn dimensions_keep_off_timestreams_own_names() {
        for name in ["time", "measure_value::double", "ts_x", "a:b", ""] {
            assert!(check_dimension(name).is_err(), "{name}");
        }
        assert_eq!(check_dimension("device_id"), Ok(()));
    }
}
