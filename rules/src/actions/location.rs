//! `location`: sends a device's position to a tracker; nothing of the SELECT result (developer
//! guide, "Location rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service, encode_segment};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

struct Location {
    role_arn: String,
    tracker_name: Text,
    device_id: Text,
    latitude: Text,
    longitude: Text,
    timestamp: Option<(Text, Option<Text>)>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    // One example of the guide writes sampleTime, the API timestamp.
    let timestamp = params.either("timestamp", "sampleTime");
    let timestamp = match params.object(timestamp)? {
        None => None,
        Some(mut timestamp) => {
            let value = timestamp.text("value")?;
            let unit = timestamp.optional_checked("unit", |unit| per_second(unit).map(|_| ()))?;
            timestamp.finish()?;
            Some((value, unit))
        }
    };
    Ok(Box::new(Location {
        role_arn,
        tracker_name: params.text("trackerName")?,
        device_id: params.text("deviceId")?,
        latitude: params.checked("latitude", |text| degrees(text, 90.0).map(|_| ()))?,
        longitude: params.checked("longitude", |text| degrees(text, 180.0).map(|_| ()))?,
        timestamp,
    }))
}

/// A coordinate as JSON.
fn degrees(text: &str, most: f64) -> Result<Value, String> {
    match text.parse::<f64>() {
        Ok(number) if number.abs() <= most => Ok(json!(number)),
        Ok(_) | Err(_) => Err(format!("`{text}` is not a number of -{most} to {most}")),
    }
}

/// How many of a unit there are in a second.
fn per_second(unit: &str) -> Result<i128, String> {
    match unit {
        "SECONDS" => Ok(1),
        "MILLISECONDS" => Ok(1_000),
        "MICROSECONDS" => Ok(1_000_000),
        "NANOSECONDS" => Ok(1_000_000_000),
        _ => Err(format!(
            "`{unit}` is none of SECONDS, MILLISECONDS, MICROSECONDS and NANOSECONDS"
        )),
    }
}

/// A time in a unit as the REST protocol has it.
fn iso(value: &str, unit: &str) -> Result<String, String> {
    let refused = || format!("`{value}` is not a time in {unit} since 1970");
    let number: i128 = value.parse().map_err(|_| refused())?;
    let nanos = number.checked_mul(1_000_000_000 / per_second(unit)?);
    let time = nanos.and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok());
    time.and_then(|time| time.format(&Rfc3339).ok())
        .ok_or_else(refused)
}

impl Location {
    fn sample_time(&self, input: &mut Input<'_, '_>) -> Result<String, Unrenderable> {
        let (value, unit) = match &self.timestamp {
            None => (input.now_ms.to_string(), None),
            Some((value, unit)) => (input.text(value)?, input.optional(unit.as_ref())?),
        };
        iso(&value, unit.as_deref().unwrap_or("MILLISECONDS")).map_err(Unrenderable::new)
    }
}

impl Sends for Location {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let tracker = input.text(&self.tracker_name)?;
        let in_tracker = |refused| Unrenderable {
            resource: tracker.clone(),
            ..refused
        };
        let device = input.text(&self.device_id).map_err(in_tracker)?;
        let mut coordinate = |text: &Text, most| {
            let text = input.text(text).map_err(in_tracker)?;
            degrees(&text, most).map_err(Unrenderable::new)
        };
        let position = [
            coordinate(&self.longitude, 180.0)?,
            coordinate(&self.latitude, 90.0)?,
        ];
        let time = self.sample_time(input).map_err(in_tracker)?;
        let body = json!({"Updates": [
            {"DeviceId": device, "SampleTime": time, "Position": position},
        ]});
        let mut request = AwsRequest::post(Service::Location, "application/json", body.to_string());
        request.path = format!(
            "/tracking/v0/trackers/{}/positions",
            encode_segment(&tracker)
        );
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "geo:BatchUpdateDevicePosition",
            resource: input.place.arn("geo", &format!("tracker/{tracker}")),
        };
        Ok(Rendered {
            details: format!("Action: location, Tracker: {tracker}, Device: {device}"),
            ..Rendered::new(
                permission,
                Effect::Request(request),
                "Failed to update device position",
                tracker,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_unit() {
        let rows = [
            ("1700000000", "SECONDS", "2023-11-14T22:13:20Z"),
            ("1700000000123", "MILLISECONDS", "2023-11-14T22:13:20.123Z"),
            (
                "1700000000123456789",
                "NANOSECONDS",
                "2023-11-14T22:13:20.123456789Z",
            ),
        ];
        for (value, unit, expected) in rows {
            assert_eq!(iso(value, unit).as_deref(), Ok(expected));
        }
        assert!(iso("soon", "SECONDS").is_err());
        assert!(iso("99999999999999999999", "SECONDS").is_err());
    }

    #[test]
    fn coordinates_are_degrees() {
        assert_eq!(degrees("52.5", 90.0), Ok(json!(52.5)));
        assert!(degrees("91", 90.0).is_err());
        assert!(degrees("NaN", 90.0).is_err());
        assert!(degrees("north", 90.0).is_err());
    }
}
