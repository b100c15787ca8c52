//! `/_thingcore/messages`: what passes through the server, as it happens or afterwards.

use super::event::{concerns, shown};
use super::query::Query;
use super::response::{json, refused, with_type};
use crate::budget::{Budget, Claim, Held};
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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, mpsc};

/// Events in one answer unless the caller says how many.
const LIMIT_DEFAULT: usize = 100;

/// Most events in one answer.
const LIMIT_MAX: usize = 1000;

/// Lines that wait for a reader; one that is slower loses events, which it is told.
const LINES_WAITING: usize = 64;

/// Bytes of such lines beyond which no more are added.
const LINES_BYTES_WAITING: usize = 256 * 1024;

/// `?filter=&follow=true` streams events as lines of JSON; without `follow`,
/// `?filter=&after=SEQ&limit=&wait=SECONDS` gives remembered ones, each with its `seq`, and
/// `next` to go on after. They are remembered from the first such request on.
pub(super) async fn answer(world: &Arc<World>, query: &Query) -> Response<Body> {
    let asked = match Asked::read(query) {
        Ok(asked) => asked,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    if asked.follow {
        return follow(world.hub.tap(), asked.filter, &world.clock, &world.budget);
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
fn follow(
    events: Tap,
    filter: Option<TopicFilter>,
    clock: &Arc<Clock>,
    budget: &Arc<Budget>,
) -> Response<Body> {
    let (lines, reader) = mpsc::channel(LINES_WAITING);
    let follower = Follower {
        filter,
        clock: Arc::clone(clock),
        budget: Arc::clone(budget),
        lines,
        waiting: Arc::default(),
        lost: 0,
    };
    tokio::spawn(follower.follow(events));
    with_type(
        StatusCode::OK,
        "application/x-ndjson",
        Body::new(Lines(reader)),
    )
}

/// Writes lines for one reader. It never waits for him: events that it has not taken would be kept
/// for it, whatever their size.
struct Follower {
    filter: Option<TopicFilter>,
    clock: Arc<Clock>,
    budget: Arc<Budget>,
    lines: mpsc::Sender<Bytes>,
    waiting: Arc<Waiting>,
    /// Events that the reader has not been told he lost.
    lost: u64,
}

impl Follower {
    async fn follow(mut self, mut events: Tap) {
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = self.lines.closed() => return,
                () = self.waiting.less.notified(), if self.lost > 0 => {
                    self.tell_lost();
                    continue;
                }
            };
            match event {
                Ok(event) if concerns(&event, self.filter.as_ref()) => self.tell(&event),
                Ok(_) => {}
                Err(RecvError::Lagged(count)) => {
                    self.lost += count;
                    self.tell_lost();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn tell(&mut self, event: &TapEvent) {
        if self.lost > 0 && !self.tell_lost() {
            self.lost += 1;
            return;
        }
        let full = self.budget.refuses(Claim::Answer);
        if full || !self.line(|clock| shown(event, clock.now_ms())) {
            self.lost += 1;
        }
    }

    /// Says how much was lost, if there is room to.
    fn tell_lost(&mut self) -> bool {
        let count = self.lost;
        let told = self.line(|_| json!({"type": "lost", "count": count}));
        if told {
            self.lost = 0;
        }
        told
    }

    /// Adds a line unless too much waits, in which case it is not even made.
    fn line(&self, make: impl FnOnce(&Clock) -> Value) -> bool {
        let waiting = &self.waiting;
        if waiting.bytes.load(Ordering::Relaxed) > LINES_BYTES_WAITING {
            return false;
        }
        let Ok(place) = self.lines.try_reserve() else {
            return false;
        };
        let mut held = Held::of_http(&self.budget);
        let line = format!("{}\n", make(&self.clock));
        waiting.bytes.fetch_add(line.len(), Ordering::Relaxed);
        held.buffer(line.len());
        let waiting = Arc::clone(waiting);
        place.send(held.with(Line { line, waiting }));
        true
    }
}

/// Lines that have not been written to the socket.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    /// One of them was written.
    less: Notify,
}

/// A line until it has been written.
struct Line {
    line: String,
    waiting: Arc<Waiting>,
}

impl AsRef<[u8]> for Line {
    fn as_ref(&self) -> &[u8] {
        self.line.as_bytes()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { line, waiting } = self;
        waiting.bytes.fetch_sub(line.len(), Ordering::Relaxed);
        waiting.less.notify_one();
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
        let response = follow(events, None, &Arc::default(), &Budget::new(usize::MAX));
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
        let budget = Budget::new(usize::MAX);
        drop(follow(taps.tap(), None, &Arc::default(), &budget));
        tokio::task::yield_now().await;
        assert!(!taps.are_heard(), "nobody listens any more");
    }

    /// What waits for one reader is bounded, and nothing of the rest is kept for him elsewhere.
    #[tokio::test]
    async fn a_reader_that_does_not_read_loses_events_and_is_told_how_many() {
        let (taps, budget) = (Taps::new(8), Budget::new(usize::MAX));
        let response = follow(taps.tap(), None, &Arc::default(), &budget);
        let large = "x".repeat(LINES_BYTES_WAITING / 10);
        let told = 60;
        for _ in 0..told {
            taps.tell(|| left(&large));
            tokio::task::yield_now().await;
        }
        let held = budget.bytes();
        assert!(
            held > LINES_BYTES_WAITING && held < 2 * LINES_BYTES_WAITING,
            "{held}"
        );
        let mut body = response.into_body();
        let mut next = async || {
            let frame = body.frame().await.unwrap().unwrap();
            let line: Value = serde_json::from_slice(&frame.into_data().unwrap()).unwrap();
            tokio::task::yield_now().await;
            line
        };
        let mut seen = 0;
        let lost = loop {
            let line = next().await;
            match line["count"].as_u64() {
                Some(count) => break count,
                None => seen += 1,
            }
        };
        assert_eq!(seen + lost, told, "{seen} seen");
        taps.tell(|| left("b"));
        assert_eq!(next().await["client_id"], "b");
        assert_eq!(budget.bytes(), 0);
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
