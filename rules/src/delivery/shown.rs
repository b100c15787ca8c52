//! What an action sends, in the form that records keep.

use super::records::SentRequest;
use crate::actions::Republish;
use crate::target::{AwsRequest, KafkaRecord, Route};

/// A request and where it goes.
pub(super) fn shown_request(route: &Route, request: &AwsRequest) -> SentRequest {
    let headers = request.headers.iter();
    let headers = headers.map(|(n, v)| {
        (
            n.to_string(),
            String::from_utf8_lossy(v.as_bytes()).into_owned(),
        )
    });
    SentRequest {
        method: request.method.to_string(),
        url: route.url.clone(),
        headers: headers.collect(),
        body: request.body.clone(),
    }
}

/// A record for Kafka: key and partition stand before its headers.
pub(super) fn shown_record(route: &Route, record: &KafkaRecord) -> SentRequest {
    let partition = record.partition.map(|number| number.to_string());
    let own = [("key", record.key.clone()), ("partition", partition)];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    SentRequest {
        method: "PRODUCE".to_owned(),
        url: route.url.clone(),
        headers: own.chain(record.headers.iter().cloned()).collect(),
        body: record.value.clone(),
    }
}

/// A republished message: its properties stand for headers.
pub(super) fn shown_publish(message: &Republish) -> SentRequest {
    let properties = &message.properties;
    let flag = properties
        .utf8_payload
        .map(|utf8| u8::from(utf8).to_string());
    let expiry = properties
        .message_expiry_s
        .map(|seconds| seconds.to_string());
    let correlation = properties
        .correlation_data
        .as_ref()
        .map(|data| format!("{} bytes", data.len()));
    let known = [
        ("qos", Some(message.qos.to_string())),
        ("payload-format-indicator", flag),
        ("content-type", properties.content_type.clone()),
        ("response-topic", properties.response_topic.clone()),
        ("correlation-data", correlation),
        ("message-expiry", expiry),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let headers = known
        .chain(properties.user_properties.iter().cloned())
        .collect();
    let (url, body) = (message.topic.clone(), message.payload.clone());
    SentRequest {
        method: "PUBLISH".to_owned(),
        url,
        headers,
        body,
    }
}
