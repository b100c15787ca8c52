//! The credentials provider: temporary AWS credentials for a device with a certificate, by a role
//! alias ("Authorizing direct calls to AWS services" in the AWS IoT developer guide).

use super::caller::Caller;
use super::error::{ApiError, Code};
use super::query::timestamp;
use super::reply::Reply;
use crate::auth::Identity;
use crate::world::World;
use axum::body::Body;
use http::{HeaderMap, Method, Request, Response};
use percent_encoding::percent_decode_str;
use policy::VariableMap;
use serde_json::json;
use std::sync::Arc;
use things::ThingsError;
use uuid::Uuid;

/// The thing as which a device asks.
const THING_NAME: &str = "x-amzn-iot-thingname";

/// The role alias in `/role-aliases/ALIAS/credentials`.
pub(super) fn alias(path: &str) -> Option<String> {
    let alias = path
        .strip_prefix("/role-aliases/")?
        .strip_suffix("/credentials")?;
    let alias = percent_decode_str(alias).decode_utf8().ok()?;
    (!alias.is_empty() && !alias.contains('/')).then(|| alias.into_owned())
}

/// Answers a device that asks for credentials.
pub(super) async fn answer(
    world: &Arc<World>,
    caller: Caller,
    alias: String,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = Uuid::new_v4();
    let (parts, _) = request.into_parts();
    let asked = Arc::clone(world);
    let made = move || credentials(&asked, &caller, &alias, &parts.method, &parts.headers);
    // The registry may be waiting for a disk.
    let made = tokio::task::spawn_blocking(made).await;
    let made =
        made.unwrap_or_else(|why| Err(ApiError::new(Code::InternalFailure, why.to_string())));
    let response = match made {
        Ok(reply) => reply.into_response(request_id),
        Err(error) => {
            tracing::debug!(%request_id, error = error.to_string(), "no credentials given out");
            error.into_response(super::model::Service::Iot, request_id)
        }
    };
    let status = response.status().as_u16();
    world
        .metrics
        .api_request("AssumeRoleWithCertificate", status);
    response
}

fn credentials(
    world: &World,
    caller: &Caller,
    alias: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Reply, ApiError> {
    if method != Method::GET {
        let message = "credentials are asked for with GET";
        return Err(ApiError::new(Code::MethodNotAllowed, message));
    }
    let thing = headers.get(THING_NAME).map(|name| name.to_str());
    let thing = thing
        .transpose()
        .map_err(|_| denied("the thing's name is not ASCII"))?;
    let now_ms = world.clock.now_ms();
    let guard = caller.guard_as(world, thing, now_ms)?;
    let Identity::Certificate { id, .. } = guard.identity() else {
        return Err(denied("a client certificate is required"));
    };
    if let Some(thing) = thing
        && !world.things.is_attached(id, thing)
    {
        return Err(denied(&format!(
            "the certificate is not attached to thing {thing}"
        )));
    }
    let (region, account) = (world.things.region(), world.things.account_id());
    let arn = format!("arn:aws:iot:{region}:{account}:rolealias/{alias}");
    let action = "iot:AssumeRoleWithCertificate";
    let verdict = guard.decide(action, &arn, &VariableMap::new());
    if !verdict.allowed {
        let hub = &world.hub;
        hub.refused(None, guard.principal(), action, &arn, &verdict.reason);
        return Err(denied(&verdict.reason));
    }
    let made = world
        .things
        .device_credentials(alias, id, world.config.iam_strict, now_ms);
    let made = made.map_err(|error| match error {
        ThingsError::AccessDenied(why) => denied(&why),
        other => other.into(),
    })?;
    if !made.role_is_known {
        let role = &made.session.role_arn;
        tracing::warn!(
            ?role,
            "role was not created here and is taken to allow everything"
        );
    }
    let session = made.session;
    Ok(Reply::Json(json!({"credentials": {
        "accessKeyId": session.access_key_id,
        "secretAccessKey": session.secret_access_key,
        "sessionToken": session.session_token,
        "expiration": timestamp(session.expires_ms),
    }})))
}

fn denied(why: &str) -> ApiError {
    ApiError::new(Code::AccessDenied, format!("Access Denied: {why}"))
}

#[cfg(test)]
mod tests {
    use super::alias;

    #[test]
    fn the_path_names_a_role_alias() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(alias(path).as_deref(), expected, "{path}");
        };
        check("/role-aliases/a/credentials", Some("a"));
        check("/role-aliases/a%40b/credentials", Some("a@b"));
        check("/role-aliases//credentials", None);
        check("/role-aliases/a", None);
        check("/role-aliases/a/b/credentials", None);
    }
}
