//! `/_thingcore/actions`: what rule actions did, or would have done.

use super::query::Query;
use super::response::{json, refused};
use crate::world::World;
use axum::body::Body;
use http::{Response, StatusCode};
use rules::delivery::RecordQuery;
use serde_json::json;

/// Records in one answer unless the caller says how many.
const LIMIT_DEFAULT: usize = 100;

/// Most records in one answer.
const LIMIT_MAX: usize = 1000;

/// `?rule=&action=&after=SEQ&limit=&wait=SECONDS`: the records that match, oldest first, waiting
/// for the first of them. `next` is what to pass as `after` to go on.
pub(super) async fn answer(world: &World, query: &Query) -> Response<Body> {
    let (asked, wait) = match (read(query), query.wait()) {
        (Ok(asked), Ok(wait)) => (asked, wait),
        (Err(why), _) | (_, Err(why)) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let records = world.delivery.records().wait(&asked, wait).await;
    let next = records.last().map_or(asked.after, |record| record.seq);
    let records: Vec<_> = records.iter().map(AsRef::as_ref).collect();
    json(StatusCode::OK, &json!({"records": records, "next": next}))
}

fn read(query: &Query) -> Result<RecordQuery, String> {
    Ok(RecordQuery {
        rule: query.text("rule").map(str::to_owned),
        action: query.text("action").map(str::to_owned),
        after: query.value("after")?.unwrap_or(0),
        limit: query
            .value("limit")?
            .unwrap_or(LIMIT_DEFAULT)
            .clamp(1, LIMIT_MAX),
    })
}
