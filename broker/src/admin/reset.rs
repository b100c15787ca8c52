//! `/_thingcore/reset`: back to a server that was just started, but for its CAs and its clock.

use super::response::{json, refused};
use crate::world::World;
use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// Empties everything, or says what would not be emptied.
pub(super) async fn reset(world: &Arc<World>) -> Response<Body> {
    let world = Arc::clone(world);
    // It waits for disks.
    let done = tokio::task::spawn_blocking(move || empty(&world)).await;
    match done {
        Ok(Ok(())) => {
            tracing::info!("everything was emptied");
            json(StatusCode::OK, &json!({}))
        }
        Ok(Err(why)) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
    }
}

/// Rules go before what they write to.
fn empty(world: &World) -> Result<(), String> {
    world.things.reset().map_err(|why| why.to_string())?;
    world.hub.reset();
    world.functions.reset().map_err(|why| why.to_string())?;
    world.s3.reset().map_err(|why| why.to_string())?;
    world.delivery.records().clear();
    world.feed.clear();
    Ok(())
}
