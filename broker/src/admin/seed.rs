//! `/_thingcore/seed` and `/_thingcore/export`.

use super::response::{json, refused};
use crate::seed;
use crate::world::World;
use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use std::sync::Arc;

/// Applies a seed, YAML or JSON.
pub(super) async fn apply(world: &Arc<World>, body: &Bytes) -> Response<Body> {
    let Ok(text) = String::from_utf8(body.to_vec()) else {
        return refused(StatusCode::BAD_REQUEST, "the seed must be UTF-8");
    };
    let world = Arc::clone(world);
    // It makes keys and waits for disks.
    match tokio::task::spawn_blocking(move || seed::apply(&world, &text)).await {
        Ok(Ok(answer)) => json(StatusCode::OK, &answer),
        Ok(Err(why)) => refused(StatusCode::BAD_REQUEST, &why.to_string()),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
    }
}

/// Gives a seed of what there is.
pub(super) async fn export(world: &Arc<World>) -> Response<Body> {
    let world = Arc::clone(world);
    match tokio::task::spawn_blocking(move || seed::export(&world)).await {
        Ok(Ok(seed)) => json(StatusCode::OK, &seed),
        Ok(Err(why)) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
    }
}
