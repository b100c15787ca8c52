//! `/_thingcore/messages`: what passes through the server, as it happens or afterwards.

use super::event::{concerns, shown};
use super::query::Query;
use super::response::{json, refused, with_type};
use crate::clock::Clock;
use crate::hub::{Tap, TapEvent};
use crate::world::World;
use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use hyper::body::Frame;
use mqtt::Profile;
use mqtt::topic::TopicFilter;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// Events in one answer unless the caller says how many.
const LIMIT_DEFAULT: usize = 100;

/// Most events in one answer.
const LIMIT_MAX: usize = 1000;

/// Lines that wait for a reader; one that is slower loses events, which it is told.
const LINES_WAITING: usize = 64;

/// `?filter=&follow=true` streams events as lines of JSON; without `follow`,
/// `?filter=&after=SEQ&limit=&wait=SECONDS` gives remembered ones, each with its `seq`, and
/// `next` to go on after. They are remembered from the first such request on.
pub(super) async fn answer(world: &Arc<World>, query: &Query) -> Response<Body> {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    if asked.follow {
        return follow(world.hub.tap(), asked.filter, Arc::clone(&world.clock));
    }
    let ring = world.feed.ring(&world.hub, &world.clock);
    let wanted = |event: &TapEvent| concerns(event, asked.filter.as_ref());
    let (after, limit) = (asked.after, asked.limit);
    let events = ring.wait(after, limit, wanted, asked.wait).await;
    let next = events.last().map_or(after, |entry| entry.seq);
    let events: Vec<Value> = events
        .iter()
        .map(|entry| {
            let mut shown = shown(&entry.event, entry.time_ms);
            shown["seq"] = entry.seq.into();
            shown
        })
        .collect();
    json(StatusCode::OK, &json!({"events": events, "next": next}))
}

struct Asked {
    filter: Option<TopicFilter>,
    follow: bool,
    after: u64,
    limit: usize,
    wait: std::time::Duration,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, String> {
        let filter = query
            .text("filter")
            .map(|text| TopicFilter::parse(text, &Profile::mqtt()))
            .transpose()
            .map_err(|why| format!("`filter` is not an MQTT topic filter: {why}"))?;
        let limit = query.value("limit")?.unwrap_or(LIMIT_DEFAULT);
        Ok(Asked {
            filter,
            follow: query.value("follow")?.unwrap_or(false),
            after: query.value("after")?.unwrap_or(0),
            limit: limit.clamp(1, LIMIT_MAX),
            wait: query.wait()?,
        })
    }
}

/// Streams events until the reader goes.
fn follow(events: Tap, filter: Option<TopicFilter>, clock: Arc<Clock>) -> Response<Body> {
    let (lines, reader) = mpsc::channel(LINES_WAITING);
    tokio::spawn(write_lines(events, filter, clock, lines));
    with_type(
        StatusCode::OK,
        "application/x-ndjson",
        Body::new(Lines(reader)),
    )
}

async fn write_lines(
    mut events: Tap,
    filter: Option<TopicFilter>,
    clock: Arc<Clock>,
    lines: mpsc::Sender<Bytes>,
) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = lines.closed() => return,
        };
        let shown = match event {
            Ok(event) if concerns(&event, filter.as_ref()) => shown(&event, clock.now_ms()),
            Ok(_) => continue,
            Err(RecvError::Lagged(count)) => json!({"type": "lost", "count": count}),
            Err(RecvError::Closed) => return,
        };
        if lines.send(format!("{shown}\n").into()).await.is_err() {
            return;
        }
    }
}

/// A body that grows by lines.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let line = self.0.poll_recv(context);
        line.map(|line| line.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Taps;
    use http_body_util::BodyExt;

    fn left(client_id: &str) -> TapEvent {
        TapEvent::Disconnected {
            client_id: client_id.into(),
            reason: "CONNECTION_LOST",
        }
    }

    #[tokio::test]
    async fn events_are_streamed_as_lines_and_losses_are_told() {
        let taps = Taps::new(2);
        let events = taps.tap();
        for client_id in ["a", "b", "c"] {
            taps.tell(|| left(client_id));
        }
        let response = follow(events, None, Arc::default());
        drop(taps);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], json!({"type": "lost", "count": 1}));
        assert_eq!(lines[1]["client_id"], "b");
        assert_eq!(lines[2]["client_id"], "c");
    }

    #[tokio::test]
    async fn the_stream_ends_with_its_reader() {
        let taps = Taps::new(2);
        drop(follow(taps.tap(), None, Arc::default()));
        tokio::task::yield_now().await;
        assert!(!taps.are_heard(), "nobody listens any more");
    }

    #[test]
    fn what_is_asked_is_read_or_refused() {
        let asked = Asked::read(&Query::read("filter=a%2F%23&follow=true&limit=5000")).unwrap();
        assert_eq!(asked.filter.unwrap().as_str(), "a/#");
        assert!(asked.follow);
        assert_eq!(asked.limit, LIMIT_MAX);
        for wrong in ["filter=a%23", "follow=maybe", "after=-1"] {
            assert!(Asked::read(&Query::read(wrong)).is_err(), "{wrong}");
        }
    }
}
