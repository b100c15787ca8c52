//! Settings of the account: event configurations and logging options.

use super::wire::{nothing, without_nulls};
use super::{Call, Family, seconds};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use serde_json::{Map, Value, json};
use things::SettingKey;

pub(super) const FAMILY: Family = &[
    ("DescribeEventConfigurations", describe_event_configurations),
    ("UpdateEventConfigurations", update_event_configurations),
    ("GetLoggingOptions", get_logging_options),
    ("SetLoggingOptions", set_logging_options),
    ("GetV2LoggingOptions", get_v2_logging_options),
    ("SetV2LoggingOptions", set_v2_logging_options),
];

/// EventType of the API.
const EVENTS: [&str; 11] = [
    "THING",
    "THING_GROUP",
    "THING_TYPE",
    "THING_GROUP_MEMBERSHIP",
    "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION",
    "JOB",
    "JOB_EXECUTION",
    "POLICY",
    "CERTIFICATE",
    "CA_CERTIFICATE",
];

/// All are off until they are switched on.
fn describe_event_configurations(call: &Call) -> Result<Reply, ApiError> {
    let setting = call.world.things.setting(SettingKey::Events);
    let mut all: Map<String, Value> = EVENTS
        .into_iter()
        .map(|kind| (kind.to_owned(), json!({"Enabled": false})))
        .collect();
    if let Some(Value::Object(set)) = setting.as_ref().map(|setting| setting.value.clone()) {
        all.extend(set);
    }
    Ok(Reply::Json(without_nulls(json!({
        "eventConfigurations": all,
        "creationDate": setting.as_ref().map(|setting| seconds(setting.created_ms)),
        "lastModifiedDate": setting.as_ref().map(|setting| seconds(setting.modified_ms)),
    }))))
}

fn update_event_configurations(call: &Call) -> Result<Reply, ApiError> {
    let changed: Map<String, Value> = call.read("eventConfigurations")?;
    let things = &call.world.things;
    things.change_setting(SettingKey::Events, call.now_ms, |before| {
        let mut all = before
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        all.extend(changed);
        Ok(Value::Object(all))
    })?;
    Ok(nothing())
}

fn get_logging_options(call: &Call) -> Result<Reply, ApiError> {
    let setting = call.world.things.setting(SettingKey::Logging);
    let unset = || json!({"logLevel": "DISABLED"});
    Ok(Reply::Json(
        setting.map_or_else(unset, |setting| setting.value),
    ))
}

fn set_logging_options(call: &Call) -> Result<Reply, ApiError> {
    let options: Value = call.read("loggingOptionsPayload")?;
    set(call, SettingKey::Logging, options)
}

fn get_v2_logging_options(call: &Call) -> Result<Reply, ApiError> {
    match call.world.things.setting(SettingKey::LoggingV2) {
        Some(setting) => Ok(Reply::Json(setting.value)),
        None => Err(ApiError::new(
            Code::NotConfigured,
            "The account has no logging options: set them with SetV2LoggingOptions",
        )),
    }
}

fn set_v2_logging_options(call: &Call) -> Result<Reply, ApiError> {
    let options = without_nulls(json!({
        "roleArn": call.optional("roleArn"),
        "defaultLogLevel": call.optional("defaultLogLevel").unwrap_or("DISABLED"),
        "disableAllLogs": call.flag("disableAllLogs"),
        "eventConfigurations": call.member("eventConfigurations"),
    }));
    set(call, SettingKey::LoggingV2, options)
}

fn set(call: &Call, key: SettingKey, value: Value) -> Result<Reply, ApiError> {
    let things = &call.world.things;
    things.change_setting(key, call.now_ms, |_| Ok(value))?;
    Ok(Reply::Empty)
}
