//! Gathers the members of a request from path, query, headers and body into one JSON object with
//! the names of the API, so that handlers need not know where a member travels.

use super::error::{ApiError, Code};
use super::model::{Kind, Location, MODEL, Member};
use super::route::Route;
use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// A request's members.
#[derive(Debug)]
pub(crate) struct Input {
    /// All members but a raw payload.
    pub(crate) members: Map<String, Value>,
    /// The body, where it is a raw payload.
    pub(crate) payload: Bytes,
}

/// Gathers the members.
pub(crate) fn bind(
    route: &Route,
    query: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Input, ApiError> {
    let operation = route.operation;
    let mut members = Map::new();
    let mut payload = Bytes::new();
    match operation.payload.as_deref() {
        Some(name) if raw(operation.input.iter().find(|member| member.name == name)) => {
            payload = body;
        }
        Some(name) if !body.is_empty() => drop(members.insert(name.to_owned(), object(&body)?)),
        Some(_) => {}
        None => copy_body(&operation.input, &body, &mut members)?,
    }
    let query = pairs(query);
    for member in &operation.input {
        let text = match member.location {
            Location::Body => continue,
            Location::Uri => {
                let labels = route.labels.iter();
                labels
                    .clone()
                    .find(|(name, _)| *name == member.wire())
                    .map(|(_, v)| v.clone())
            }
            Location::Querystring => query
                .iter()
                .find(|(name, _)| name == member.wire())
                .map(|(_, v)| v.clone()),
            Location::Header => headers
                .get(member.wire())
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        };
        if let Some(text) = text {
            members.insert(member.name.clone(), typed(member, text)?);
        }
    }
    Ok(Input { members, payload })
}

fn raw(payload: Option<&Member>) -> bool {
    payload.is_some_and(|member| matches!(MODEL.shape(&member.shape).kind, Kind::Blob))
}

/// Members of the body under their API names; members that the API does not have are left out,
/// as AWS ignores them, and a null is no member.
fn copy_body(
    input: &[Member],
    body: &Bytes,
    members: &mut Map<String, Value>,
) -> Result<(), ApiError> {
    let mut in_body = input
        .iter()
        .filter(|member| member.location == Location::Body)
        .peekable();
    if body.is_empty() || in_body.peek().is_none() {
        return Ok(());
    }
    let Value::Object(mut sent) = object(body)? else {
        return Ok(());
    };
    for member in in_body {
        if let Some(value) = sent.remove(member.wire()).filter(|value| !value.is_null()) {
            members.insert(member.name.clone(), value);
        }
    }
    Ok(())
}

fn object(body: &Bytes) -> Result<Value, ApiError> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(ApiError::new(
            Code::Serialization,
            "the body must be a JSON object",
        )),
        Err(why) => Err(ApiError::new(
            Code::Serialization,
            format!("the body is not JSON: {why}"),
        )),
    }
}

/// Reads the text of a label, parameter or header as its type.
fn typed(member: &Member, text: String) -> Result<Value, ApiError> {
    let refused = || {
        let message = format!("`{text}` is not a valid value of {}", member.name);
        ApiError::new(Code::Serialization, message)
    };
    let value = match MODEL.shape(&member.shape).kind {
        Kind::Boolean if text.eq_ignore_ascii_case("true") => true.into(),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => false.into(),
        Kind::Boolean => return Err(refused()),
        Kind::Integer => text.parse::<i32>().map_err(|_| refused())?.into(),
        Kind::Long => text.parse::<i64>().map_err(|_| refused())?.into(),
        Kind::Double => text.parse::<f64>().map_err(|_| refused())?.into(),
        Kind::String
        | Kind::Timestamp
        | Kind::Blob
        | Kind::List { .. }
        | Kind::Map { .. }
        | Kind::Structure { .. } => text.into(),
    };
    Ok(value)
}

/// Splits a query or a form into decoded pairs; `+` is a space as in forms.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::Service;
    use crate::api::route::resolve;
    use http::{HeaderName, HeaderValue, Method};
    use serde_json::json;
    use std::collections::BTreeMap;

    /// A real request, as a proxy in front of an AWS client saw it.
    #[derive(serde::Deserialize)]
    struct Capture {
        client: String,
        operation: String,
        method: String,
        target: String,
        service: String,
        headers: BTreeMap<String, String>,
        body: String,
    }

    fn bound(capture: &Capture) -> (String, Input) {
        let services = match capture.service.as_str() {
            "iot" => vec![Service::Iot],
            "iotdata" => vec![Service::IotData, Service::IotJobsData],
            "iot-jobs-data" => vec![Service::IotJobsData, Service::IotData],
            other => panic!("{other}"),
        };
        let (path, query) = capture
            .target
            .split_once('?')
            .unwrap_or((&capture.target, ""));
        let method = Method::from_bytes(capture.method.as_bytes()).unwrap();
        let route = resolve(&services, &method, path).unwrap();
        let headers = capture.headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
        });
        let name = route.operation.name.clone();
        let body = match capture.body.strip_prefix("latin1:") {
            Some(_) => Bytes::from_static(b"\x00\xff"),
            None => Bytes::from(capture.body.clone()),
        };
        (name, bind(&route, query, &headers.collect(), body).unwrap())
    }

    fn captures() -> Vec<Capture> {
        serde_json::from_str(include_str!("captures.json")).unwrap()
    }

    #[test]
    fn every_captured_request_leads_to_its_operation() {
        let captures = captures();
        assert_eq!(captures.len(), 118);
        for capture in captures {
            let (name, _) = bound(&capture);
            let (_, expected) = capture.operation.split_once(':').unwrap();
            assert_eq!(name, expected, "{} {}", capture.client, capture.target);
        }
    }

    #[test]
    fn members_have_their_api_names_wherever_they_travel() {
        let check = |operation: &str, expected: Value| {
            let all = captures();
            let capture = all
                .iter()
                .find(|capture| capture.operation == operation)
                .unwrap();
            assert_eq!(Value::Object(bound(capture).1.members), expected);
        };
        check(
            "iot:CreateThing",
            json!({"thingTypeName": "tt", "billingGroupName": "bg", "thingName": "a:b_c-1",
                "attributePayload": {"attributes": {"k": "v"}, "merge": true}}),
        );
        check(
            "iot:ListThings",
            json!({"maxResults": 5, "attributeName": "k", "attributeValue": "a b",
                "thingTypeName": "tt", "usePrefixAttributeValue": true}),
        );
        check("iot:ListPolicyPrincipals", json!({"policyName": "p1"}));
        check(
            "iot:ReplaceTopicRule",
            json!({
            "ruleName": "r_1", "topicRulePayload": {"sql": "s", "actions": []}}),
        );
        check(
            "iot-data:Publish",
            json!({"topic": "a/b c/$x+", "qos": 1, "retain": true, "contentType": "text/plain",
                "responseTopic": "r/t", "messageExpiry": 5, "correlationData": "Y2Q=",
                "payloadFormatIndicator": "UTF8_DATA",
                "userProperties": "Ilt7XCJrXCI6IFwidlwifV0i"}),
        );
    }
}
