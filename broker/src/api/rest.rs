//! The services with JSON over REST: from a request to its operation's handler and back.

use super::authorize::authorize;
use super::bind::bind;
use super::call::Call;
use super::caller::{Caller, missing_token};
use super::error::{ApiError, Code};
use super::model::{Operation, Service};
use super::operations::{self, Handler};
use super::reply::Reply;
use super::route::{NoRoute, Route, resolve};
use super::validate::validate;
use crate::body;
use crate::world::World;
use axum::body::Body;
use http::request::Parts;
use http::{Request, Response};
use std::sync::Arc;
use uuid::Uuid;

/// Largest body of a control-plane request; AWS's largest member is a rule of 128 KB.
const CONTROL_BYTES_MAX: usize = 1024 * 1024;

/// Answers a request to one of these services.
pub(super) async fn answer(
    world: &Arc<World>,
    services: &'static [Service],
    caller: Caller,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = Uuid::new_v4();
    let (parts, body) = request.into_parts();
    let routed = resolve(services, &parts.method, parts.uri.path());
    let operation = routed.as_ref().ok().map(|route| route.operation);
    let service = operation.map_or(services[0], |operation| operation.service);
    let result = match routed {
        Ok(route) => perform(world, route, &caller, &parts, body, request_id).await,
        Err(why) => Err(unrouted(&why, &caller, &parts)),
    };
    let error = result.as_ref().err().cloned();
    let response = match result {
        Ok(reply) => reply.into_response(request_id),
        Err(error) => error.into_response(service, request_id),
    };
    let name = operation.map_or("unknown", |operation| operation.name.as_str());
    let outcome = Outcome {
        service,
        operation: name,
        status: response.status().as_u16(),
        error: error.as_ref(),
    };
    outcome.tell(world, &parts, &caller, request_id);
    response
}

/// Answers a request to a service that is not let in.
pub(super) fn refuse_as(world: &World, service: Service, error: ApiError) -> Response<Body> {
    let response = error.into_response(service, Uuid::new_v4());
    world
        .metrics
        .api_request("unknown", response.status().as_u16());
    response
}

/// Answers a request that no service is there for.
pub(super) fn refuse(world: &World, request: &Request<Body>, error: ApiError) -> Response<Body> {
    let request_id = Uuid::new_v4();
    let why = error.to_string();
    tracing::debug!(%request_id, path = request.uri().path(), ?why, "request refused");
    let response = error.into_foreign_response(request_id);
    let status = response.status().as_u16();
    world.metrics.api_request("unknown", status);
    response
}

async fn perform(
    world: &Arc<World>,
    route: Route,
    caller: &Caller,
    parts: &Parts,
    body: Body,
    request_id: Uuid,
) -> Result<Reply, ApiError> {
    let operation = route.operation;
    let now_ms = world.clock.now_ms();
    let guard = caller.guard(world, now_ms)?;
    let handler = operations::handler(operation).ok_or_else(|| not_implemented(operation))?;
    let bytes_max = body_bytes_max(world, operation.service);
    let body = body::read(body, bytes_max, &world.budget).await?;
    // The members that are made of it take about as much; it is counted until they are used.
    let (body, held) = body.apart();
    let query = parts.uri.query().unwrap_or_default();
    let input = bind(&route, query, &parts.headers, body)?;
    validate(operation, &input.members)?;
    let call = Call {
        world: Arc::clone(world),
        operation,
        input,
        guard,
        source_ip: caller.source_ip,
        request_id,
        now_ms,
    };
    // Who knows the token of a destination may confirm it.
    let by_token = operation.name == "ConfirmTopicRuleDestination";
    if !operation.service.is_data_plane() && !by_token {
        authorize(&call)?;
    }
    match handler {
        Handler::Quick(handler) => {
            let reply = handler(&call)?;
            if world.hub.stored().await {
                Ok(reply)
            } else {
                let why = "the store cannot be written";
                Err(ApiError::new(Code::InternalFailure, why.to_owned()))
            }
        }
        Handler::Waiting(handler) => handler(&call).await,
        // The control plane writes to disk and makes keys, which must not hold up a shard.
        Handler::Slow(handler) => {
            let handle = move || {
                let _held = held;
                handler(&call)
            };
            tokio::task::spawn_blocking(handle)
                .await
                .unwrap_or_else(|why| Err(ApiError::new(Code::InternalFailure, why.to_string())))
        }
    }
}

/// Largest body that an operation of a service may have.
pub(super) fn body_bytes_max(world: &World, service: Service) -> usize {
    match service {
        Service::Iot => CONTROL_BYTES_MAX,
        Service::IotData | Service::IotJobsData => {
            let profile = world.profile();
            profile.payload_bytes.min(profile.packet_bytes)
        }
    }
}

pub(super) fn not_implemented(operation: &Operation) -> ApiError {
    let name = &operation.name;
    let message = format!("{name} is not implemented by thingcore yet");
    ApiError::new(Code::NotImplemented, message)
}

fn unrouted(why: &NoRoute, caller: &Caller, parts: &Parts) -> ApiError {
    let (method, path) = (&parts.method, parts.uri.path());
    match why {
        // As AWS answers what it cannot place and nobody signed.
        NoRoute::Path | NoRoute::Method if !caller.is_known() => missing_token(),
        NoRoute::Path => {
            let message = format!("no operation of this service has the path {path}");
            ApiError::new(Code::UnknownOperation, message)
        }
        NoRoute::Method => {
            let message = format!("no operation of this service is {method} {path}");
            ApiError::new(Code::MethodNotAllowed, message)
        }
        NoRoute::Encoding => ApiError::invalid("the path is not UTF-8 after decoding"),
    }
}

/// What is counted and logged of a request.
struct Outcome<'a> {
    service: Service,
    operation: &'static str,
    status: u16,
    error: Option<&'a ApiError>,
}

impl Outcome<'_> {
    fn tell(&self, world: &World, parts: &Parts, caller: &Caller, request_id: Uuid) {
        let Outcome {
            operation, status, ..
        } = *self;
        world.metrics.api_request(operation, status);
        // Quoted: it may repeat what the caller wrote.
        let error = self.error.map(ToString::to_string);
        let error = error.as_ref().map(tracing::field::debug);
        let (source_ip, path) = (caller.source_ip, parts.uri.path());
        let method = &parts.method;
        if self.service.is_data_plane() {
            tracing::debug!(operation, status, %method, path, %source_ip, %request_id, error, "api request");
        } else {
            tracing::info!(operation, status, %method, path, %source_ip, %request_id, error, "api request");
        }
    }
}
