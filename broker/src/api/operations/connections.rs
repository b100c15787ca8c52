//! Connections of MQTT clients over HTTP: who is there, what it subscribes to, its end, and
//! messages to it alone.

use super::publish::{check_topic, permit_with, properties};
use super::{Call, Family, WaitingFamily};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use crate::hub::{ConnectionInfo, ConnectionState, DirectRefusal, SubscriptionInfo};
use mqtt::{Message, QoS};
use policy::VariableMap;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(super) const FAMILY: Family = &[
    ("GetConnection", get_connection),
    ("ListSubscriptions", list_subscriptions),
];

pub(super) const WAITING: WaitingFamily = &[
    ("DeleteConnection", |call| Box::pin(delete_connection(call))),
    ("SendDirectMessage", |call| {
        Box::pin(send_direct_message(call))
    }),
];

/// Subscriptions of a page; the model allows 200.
const PAGE_DEFAULT: usize = 20;

/// How long a confirmation is waited for, in seconds, and between which bounds callers choose.
const TIMEOUT_S: i64 = 5;
const TIMEOUT_MIN_S: i64 = 1;
const TIMEOUT_MAX_S: i64 = 15;

/// Checks policy and quota of an operation on a client; its id.
fn client<'a>(
    call: &'a Call,
    action: &'static str,
    variables: &VariableMap,
) -> Result<&'a str, ApiError> {
    let client_id = call.text("clientId")?;
    let resource = call.arn(&format!("client/{client_id}"));
    permit_with(call, action, &resource, variables)?;
    let hub = &call.world.hub;
    hub.quota_request(&call.operation.name, client_id)
        .map_err(|throttled| ApiError::new(Code::Throttling, throttled.0))?;
    Ok(client_id)
}

fn not_found(client_id: &str) -> ApiError {
    ApiError::not_found(format!("no connection of the client id `{client_id}`"))
}

fn get_connection(call: &Call) -> Result<Reply, ApiError> {
    let with_sockets = call.flag("includeSocketInformation");
    let mut variables = VariableMap::new();
    variables.set("iot:IncludeSocketInformation", with_sockets.to_string());
    let client_id = client(call, "iot:GetConnection", &variables)?;
    let info = call.world.hub.connection(client_id);
    let info = info.ok_or_else(|| not_found(client_id))?;
    Ok(Reply::Json(shown(client_id, &info, with_sockets)))
}

fn shown(client_id: &str, info: &ConnectionInfo, with_sockets: bool) -> Value {
    let mut answer = Map::new();
    answer.insert("clientId".into(), client_id.into());
    if let Some(thing) = &info.thing {
        answer.insert("thingName".into(), thing.as_str().into());
    }
    answer.insert("cleanSession".into(), (info.session_expiry_s == 0).into());
    answer.insert("keepAliveDuration".into(), info.keep_alive_s.into());
    answer.insert("sessionExpiry".into(), info.session_expiry_s.into());
    match &info.state {
        ConnectionState::Connected { since_ms, sockets } => {
            answer.insert("connected".into(), true.into());
            answer.insert("connectedSince".into(), (*since_ms).into());
            if let Some((source, target)) = sockets.filter(|_| with_sockets) {
                answer.insert("sourceIp".into(), json!(source.ip()));
                answer.insert("sourcePort".into(), source.port().into());
                answer.insert("targetIp".into(), json!(target.ip()));
                answer.insert("targetPort".into(), target.port().into());
            }
        }
        ConnectionState::Gone { since_ms, reason } => {
            answer.insert("connected".into(), false.into());
            answer.insert("disconnectedSince".into(), (*since_ms).into());
            answer.insert("disconnectReason".into(), (*reason).into());
        }
    }
    answer.into()
}

fn list_subscriptions(call: &Call) -> Result<Reply, ApiError> {
    let client_id = client(call, "iot:ListSubscriptions", &VariableMap::new())?;
    let paging = call.paging(PAGE_DEFAULT)?;
    let all = call.world.hub.subscriptions(client_id);
    let all = all.ok_or_else(|| not_found(client_id))?;
    let after = paging.after.as_deref();
    let is_later = |it: &SubscriptionInfo| after.is_none_or(|after| it.filter.as_str() > after);
    let mut rest = all.into_iter().filter(is_later);
    let page: Vec<SubscriptionInfo> = rest.by_ref().take(paging.limit).collect();
    let last = page.last().filter(|_| rest.next().is_some());
    let mut answer = Map::new();
    let summary = |it: &SubscriptionInfo| json!({"topicFilter": it.filter, "qos": it.qos});
    let summaries: Vec<Value> = page.iter().map(summary).collect();
    answer.insert("subscriptions".into(), summaries.into());
    call.put_token(&mut answer, last.map(|it| it.filter.as_str()));
    Ok(Reply::Json(answer.into()))
}

async fn delete_connection(call: &Call) -> Result<Reply, ApiError> {
    let client_id = client(call, "iot:DeleteConnection", &VariableMap::new())?;
    let (clean, with_will) = (call.flag("cleanSession"), !call.flag("preventWillMessage"));
    let deleted = call
        .world
        .hub
        .delete_connection(client_id, clean, with_will);
    if deleted.await {
        Ok(Reply::Empty)
    } else {
        Err(not_found(client_id))
    }
}

async fn send_direct_message(call: &Call) -> Result<Reply, ApiError> {
    let topic = call.text("topic")?;
    let timeout_s = call.number("timeout").unwrap_or(TIMEOUT_S);
    if !(TIMEOUT_MIN_S..=TIMEOUT_MAX_S).contains(&timeout_s) {
        let why = format!("Invalid timeout: it must be {TIMEOUT_MIN_S} to {TIMEOUT_MAX_S} seconds");
        return Err(ApiError::invalid(why));
    }
    if topic.starts_with('$') {
        return Err(ApiError::invalid("Topic can't start with $"));
    }
    let profile = call.world.profile();
    check_topic(topic, &profile)?;
    let mut variables = VariableMap::new();
    variables.set("iot:Topic", topic);
    let client_id = client(call, "iot:SendDirectMessage", &variables)?;
    let message = Arc::new(Message {
        topic: topic.into(),
        payload: call.input.payload.clone(),
        qos: if call.flag("confirmation") {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        },
        retain: false,
        properties: properties(call, &profile)?,
        expires_at_ms: None,
    });
    let sent = call.world.hub.send_direct(client_id, &message);
    if let Some(confirmation) = sent.map_err(refused)? {
        let patience = Duration::from_secs(timeout_s.unsigned_abs());
        match tokio::time::timeout(patience, confirmation).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(not_found(client_id)),
            Err(_) => {
                let why = "the client did not acknowledge in time";
                return Err(ApiError::new(Code::GatewayTimeout, why));
            }
        }
    }
    let answer = json!({"message": "OK", "traceId": call.request_id.to_string()});
    Ok(Reply::Json(answer))
}

fn refused(why: DirectRefusal) -> ApiError {
    let code = match why {
        DirectRefusal::NotConnected => Code::ResourceNotFound,
        DirectRefusal::NotAllowed => Code::Forbidden,
        DirectRefusal::Throttled | DirectRefusal::Unacknowledged | DirectRefusal::NotWritable => {
            Code::Throttling
        }
    };
    ApiError::new(code, why.to_string())
}
