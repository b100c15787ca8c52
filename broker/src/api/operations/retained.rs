//! Retained messages over HTTP.

use super::publish::{permit, permit_on};
use super::{Call, Family};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use crate::hub::RetainedMessage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mqtt::codec::PublishProperties;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = &[
    ("GetRetainedMessage", get_retained_message),
    ("ListRetainedMessages", list_retained_messages),
];

/// Items of a page; the model allows no more.
const PAGE_MAX: usize = 200;

fn get_retained_message(call: &Call) -> Result<Reply, ApiError> {
    let topic = call.text("topic")?;
    permit(call, "iot:GetRetainedMessage", topic)?;
    let retained = call
        .world
        .hub
        .retained(topic)
        .ok_or_else(|| ApiError::not_found("Retained message not found"))?;
    let message = &retained.message;
    Ok(Reply::Json(json!({
        "topic": &*message.topic,
        "payload": BASE64.encode(&message.payload),
        "qos": message.qos as u8,
        "lastModifiedTime": retained.last_modified_ms,
        "userProperties": user_properties(&message.properties),
    })))
}

/// Base64 of a JSON array with one object for each pair, or null.
fn user_properties(properties: &[u8]) -> Value {
    let properties = PublishProperties::of_forwardable(properties);
    let object = |(name, value): (&str, &str)| json!({name: value});
    let pairs: Vec<Value> = properties.user_properties.iter().map(object).collect();
    if pairs.is_empty() {
        return Value::Null;
    }
    BASE64.encode(Value::Array(pairs).to_string()).into()
}

fn list_retained_messages(call: &Call) -> Result<Reply, ApiError> {
    permit_on(call, "iot:ListRetainedMessages", "*")?;
    let paging = call.paging(PAGE_MAX)?;
    let limit = paging.limit.min(PAGE_MAX);
    // One more than asked for tells whether there is a next page.
    let mut found = call
        .world
        .hub
        .retained_page(paging.after.as_deref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let mut answer = Map::new();
    let topics: Vec<Value> = found.iter().map(summary).collect();
    answer.insert("retainedTopics".into(), topics.into());
    let last = found.last().filter(|_| more);
    call.put_token(&mut answer, last.map(|retained| &*retained.message.topic));
    Ok(Reply::Json(answer.into()))
}

fn summary(retained: &RetainedMessage) -> Value {
    json!({
        "topic": &*retained.message.topic,
        "payloadSize": retained.message.payload.len(),
        "qos": retained.message.qos as u8,
        "lastModifiedTime": retained.last_modified_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::codec::MessageProperties;

    #[test]
    fn user_properties_are_shown_as_they_are_sent() {
        let user_properties = &[("a".to_owned(), "1".to_owned()), ("b".into(), "2".into())];
        let mut wire = Vec::new();
        let properties = MessageProperties {
            user_properties,
            ..MessageProperties::default()
        };
        properties.put(&mut wire);
        let shown = super::user_properties(&wire);
        let json = BASE64.decode(shown.as_str().unwrap()).unwrap();
        assert_eq!(json, br#"[{"a":"1"},{"b":"2"}]"#);
        assert_eq!(super::user_properties(&[]), Value::Null);
    }
}
