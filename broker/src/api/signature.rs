//! The step of a request at which its signature is verified, before anything is done with it.

use super::error::{ApiError, Code};
use super::lead::Lead;
use super::rest;
use super::sigv4::{Credential, SignatureError, SignedRequest, Signers};
use super::{caller, query};
use crate::body;
use crate::embedded::s3;
use crate::world::World;
use axum::body::Body;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use std::sync::Arc;

/// Gives a request back whose signature holds, or that needs none; where signatures are verified,
/// nobody else is let in, unless a policy says what anonymous callers may do.
///
/// # Errors
/// The answer, in the form of the service that was asked.
pub(super) async fn verified(
    world: &Arc<World>,
    lead: &Lead,
    credential: Option<&Credential>,
    request: Request<Body>,
) -> Result<Request<Body>, Response<Body>> {
    let Signers::Known(keys) = &world.signers else {
        return Ok(request);
    };
    let Some(bytes_max) = body_bytes_max(world, lead) else {
        return Ok(request);
    };
    let Some(credential) = credential else {
        return match world.anonymous {
            Some(_) => Ok(request),
            None => Err(refuse(world, lead, &request, caller::missing_token())),
        };
    };
    let (parts, body) = request.into_parts();
    let (request, bytes) = if signs_no_body(&parts, credential) {
        (Request::from_parts(parts, body), None)
    } else {
        match body::read(body, bytes_max, &world.budget).await {
            Ok(received) => {
                let bytes = received.kept();
                let body = Body::from(bytes.clone());
                (Request::from_parts(parts, body), Some(bytes))
            }
            Err(why) => {
                let request = Request::from_parts(parts, Body::empty());
                return Err(refuse(world, lead, &request, why.into()));
            }
        }
    };
    let signed = SignedRequest {
        method: request.method(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        body: bytes.as_deref().unwrap_or_default(),
    };
    match keys.verify(&world.things, &signed, world.clock.now_ms()) {
        Ok(()) => Ok(request),
        Err(why) => Err(refuse_signature(world, lead, &request, &why)),
    }
}

/// How much is read of a body to hash it; `None` where nothing is verified.
fn body_bytes_max(world: &World, lead: &Lead) -> Option<usize> {
    match lead {
        Lead::Admin | Lead::Credentials(_) | Lead::Page | Lead::Refused(_) => None,
        Lead::Rest(services) => {
            let most = services.iter().map(|s| rest::body_bytes_max(world, *s));
            most.max()
        }
        Lead::Query(_) => Some(query::FORM_BYTES_MAX),
        // AWS's tools send larger objects in parts of 8 MiB.
        Lead::S3 => Some(256 * 1024 * 1024),
        Lead::Lambda => Some(6 * 1024 * 1024),
    }
}

/// S3's uploads may be signed without their body: as `UNSIGNED-PAYLOAD`, in chunks that are not
/// signed, or by a presigned address.
fn signs_no_body(parts: &Parts, credential: &Credential) -> bool {
    let declared = parts.headers.get("x-amz-content-sha256");
    let special = |value: &http::HeaderValue| {
        let value = value.as_bytes();
        value == b"UNSIGNED-PAYLOAD" || value.starts_with(b"STREAMING-UNSIGNED-")
    };
    credential.service == "s3"
        && (!parts.headers.contains_key(AUTHORIZATION) || declared.is_some_and(special))
}

/// Answers a request whose signature does not hold.
pub(super) fn refuse_signature(
    world: &Arc<World>,
    lead: &Lead,
    request: &Request<Body>,
    why: &SignatureError,
) -> Response<Body> {
    let path = request.uri().path();
    tracing::info!(path, why = why.to_string(), "signature refused");
    match lead {
        Lead::Query(api) => query::refuse(world, *api, &why.into()),
        Lead::S3 => refuse_s3(world, why),
        Lead::Admin
        | Lead::Credentials(_)
        | Lead::Page
        | Lead::Rest(_)
        | Lead::Lambda
        | Lead::Refused(_) => refuse(world, lead, request, why.into()),
    }
}

/// Answers a request that is not let in, in the form of the service that was asked.
pub(super) fn refuse(
    world: &Arc<World>,
    lead: &Lead,
    request: &Request<Body>,
    error: ApiError,
) -> Response<Body> {
    match lead {
        Lead::Rest(services) => rest::refuse_as(world, services[0], error),
        Lead::Query(api) => {
            let error = if error.code == Code::ServiceUnavailable {
                query::QueryError::unavailable(error.message)
            } else {
                query::QueryError::denied(error.message)
            };
            query::refuse(world, *api, &error)
        }
        Lead::S3 => {
            let denied = matches!(error.code, Code::AccessDenied | Code::Forbidden);
            let code = if denied {
                "AccessDenied"
            } else if error.code == Code::ServiceUnavailable {
                "SlowDown"
            } else {
                "InvalidRequest"
            };
            let status = error.code.status(super::model::Service::Iot);
            s3_error(world, status, code, &error.message)
        }
        Lead::Admin | Lead::Credentials(_) | Lead::Page | Lead::Lambda | Lead::Refused(_) => {
            rest::refuse(world, request, error)
        }
    }
}

/// In the words of S3's list of error codes.
fn refuse_s3(world: &World, why: &SignatureError) -> Response<Body> {
    let (status, code, message) = match why {
        SignatureError::Unsigned => (StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        SignatureError::UnknownKey => (
            StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        SignatureError::TokenExpired => (
            StatusCode::BAD_REQUEST,
            "ExpiredToken",
            "The provided token has expired.",
        ),
        SignatureError::Incomplete(_) => {
            let code = "AuthorizationHeaderMalformed";
            return s3_error(world, StatusCode::BAD_REQUEST, code, &why.to_string());
        }
        SignatureError::Expired { .. } | SignatureError::NotYet { .. } => (
            StatusCode::FORBIDDEN,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        SignatureError::Chunks(_) => {
            let status = StatusCode::BAD_REQUEST;
            return s3_error(world, status, "IncompleteBody", &why.to_string());
        }
        SignatureError::Region(_) | SignatureError::Mismatch => (
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. \
             Check your key and signing method.",
        ),
    };
    s3_error(world, status, code, message)
}

fn s3_error(
    world: &World,
    status: StatusCode,
    code: &'static str,
    message: &str,
) -> Response<Body> {
    world.metrics.api_request("s3", status.as_u16());
    s3::refusal(status, code, message)
}
