//! Requests as AWS's tools write them, from the names of the API and its model.

use crate::api::model::{Location, MODEL, Operation, Service};
use crate::api::{Door, answer};
use crate::net::Peer;
use crate::world::World;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What came back.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// The error's code, as boto3 shows it.
    pub(super) error: Option<String>,
    /// The body as JSON; null when it is empty.
    pub(super) body: Value,
    /// The body as it came.
    pub(super) text: String,
}

/// A client on this machine.
pub(super) fn peer() -> Peer {
    Peer {
        address: ([127, 0, 0, 1], 50_000).into(),
        server_name: None,
        certificate: None,
        domain: None,
    }
}

/// Sends a request to the API port.
pub(super) async fn send(world: &Arc<World>, request: Request<Body>) -> Answered {
    send_to(world, Door::Api, &peer(), request).await
}

/// Sends a request to a port.
pub(super) async fn send_to(
    world: &Arc<World>,
    door: Door,
    peer: &Peer,
    request: Request<Body>,
) -> Answered {
    read(answer(world, peer, door, request).await).await
}

async fn read(response: Response<Body>) -> Answered {
    let status = response.status().as_u16();
    let error = response.headers().get("x-amzn-errortype");
    let error = error.map(|code| code.to_str().unwrap().trim_end_matches(':').to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answered {
        status,
        error,
        body: serde_json::from_str(&text).unwrap_or_default(),
        text,
    }
}

/// The header of a request that an access key signed for a service.
pub(super) fn signed_by(access_key: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00"
    )
}

/// A request signed by the account's own key.
pub(super) fn signed(service: Service, name: &str, params: &Map<String, Value>) -> Request<Body> {
    let scope = match service {
        Service::Iot => "iot",
        Service::IotData => "iotdata",
        Service::IotJobsData => "iot-jobs-data",
    };
    let mut request = unsigned(service, name, params);
    let header = signed_by("AKIATEST", scope).parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    request
}

/// A request of an operation with members under their API names.
pub(super) fn unsigned(service: Service, name: &str, params: &Map<String, Value>) -> Request<Body> {
    let operation = MODEL.operation(service, name);
    let operation = operation.unwrap_or_else(|| panic!("no operation {name}"));
    let label = |wire: &str| {
        let member = operation.input.iter().find(|m| m.wire() == wire).unwrap();
        text(&params[&member.name])
    };
    let mut target = operation.template.fill(label);
    let query = query(operation, params);
    if !query.is_empty() {
        target = format!("{target}?{query}");
    }
    let mut builder = Request::builder()
        .method(operation.method.clone())
        .uri(target);
    for member in at(operation, Location::Header) {
        if let Some(value) = params.get(member.0) {
            builder = builder.header(member.1, text(value));
        }
    }
    builder.body(body(operation, params)).unwrap()
}

/// Names in the API and on the wire of the members that travel in one place.
fn at(operation: &Operation, place: Location) -> impl Iterator<Item = (&str, &str)> {
    let members = operation.input.iter();
    members
        .filter(move |member| member.location == place)
        .map(|member| (member.name.as_str(), member.wire()))
}

fn query(operation: &Operation, params: &Map<String, Value>) -> String {
    let pairs = at(operation, Location::Querystring).filter_map(|(name, wire)| {
        let value = text(params.get(name)?);
        let encoded = utf8_percent_encode(&value, NON_ALPHANUMERIC);
        Some(format!("{wire}={encoded}"))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn body(operation: &Operation, params: &Map<String, Value>) -> Body {
    if let Some(name) = &operation.payload {
        return match params.get(name) {
            Some(Value::String(raw)) => Body::from(raw.clone()),
            Some(structure) => Body::from(structure.to_string()),
            None => Body::empty(),
        };
    }
    let members = at(operation, Location::Body);
    let sent = members.filter_map(|(name, wire)| {
        let value = params.get(name)?.clone();
        Some((wire.to_owned(), value))
    });
    let sent: Map<String, Value> = sent.collect();
    if sent.is_empty() {
        Body::empty()
    } else {
        Body::from(Value::Object(sent).to_string())
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
