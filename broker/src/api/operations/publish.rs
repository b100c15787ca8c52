//! Publish: a message from an HTTP client.

use super::{Call, Family};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use crate::hub::{Origin, Protocol};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use mqtt::codec::MessageProperties;
use mqtt::topic::{TopicError, check_publish};
use mqtt::{Message, Profile, QoS};
use policy::VariableMap;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) const FAMILY: Family = &[("Publish", publish)];

fn publish(call: &Call) -> Result<Reply, ApiError> {
    let profile = call.world.profile();
    let topic = call.text("topic")?;
    check_topic(topic, &profile)?;
    let retain = call.flag("retain");
    let message = Message {
        topic: topic.into(),
        payload: call.input.payload.clone(),
        qos: match call.number("qos") {
            Some(1) => QoS::AtLeastOnce,
            Some(_) | None => QoS::AtMostOnce,
        },
        retain,
        properties: properties(call, &profile)?,
        expires_at_ms: expires_at_ms(call, &profile)?,
    };
    permit(call, "iot:Publish", topic)?;
    if retain {
        permit(call, "iot:RetainPublish", topic)?;
    }
    let hub = &call.world.hub;
    hub.quota_publish_http(topic, retain)
        .map_err(|throttled| ApiError::new(Code::Throttling, throttled.0))?;
    if hub.is_full_for(&message) {
        let full = "the server has no memory to keep the message in";
        return Err(ApiError::new(Code::Throttling, full));
    }
    if !hub.publish(message, &origin(call)) {
        let full = "the message was delivered but not retained: there is no room for more \
            retained messages";
        return Err(ApiError::new(Code::Throttling, full));
    }
    Ok(Reply::Json(
        json!({"message": "OK", "traceId": call.request_id.to_string()}),
    ))
}

/// Where what a call publishes comes from.
pub(super) fn origin(call: &Call) -> Origin {
    Origin {
        client_id: None,
        principal: Arc::clone(call.guard.principal()),
        source_ip: Some(call.source_ip),
        protocol: Protocol::Http,
        hops: 0,
    }
}

/// Checks an action on a topic.
///
/// # Errors
/// `ForbiddenException`.
pub(super) fn permit(call: &Call, action: &'static str, topic: &str) -> Result<(), ApiError> {
    permit_on(call, action, &call.arn(&format!("topic/{topic}")))
}

/// Checks an action on a resource.
///
/// # Errors
/// `ForbiddenException`.
pub(super) fn permit_on(call: &Call, action: &'static str, resource: &str) -> Result<(), ApiError> {
    permit_with(call, action, resource, &VariableMap::new())
}

/// The same with variables of the action's own.
///
/// # Errors
/// `ForbiddenException`.
pub(super) fn permit_with(
    call: &Call,
    action: &'static str,
    resource: &str,
    variables: &VariableMap,
) -> Result<(), ApiError> {
    let verdict = call.guard.decide(action, resource, variables);
    if verdict.allowed {
        return Ok(());
    }
    let principal = call.guard.principal();
    call.world
        .hub
        .refused(None, principal, action, resource, &verdict.reason);
    let message = format!("Forbidden: {}", verdict.reason);
    Err(ApiError::new(Code::Forbidden, message))
}

/// Checks an action that has two names: one of them must be allowed, and neither denied.
///
/// # Errors
/// `ForbiddenException`.
pub(super) fn permit_with_either(
    call: &Call,
    actions: [&'static str; 2],
    resource: &str,
) -> Result<(), ApiError> {
    let verdicts = actions.map(|action| call.guard.decide(action, resource, &VariableMap::new()));
    let denied = verdicts.iter().find(|verdict| verdict.explicit);
    let allowed = verdicts.iter().any(|verdict| verdict.allowed);
    if denied.is_none() && allowed {
        return Ok(());
    }
    let principal = call.guard.principal();
    let reason = &denied.unwrap_or(&verdicts[1]).reason;
    let hub = &call.world.hub;
    hub.refused(None, principal, actions[1], resource, reason);
    Err(ApiError::new(
        Code::Forbidden,
        format!("Forbidden: {reason}"),
    ))
}

/// Checks a topic that a caller publishes to.
///
/// # Errors
/// `InvalidRequestException` in AWS's words.
pub(super) fn check_topic(topic: &str, profile: &Profile) -> Result<(), ApiError> {
    let refused = match check_publish(topic, profile) {
        Ok(()) if profile.reserved_topics && needs_a_connection(topic) => {
            "Invalid publish to restricted topic using HTTP".to_owned()
        }
        Ok(()) => return Ok(()),
        Err(TopicError::Reserved) => "Topic can't start with $".to_owned(),
        Err(why) => format!("Invalid topic: {why}"),
    };
    Err(ApiError::invalid(refused))
}

/// Jobs, Device Defender and commands are for connected devices alone.
fn needs_a_connection(topic: &str) -> bool {
    let Some(rest) = topic.strip_prefix("$aws/") else {
        return false;
    };
    let of_a_thing = rest
        .strip_prefix("things/")
        .and_then(|rest| rest.split('/').nth(1));
    rest.starts_with("commands/") || matches!(of_a_thing, Some("jobs" | "defender"))
}

fn expires_at_ms(call: &Call, profile: &Profile) -> Result<Option<u64>, ApiError> {
    let Some(seconds) = call.number("messageExpiry") else {
        return Ok(None);
    };
    let seconds = u32::try_from(seconds)
        .map_err(|_| ApiError::invalid("Invalid messageExpiry: it must be 0 to 4294967295"))?;
    let kept = profile.message_expiry_s(seconds);
    Ok(Some(call.now_ms + u64::from(kept) * 1000))
}

/// The MQTT 5 properties of a message, in the form that messages keep.
///
/// # Errors
/// `InvalidRequestException`.
pub(super) fn properties(call: &Call, profile: &Profile) -> Result<Bytes, ApiError> {
    let correlation_data = match call.optional("correlationData") {
        Some(text) => Some(
            BASE64
                .decode(text)
                .map_err(|_| ApiError::invalid("Invalid correlationData: it must be base64"))?,
        ),
        None => None,
    };
    let user_properties = match call.optional("userProperties") {
        Some(text) => user_properties(text)?,
        None => Vec::new(),
    };
    let properties = MessageProperties {
        payload_format: call
            .optional("payloadFormatIndicator")
            .map(|format| format == "UTF8_DATA"),
        content_type: call.optional("contentType"),
        response_topic: call.optional("responseTopic"),
        correlation_data: correlation_data.as_deref(),
        user_properties: &user_properties,
    };
    check_properties(&properties, profile)?;
    let mut wire = Vec::new();
    properties.put(&mut wire);
    Ok(wire.into())
}

fn check_properties(properties: &MessageProperties<'_>, profile: &Profile) -> Result<(), ApiError> {
    let user_bytes = |(name, value): &(String, String)| name.len() + value.len();
    let user_longest = properties
        .user_properties
        .iter()
        .map(|(name, value)| name.len().max(value.len()));
    let limits = [
        (
            "contentType",
            properties.content_type.map_or(0, str::len),
            profile.content_type_bytes,
        ),
        (
            "correlationData",
            properties.correlation_data.map_or(0, <[u8]>::len),
            profile.correlation_data_bytes,
        ),
        (
            "userProperties",
            properties.user_properties.iter().map(user_bytes).sum(),
            profile.user_property_bytes,
        ),
        (
            "userProperties",
            user_longest.max().unwrap_or(0),
            usize::from(u16::MAX),
        ),
    ];
    if let Some((name, _, max)) = limits.into_iter().find(|(_, bytes, max)| bytes > max) {
        return Err(ApiError::invalid(format!(
            "Invalid {name}: it has more than {max} bytes"
        )));
    }
    let texts = [properties.content_type, properties.response_topic];
    let pairs = properties.user_properties.iter();
    let zero = pairs
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .chain(texts.into_iter().flatten())
        .any(|text| text.contains('\0'));
    if zero {
        return Err(ApiError::invalid("MQTT texts cannot have a zero character"));
    }
    if let Some(topic) = properties.response_topic {
        let broken = topic.is_empty()
            || topic.contains(['+', '#'])
            || topic.len() > profile.topic_bytes
            || topic.matches('/').count() > profile.topic_slashes;
        if broken {
            return Err(ApiError::invalid(
                "Invalid responseTopic: it must be a topic without wildcards, within the limits \
                 of topics",
            ));
        }
    }
    Ok(())
}

/// Reads the header's base64 of a JSON array of objects with one pair each; AWS's SDKs for Python
/// and the command line write the array as text in a JSON string.
fn user_properties(header: &str) -> Result<Vec<(String, String)>, ApiError> {
    let refused = || {
        ApiError::invalid(
            "Invalid userProperties: they must be base64 of a JSON array of objects with one \
             name and text each",
        )
    };
    let json = BASE64.decode(header).map_err(|_| refused())?;
    let mut value: Value = serde_json::from_slice(&json).map_err(|_| refused())?;
    if let Value::String(text) = &value {
        value = serde_json::from_str(text).map_err(|_| refused())?;
    }
    let items: Vec<Map<String, Value>> = serde_json::from_value(value).map_err(|_| refused())?;
    let pair = |item: Map<String, Value>| match (item.len(), item.into_iter().next()) {
        (1, Some((name, Value::String(text)))) => Ok((name, text)),
        _ => Err(refused()),
    };
    items.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_http_may_not_publish_to_are_refused_in_aws_s_words() {
        let aws = Profile::aws();
        let check = |topic: &str, expected: &str| {
            let found = check_topic(topic, &aws).map_err(|error| error.message);
            assert_eq!(found.err().unwrap_or_default(), expected, "{topic}");
        };
        check("a/b", "");
        check("$aws/rules/r/a", "");
        check("$aws/things/t/shadow/update", "");
        check("$SYS/a", "Topic can't start with $");
        check("$aws/events/x", "Topic can't start with $");
        let restricted = "Invalid publish to restricted topic using HTTP";
        check("$aws/things/t/jobs/get", restricted);
        check("$aws/things/t/defender/metrics/json", restricted);
        check(
            "$aws/commands/things/t/executions/e/response/json",
            restricted,
        );
        check("a/+", "Invalid topic: a wildcard is out of place");
        check(
            "1/2/3/4/5/6/7/8/9",
            "Invalid topic: the topic has more than 7 slashes",
        );
    }

    #[test]
    fn user_properties_are_read_in_both_forms() {
        let check = |json: &str, expected: Option<&[(&str, &str)]>| {
            let found = user_properties(&BASE64.encode(json)).ok();
            let expected = expected.map(|pairs| {
                let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
                pairs.iter().map(owned).collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{json}");
        };
        check(r#"[{"k":"v"},{"k":"w"}]"#, Some(&[("k", "v"), ("k", "w")]));
        check(r#""[{\"k\": \"v\"}]""#, Some(&[("k", "v")]));
        check("[]", Some(&[]));
        for wrong in ["{}", r#"[{"a":"b","c":"d"}]"#, r#"[{"a":1}]"#, "[{}]", "x"] {
            check(wrong, None);
        }
        assert!(user_properties("not base64!").is_err());
    }

    #[test]
    fn properties_beyond_the_limits_are_refused() {
        let aws = Profile::aws();
        let check = |properties: MessageProperties<'_>, accepted: bool| {
            let found = check_properties(&properties, &aws);
            assert_eq!(found.is_ok(), accepted, "{found:?}");
        };
        let long = "x".repeat(257);
        let of = MessageProperties::default();
        check(of, true);
        let content_type = Some(long.as_str());
        check(MessageProperties { content_type, ..of }, false);
        for topic in ["", "a/+", "a\0"] {
            let response_topic = Some(topic);
            check(
                MessageProperties {
                    response_topic,
                    ..of
                },
                false,
            );
        }
        let pairs = [("n".to_owned(), "v".repeat(8192))];
        let user_properties = pairs.as_slice();
        check(
            MessageProperties {
                user_properties,
                ..of
            },
            false,
        );
    }
}
