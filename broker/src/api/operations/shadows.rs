//! Device shadows over HTTP. Changes are told to devices as if they had come by MQTT; what is only
//! read, and errors, are not.

use super::publish::{origin, permit_on};
use super::{Call, Family};
use crate::api::error::{ApiError, Code};
use crate::api::reply::Reply;
use crate::hub::ShadowOutcome;
use mqtt::reserved::ShadowOperation;
use serde_json::{Map, Value};
use things::{ShadowError, ShadowName};

pub(super) const FAMILY: Family = &[
    ("GetThingShadow", get_thing_shadow),
    ("UpdateThingShadow", update_thing_shadow),
    ("DeleteThingShadow", delete_thing_shadow),
    ("ListNamedShadowsForThing", list_named_shadows_for_thing),
];

/// Items of a page unless the caller says how many, and the most.
const PAGE_MAX: usize = 100;

fn get_thing_shadow(call: &Call) -> Result<Reply, ApiError> {
    let (_, outcome) = ask(call, "iot:GetThingShadow", ShadowOperation::Get, b"")?;
    answer(&outcome)
}

fn update_thing_shadow(call: &Call) -> Result<Reply, ApiError> {
    let payload = &call.input.payload;
    change(
        call,
        "iot:UpdateThingShadow",
        ShadowOperation::Update,
        payload,
    )
}

fn delete_thing_shadow(call: &Call) -> Result<Reply, ApiError> {
    change(call, "iot:DeleteThingShadow", ShadowOperation::Delete, b"")
}

fn change(
    call: &Call,
    action: &'static str,
    operation: ShadowOperation,
    payload: &[u8],
) -> Result<Reply, ApiError> {
    let (name, outcome) = ask(call, action, operation, payload)?;
    let reply = answer(&outcome)?;
    call.world.hub.tell_shadow(&name, outcome, &origin(call));
    Ok(reply)
}

fn ask(
    call: &Call,
    action: &'static str,
    operation: ShadowOperation,
    payload: &[u8],
) -> Result<(ShadowName, ShadowOutcome), ApiError> {
    let (thing, shadow) = (call.text("thingName")?, call.optional("shadowName"));
    let resource = match shadow {
        None => call.arn(&format!("thing/{thing}")),
        Some(shadow) => call.arn(&format!("thing/{thing}/{shadow}")),
    };
    permit_on(call, action, &resource)?;
    let name = ShadowName::new(thing, shadow).map_err(|error| refused(&error))?;
    let asked = call.world.hub.ask_shadow(operation, &name, payload);
    match asked {
        Ok(outcome) => Ok((name, outcome)),
        Err(rejected) => Err(refused(&rejected.error)),
    }
}

fn answer(outcome: &ShadowOutcome) -> Result<Reply, ApiError> {
    let document = serde_json::from_str(outcome.answer());
    document
        .map(Reply::Json)
        .map_err(|why| ApiError::new(Code::InternalFailure, why.to_string()))
}

fn refused(error: &ShadowError) -> ApiError {
    let code = match error.code() {
        404 => Code::ResourceNotFound,
        409 => Code::Conflict,
        413 => Code::RequestEntityTooLarge,
        415 => Code::UnsupportedDocumentEncoding,
        _ => Code::InvalidRequest,
    };
    ApiError::new(code, error.to_string())
}

fn list_named_shadows_for_thing(call: &Call) -> Result<Reply, ApiError> {
    let thing = call.text("thingName")?;
    let resource = call.arn(&format!("thing/{thing}"));
    permit_on(call, "iot:ListNamedShadowsForThing", &resource)?;
    let paging = call.paging(PAGE_MAX)?;
    let (after, limit) = (paging.after.as_deref(), paging.limit.min(PAGE_MAX));
    let page = call.world.things.shadows().list_named(thing, after, limit);
    let mut answer = Map::new();
    answer.insert("results".into(), page.items.into());
    answer.insert("timestamp".into(), (call.now_ms / 1000).into());
    call.put_token(&mut answer, page.next.as_deref());
    Ok(Reply::Json(Value::Object(answer)))
}
