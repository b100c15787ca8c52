//! A bound on log lines: a client that sends nothing but bad packets must not fill the disk.
//!
//! Lines are counted by the place in the source that writes them, and by whom they are about, in
//! windows of ten seconds. What is beyond the limits is left out, and a line says how much that was.
//! Metrics count all of it. Below `info` everything is written: somebody wants to see it.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

const WINDOW: Duration = Duration::from_secs(10);

/// Lines of one kind in a window: about one client or address, and about all of them.
struct Limits {
    each: u32,
    all: u32,
}

impl Limits {
    fn of(level: Level) -> Option<Self> {
        match level {
            Level::ERROR | Level::WARN => Some(Self { each: 20, all: 200 }),
            // What each client is told to do a few times is worth a line each time.
            Level::INFO => Some(Self {
                each: u32::MAX,
                all: 2000,
            }),
            _ => None,
        }
    }
}

/// The layer that keeps events beyond the limits from being written.
#[derive(Debug)]
pub(super) struct FloodGate(Mutex<Floods>);

impl FloodGate {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Floods::new(Instant::now())))
    }
}

impl<S: Subscriber> Layer<S> for FloodGate {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let Some(limits) = Limits::of(*metadata.level()) else {
            return true;
        };
        let mut about = About::default();
        event.record(&mut about);
        let (admitted, left_out) =
            self.0
                .lock()
                .admit(Instant::now(), metadata.callsite(), &limits, about);
        // The lock is free: these lines come through here as well.
        for (line, count) in left_out {
            tracing::warn!(count, line, "log lines were left out");
        }
        admitted
    }
}

/// What a line is about.
#[derive(Debug, Default)]
struct About {
    /// A hash of the client or address, if it names one.
    who: Option<u64>,
    message: String,
}

impl Visit for About {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Cannot fail: it is written to a string.
        let _ = write!(text, "{value:?}");
        match field.name() {
            "message" => self.message = text,
            "client_id" => self.who = Some(hash(&text)),
            // Without the port, which is another one each time.
            "address" if self.who.is_none() => {
                let address = text.rsplit_once(':').map_or(&*text, |(address, _)| address);
                self.who = Some(hash(address));
            }
            _ => {}
        }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The lines of the current window.
#[derive(Debug)]
struct Floods {
    began: Instant,
    kinds: HashMap<Identifier, Kind>,
}

/// Lines from one place.
#[derive(Debug)]
struct Kind {
    line: String,
    admitted: u32,
    left_out: u64,
    /// By whom they are about; as long as `admitted` at most.
    each: HashMap<u64, u32>,
}

impl Floods {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            kinds: HashMap::new(),
        }
    }

    /// Whether a line is written, and what the window that ended with it left out.
    fn admit(
        &mut self,
        now: Instant,
        place: Identifier,
        limits: &Limits,
        about: About,
    ) -> (bool, Vec<(String, u64)>) {
        let mut left_out = Vec::new();
        if now.duration_since(self.began) >= WINDOW {
            self.began = now;
            let ended = std::mem::take(&mut self.kinds).into_values();
            let flooded = ended.filter(|kind| kind.left_out > 0);
            left_out.extend(flooded.map(|kind| (kind.line, kind.left_out)));
        }
        let kind = self.kinds.entry(place).or_insert_with(|| Kind {
            line: about.message,
            admitted: 0,
            left_out: 0,
            each: HashMap::new(),
        });
        let admitted = kind.admits(limits, about.who);
        (admitted, left_out)
    }
}

impl Kind {
    fn admits(&mut self, limits: &Limits, who: Option<u64>) -> bool {
        let before = who
            .and_then(|who| self.each.get(&who))
            .copied()
            .unwrap_or(0);
        if self.admitted >= limits.all || before >= limits.each {
            self.left_out += 1;
            return false;
        }
        self.admitted += 1;
        if let Some(who) = who {
            self.each.insert(who, before + 1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tracing_subscriber::layer::SubscriberExt;

    /// A place in the source; each has one of its own.
    macro_rules! place {
        () => {{
            let callsite = tracing::callsite!(
                name: "test",
                kind: tracing::metadata::Kind::EVENT,
                fields: message
            );
            tracing::callsite::Identifier(callsite)
        }};
    }

    fn about(who: u64, message: &str) -> About {
        About {
            who: Some(who),
            message: message.to_owned(),
        }
    }

    #[test]
    fn each_has_its_share_and_all_have_a_limit() {
        let (began, place, other) = (Instant::now(), place!(), place!());
        let mut floods = Floods::new(began);
        let limits = Limits { each: 3, all: 8 };
        let mut admitted = |who: u64, count: u32| {
            let lines =
                (0..count).map(|_| floods.admit(began, place.clone(), &limits, about(who, "bad")));
            lines.filter(|(admitted, _)| *admitted).count()
        };
        assert_eq!([1, 2, 3, 4].map(|who| admitted(who, 5)), [3, 3, 2, 0]);
        assert!(
            floods
                .admit(began, other.clone(), &limits, about(4, "other"))
                .0
        );
        let later = began + WINDOW;
        let (admitted, left_out) = floods.admit(later, other, &limits, about(4, "other"));
        assert!(admitted);
        assert_eq!(left_out, [("bad".to_owned(), 12)]);
        let (admitted, left_out) = floods.admit(later, place, &limits, about(1, "bad"));
        assert_eq!((admitted, left_out), (true, Vec::new()));
    }

    /// Counts what comes behind the gate.
    #[derive(Debug, Default)]
    struct Count(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Count {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().push(*event.metadata().level());
        }
    }

    #[test]
    fn a_flood_of_warnings_is_cut_and_details_are_not() {
        let seen = Arc::<Mutex<Vec<Level>>>::default();
        let subscriber = tracing_subscriber::registry()
            .with(Count(Arc::clone(&seen)))
            .with(FloodGate::new());
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..100 {
                let address = format!("127.0.0.1:{number}");
                tracing::warn!(client_id = ?"one", "packet refused");
                tracing::warn!(%address, "not a CONNECT");
                tracing::warn!(client_id = number, "packet refused");
                tracing::debug!(client_id = ?"one", "packet");
            }
        });
        let seen = seen.lock();
        let count = |level: Level| seen.iter().filter(|seen| **seen == level).count();
        // One client and one address by 20 each, a hundred clients by their one line.
        assert_eq!(count(Level::WARN), 20 + 20 + 100);
        assert_eq!(count(Level::DEBUG), 100);
    }
}
