//! Connected clients.

use super::publish::permit_on;
use super::{Call, Family};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use crate::hub::Sighting;
use mqtt::QoS;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = &[
    ("GetConnection", get_connection),
    ("ListSubscriptions", list_subscriptions),
    ("DeleteConnection", delete_connection),
];

/// Items of a page unless the caller says how many, and the most.
const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 200;

/// How long a client is remembered that has gone.
const REMEMBERED_MS: u64 = 30 * 60 * 1000;

fn client_id<'a>(call: &'a Call, action: &'static str) -> Result<&'a str, ApiError> {
    let client_id = call.text("clientId")?;
    permit_on(call, action, &call.arn(&format!("client/{client_id}")))?;
    Ok(client_id)
}

fn unknown(client_id: &str) -> ApiError {
    ApiError::not_found(format!("No connection of client `{client_id}` found"))
}

fn get_connection(call: &Call) -> Result<Reply, ApiError> {
    let client_id = client_id(call, "iot:GetConnection")?;
    let found = call.world.hub.client(client_id).filter(|found| {
        let now = found.connectivity;
        now.connected || call.now_ms.saturating_sub(now.since_ms) < REMEMBERED_MS
    });
    let found = found.ok_or_else(|| unknown(client_id))?;
    Ok(Reply::Json(shown(call, client_id, &found)))
}

fn shown(call: &Call, client_id: &str, found: &Sighting) -> Value {
    let (arrival, now) = (found.arrival, found.connectivity);
    let since = if now.connected {
        "connectedSince"
    } else {
        "disconnectedSince"
    };
    let mut shown = json!({
        "clientId": client_id,
        "connected": now.connected,
        "cleanSession": arrival.clean_start,
        "keepAliveDuration": arrival.keep_alive_s,
        "sessionExpiry": arrival.expiry_s,
    });
    shown[since] = now.since_ms.into();
    if let Some(reason) = now.disconnect_reason {
        shown["disconnectReason"] = reason.into();
    }
    if call.world.things.describe_thing(client_id).is_ok() {
        shown["thingName"] = client_id.into();
    }
    if call.flag("includeSocketInformation") {
        shown["sourceIp"] = json!(arrival.address.ip());
        shown["sourcePort"] = arrival.address.port().into();
    }
    shown
}

fn list_subscriptions(call: &Call) -> Result<Reply, ApiError> {
    let client_id = client_id(call, "iot:ListSubscriptions")?;
    let all = call.world.hub.subscriptions_of(client_id);
    let all = all.ok_or_else(|| unknown(client_id))?;
    let paging = call.paging(PAGE_DEFAULT)?;
    let limit = paging.limit.min(PAGE_MAX);
    let after = paging.after.as_deref().unwrap_or_default();
    let behind = all.iter().filter(|(filter, _)| filter.as_str() > after);
    let rows: Vec<&(String, QoS)> = behind.take(limit + 1).collect();
    let page = &rows[..rows.len().min(limit)];
    let row = |(filter, qos): &&(String, QoS)| json!({"topicFilter": filter, "qos": *qos as u8});
    let mut answer = Map::new();
    answer.insert("subscriptions".into(), page.iter().map(row).collect());
    let last = page.last().filter(|_| rows.len() > limit);
    call.put_token(&mut answer, last.map(|(filter, _)| filter.as_str()));
    Ok(Reply::Json(answer.into()))
}

fn delete_connection(call: &Call) -> Result<Reply, ApiError> {
    let client_id = client_id(call, "iot:DeleteConnection")?;
    let with_will = !call.flag("preventWillMessage");
    let hub = &call.world.hub;
    if hub.send_off(client_id, call.flag("cleanSession"), with_will) {
        Ok(Reply::Empty)
    } else {
        Err(unknown(client_id))
    }
}
