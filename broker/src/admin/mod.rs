//! `/_thingcore/`: health, metrics, what passes and what rules did, local functions, the clock,
//! the root CA, and a way to empty everything between tests. On the API port alone.

mod actions;
mod event;
mod feed;
mod messages;
mod query;
mod reset;
mod response;
mod rules;
mod seed;
mod sql;

pub(crate) use feed::Feed;

use self::query::Query;
use self::response::{json, refused, text};
use crate::api::{ApiError, Service, has_foreign_origin};
use crate::body;
use crate::world::World;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Largest body of an admin request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How far the clock may be moved at once: a hundred years.
const ADVANCE_MS_MAX: u64 = 100 * 366 * 24 * 3600 * 1000;

/// Answers one admin request.
pub(crate) async fn answer(world: &Arc<World>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if has_foreign_origin(&parts.headers) {
        return refused(
            StatusCode::FORBIDDEN,
            "pages of another origin may not use the admin paths",
        );
    }
    let body = match body::read(body, BODY_BYTES_MAX, &world.budget).await {
        Ok(body) => body.kept(),
        Err(why) => {
            let why = ApiError::from(why);
            return refused(why.code.status(Service::Iot), &why.message);
        }
    };
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let rest = path.strip_prefix("/_thingcore").unwrap_or(&path);
    let query = Query::read(parts.uri.query().unwrap_or_default());
    let response = match (&parts.method, rest.trim_end_matches('/')) {
        (&Method::GET, "/health") => json(
            StatusCode::OK,
            &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}),
        ),
        (&Method::GET, "/metrics") => text(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            world
                .metrics
                .text(world.delivery.counters(), &world.budget.report()),
        ),
        (&Method::GET, "/ca") => text("application/x-pem-file", world.things.root_ca_pem()),
        (&Method::GET, "/clock") => clock(world),
        (&Method::POST, "/clock") => advance(world, &body),
        (&Method::POST, "/reset") => reset::reset(world).await,
        (&Method::POST, "/seed") => seed::apply(world, &body).await,
        (&Method::GET, "/export") => seed::export(world).await,
        (&Method::GET, "/messages") => messages::answer(world, &query).await,
        (&Method::GET, "/actions") => actions::answer(world, &query).await,
        (&Method::POST, "/sql/test") => sql::test(&body),
        (&Method::GET, "/sql/functions") => sql::list(),
        (&Method::GET, "/rules") => rules::list(world),
        (&Method::GET, below) if below.starts_with("/rules/") => {
            rules::one(world, &below["/rules/".len()..], &query)
        }
        (method, below) => match below.strip_prefix("/functions") {
            Some(rest) => {
                let query = parts.uri.query().unwrap_or_default();
                world.functions.administer(method, rest, query, &body)
            }
            None => unknown(method, below),
        },
    };
    tracing::debug!(method = %parts.method, ?path, status = response.status().as_u16(), "admin request");
    response
}

fn unknown(method: &Method, path: &str) -> Response<Body> {
    let why = format!(
        "there is no {method} /_thingcore{path}; there are GET /health, /metrics, /ca, /clock, \
         /messages, /actions, /rules, /sql/functions, /functions, /export and POST /clock, \
         /reset, /seed, /sql/test, /functions"
    );
    refused(StatusCode::NOT_FOUND, &why)
}

fn clock(world: &World) -> Response<Body> {
    json(StatusCode::OK, &json!({"now_ms": world.clock.now_ms()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

/// Moves the clock, and lets what is due then happen before it answers.
fn advance(world: &World, body: &Bytes) -> Response<Body> {
    let advance: Advance = match serde_json::from_slice(body) {
        Ok(advance) => advance,
        Err(why) => {
            let why = format!("the body must be {{\"advance_ms\": MILLISECONDS}}: {why}");
            return refused(StatusCode::BAD_REQUEST, &why);
        }
    };
    if advance.advance_ms > ADVANCE_MS_MAX {
        let why = format!("`advance_ms` must be at most {ADVANCE_MS_MAX}");
        return refused(StatusCode::BAD_REQUEST, &why);
    }
    world.clock.advance_ms(advance.advance_ms);
    world.hub.tick();
    clock(world)
}
