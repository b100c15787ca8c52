//! Operations called by the server itself, as the account that may do everything.

use super::bind::Input;
use super::call::Call;
use super::error::{ApiError, Code};
use super::model::{MODEL, Service};
use super::operations::{self, Handler};
use super::reply::Reply;
use super::rest::not_implemented;
use super::validate::validate;
use crate::auth::{Facts, Guard, Identity};
use crate::world::World;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use uuid::Uuid;

/// Who calls, as logs show it.
const ACCESS_KEY: &str = "seed";

/// Calls an operation with members under their API names; a raw payload is a text among them.
/// Waits for disks.
///
/// # Errors
/// What the operation refuses, or an operation that is not there.
pub(crate) fn call_as_account(
    world: &Arc<World>,
    service: Service,
    name: &str,
    mut members: Map<String, Value>,
) -> Result<Value, ApiError> {
    let operation = MODEL.operation(service, name).ok_or_else(|| {
        let message = format!("there is no operation {name}");
        ApiError::new(Code::UnknownOperation, message)
    })?;
    let handler = operations::handler(operation).ok_or_else(|| not_implemented(operation))?;
    let payload = match operation.raw_payload() {
        Some(member) => members.shift_remove(member),
        None => None,
    };
    let payload = match payload {
        Some(Value::String(text)) => Bytes::from(text),
        Some(other) => Bytes::from(other.to_string()),
        None => Bytes::new(),
    };
    members.retain(|_, value| !value.is_null());
    validate(operation, &members)?;
    let now_ms = world.clock.now_ms();
    let source_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let identity = Identity::Signed {
        access_key: ACCESS_KEY.to_owned(),
    };
    let facts = Facts {
        client_id: None,
        source_ip,
        server_name: None,
        now_ms,
    };
    let guard = Guard::new(Arc::clone(&world.things), None, identity, facts)
        .map_err(|why| ApiError::new(Code::Forbidden, why.to_string()))?;
    let call = Call {
        world: Arc::clone(world),
        operation,
        input: Input { members, payload },
        guard,
        source_ip,
        request_id: Uuid::new_v4(),
        now_ms,
    };
    let handler = match handler {
        Handler::Quick(handler) | Handler::Slow(handler) => handler,
        Handler::Waiting(_) => {
            let why = format!("{name} waits for a client: call it when the server runs");
            return Err(ApiError::invalid(why));
        }
    };
    match handler(&call)? {
        Reply::Empty => Ok(Value::Object(Map::new())),
        Reply::Json(value) => Ok(value),
    }
}
