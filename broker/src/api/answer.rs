//! The one way in for HTTP requests, whichever listener they come from.

use super::caller::{Caller, has_foreign_origin};
use super::error::{ApiError, Code};
use super::lead::{Lead, lead};
use super::model::Service;
use super::sigv4::{Credential, Signers};
use super::{credentials, inside, query, rest, signature};
use crate::admin;
use crate::auth::Showing;
use crate::console;
use crate::net::{Peer, shown};
use crate::world::World;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use std::sync::Arc;
use things::DomainAuthentication;

/// Which listener a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `--api-port`: the whole AWS API, the embedded services, admin and console.
    Api,
    /// `--https-port`: the data plane alone, by client certificate or signature.
    Data,
}

/// Answers one request. WebSocket upgrades at `/mqtt` are taken by the listener before.
pub(crate) async fn answer(
    world: &Arc<World>,
    peer: &Peer,
    door: Door,
    request: Request<Body>,
) -> Response<Body> {
    let uri = request.uri();
    let credential = Credential::of(request.headers(), uri.query().unwrap_or_default());
    let service = credential.as_ref().map(|found| found.service.as_str());
    let lead = lead(door, uri.path(), service);
    if is_forgeable(world, request.headers(), credential.as_ref()) {
        let why = "pages of another origin may not call with a signature that nobody verifies";
        let error = ApiError::new(Code::Forbidden, why);
        return signature::refuse(world, &lead, &request, error);
    }
    // A client certificate says who it is, whatever is signed.
    let request = match peer.certificate {
        Some(_) => request,
        None => match signature::verified(world, &lead, credential.as_ref(), request).await {
            Ok(request) => request,
            Err(refused) => return refused,
        },
    };
    let caller = Caller::of(door, peer, request.headers(), credential);
    let caller = match showing(world, peer, &caller, &request) {
        None => caller,
        Some(showing) => match granted(world, caller, showing).await {
            Ok(caller) => caller,
            Err(error) => return rest::refuse_as(world, Service::IotData, error),
        },
    };
    if let Some(refused) = inside::refusal(world, &lead, &caller, &request) {
        return refused;
    }
    match lead {
        Lead::Admin => admin::answer(world, request).await,
        Lead::Credentials(alias) => credentials::answer(world, caller, alias, request).await,
        Lead::Page => console::answer(world, &request),
        Lead::Rest(services) => rest::answer(world, services, caller, request).await,
        Lead::Query(api) => query::answer(world, api, caller, request).await,
        Lead::S3 => counted(world, "s3", world.s3.serve(request)).await,
        Lead::Lambda => {
            counted(
                world,
                "lambda",
                world.functions.serve(request, &world.budget),
            )
            .await
        }
        Lead::Refused(error) => rest::refuse(world, &request, error),
    }
}

/// Whether any page that somebody looks at could have sent a request: browsers send a POST to other
/// origins without asking first, and where no signature is verified its query can name any key. They
/// do ask before they send an `Authorization` header.
fn is_forgeable(world: &World, headers: &HeaderMap, credential: Option<&Credential>) -> bool {
    let Signers::Anybody = world.signers else {
        return false;
    };
    credential.is_some() && !headers.contains_key(AUTHORIZATION) && has_foreign_origin(headers)
}

/// What a custom authorizer is shown of a request without certificate and signature, if there is
/// one to ask.
fn showing(
    world: &World,
    peer: &Peer,
    caller: &Caller,
    request: &Request<Body>,
) -> Option<Showing> {
    let may_ask = match peer.authentication() {
        DomainAuthentication::CustomAuth | DomainAuthentication::CustomAuthX509 => true,
        DomainAuthentication::AwsX509 | DomainAuthentication::AwsSigV4 => false,
        DomainAuthentication::Default => caller.is_nobody() && world.custom_auth.is_open(),
    };
    may_ask.then(|| Showing {
        server_name: Some(caller.server_name().unwrap_or_default().to_owned()),
        certificate: peer.certificate.clone(),
        http: Some(shown(request)),
        mqtt: None,
    })
}

/// The caller once a custom authorizer has let it in.
async fn granted(world: &World, caller: Caller, showing: Showing) -> Result<Caller, ApiError> {
    let now_ms = world.clock.now_ms();
    match world.custom_auth.authenticate(showing, now_ms).await {
        Ok(granted) => Ok(caller.granted(granted)),
        Err(reason) => {
            tracing::warn!(reason = reason.to_string(), "a custom authorizer refuses");
            Err(ApiError::new(
                Code::Forbidden,
                format!("Forbidden: {reason}"),
            ))
        }
    }
}

/// Counts a request to one of the services inside.
async fn counted(
    world: &World,
    service: &'static str,
    answered: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let response = answered.await;
    let status = response.status().as_u16();
    world.metrics.api_request(service, status);
    tracing::debug!(service, status, "api request");
    response
}
