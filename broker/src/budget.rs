//! The bound over everything that the server keeps in memory for somebody: output that waits for
//! sockets, messages in flight and in queues, retained ones, wills, packets that are not whole yet,
//! and the requests and answers of HTTP.
//!
//! Each of these has a bound of its own, but there may be enough of them to take all memory. Counted
//! are buffers, when one grows or is given back, and payloads, when a message is first kept and when
//! nobody keeps it any more: a delivery costs nothing. What happens:
//!
//! | held | what is done |
//! |---|---|
//! | three quarters | receivers that are slow lose QoS 0 sooner, those that stand still are ended, and idle buffers are given back |
//! | everything | new sessions, messages above QoS 0, retained ones, large packets, requests and answers are refused |
//!
//! HTTP may hold one half, so that clients of MQTT go on when those of HTTP have used it up.
//! A client that has a session already is let in at any time: it takes what is kept for it.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A buffer of fewer bytes is not counted; the number of connections bounds those.
pub(crate) const BUFFER_BYTES_COUNTED: usize = 4096;

/// Memory that a message takes beside its payload and properties.
const MESSAGE_BYTES: usize = 192;

/// How many bytes are held, and how many may be.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
    /// What of `bytes` HTTP holds.
    http_bytes: AtomicUsize,
    refused: [AtomicU64; CLAIMS.len()],
    /// What of `refused` is in the log.
    told: Mutex<[u64; CLAIMS.len()]>,
}

/// The budget as the metrics show it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// Bytes that are held.
    pub(crate) bytes: usize,
    /// Bytes that may be held.
    pub(crate) bytes_max: usize,
    /// What of `bytes` requests and answers of HTTP hold.
    pub(crate) http_bytes: usize,
    /// How often something was refused, by the name of what it was.
    pub(crate) refused: Vec<(&'static str, u64)>,
}

/// What somebody wants memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A CONNECT that would begin a session.
    Session,
    /// A message above QoS 0.
    Publish,
    /// A retained message.
    Retained,
    /// A packet that is not small and not whole.
    Packet,
    /// The head or the body of an HTTP request that is not small.
    Request,
    /// An answer of HTTP that is large.
    Answer,
}

impl Claim {
    fn is_of_http(self) -> bool {
        match self {
            Claim::Request | Claim::Answer => true,
            Claim::Session | Claim::Publish | Claim::Retained | Claim::Packet => false,
        }
    }
}

/// The names that claims have in metrics and in the log, in order.
const CLAIMS: [&str; 6] = [
    "session", "publish", "retained", "packet", "request", "answer",
];

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            bytes: AtomicUsize::new(0),
            http_bytes: AtomicUsize::new(0),
            refused: Default::default(),
            told: Mutex::default(),
        })
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether memory is short.
    pub(crate) fn is_tight(&self) -> bool {
        self.bytes() >= self.bytes_max / 4 * 3
    }

    /// Whether there is none left.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes() >= self.bytes_max
    }

    /// Whether there is no memory for something; that is counted.
    pub(crate) fn refuses(&self, claim: Claim) -> bool {
        let http_full = || self.http_bytes.load(Ordering::Relaxed) >= self.bytes_max / 2;
        let full = self.is_full() || (claim.is_of_http() && http_full());
        if full {
            self.refused[claim as usize].fetch_add(1, Ordering::Relaxed);
        }
        full
    }

    /// What the metrics show.
    pub(crate) fn report(&self) -> Buffers {
        Buffers {
            bytes: self.bytes(),
            bytes_max: self.bytes_max,
            http_bytes: self.http_bytes.load(Ordering::Relaxed),
            refused: CLAIMS.into_iter().zip(self.refused()).collect(),
        }
    }

    fn refused(&self) -> [u64; CLAIMS.len()] {
        std::array::from_fn(|claim| self.refused[claim].load(Ordering::Relaxed))
    }

    /// Logs what was refused since the last call: once a second says enough.
    pub(crate) fn log(&self) {
        let counts = self.refused();
        let told = std::mem::replace(&mut *self.told.lock(), counts);
        if counts == told {
            return;
        }
        let [session, publish, retained, packet, request, answer] =
            std::array::from_fn(|claim| counts[claim] - told[claim]);
        let (bytes, bytes_max) = (self.bytes(), self.bytes_max);
        tracing::warn!(
            bytes,
            bytes_max,
            session,
            publish,
            retained,
            packet,
            request,
            answer,
            "refused, as the memory for clients is used up: see --buffer-memory"
        );
    }

    /// Counts a payload, and `beside` bytes more of its message, until its last copy is dropped.
    pub(crate) fn keep<P>(self: &Arc<Self>, payload: P, beside: usize) -> Bytes
    where
        P: AsRef<[u8]> + Send + 'static,
    {
        let mut held = Held::new(self);
        held.set(payload.as_ref().len() + beside + MESSAGE_BYTES);
        held.with(payload)
    }
}

/// What one owner holds of a budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
    /// Whether it is of HTTP's half.
    of_http: bool,
}

impl Held {
    /// Nothing yet.
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
            of_http: false,
        }
    }

    /// Nothing yet, for requests and answers of HTTP.
    pub(crate) fn of_http(budget: &Arc<Budget>) -> Self {
        let mut held = Self::new(budget);
        held.of_http = true;
        held
    }

    /// The budget that this is of.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A buffer that has a capacity of so many bytes now.
    pub(crate) fn buffer(&mut self, capacity: usize) {
        let counts = capacity >= BUFFER_BYTES_COUNTED;
        self.set(if counts { capacity } else { 0 });
    }

    /// Whether it is large enough to be counted.
    pub(crate) fn is_counted(&self) -> bool {
        self.bytes > 0
    }

    /// Makes bytes of a payload that are held until their last copy is dropped.
    pub(crate) fn with<P>(self, payload: P) -> Bytes
    where
        P: AsRef<[u8]> + Send + 'static,
    {
        Bytes::from_owner(Kept {
            payload,
            _held: self,
        })
    }

    fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        self.count_in(&self.budget.bytes, bytes);
        if self.of_http {
            self.count_in(&self.budget.http_bytes, bytes);
        }
        self.bytes = bytes;
    }

    fn count_in(&self, held: &AtomicUsize, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(more) => held.fetch_add(more, Ordering::Relaxed),
            None => held.fetch_sub(self.bytes - bytes, Ordering::Relaxed),
        };
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A payload that is counted.
struct Kept<P> {
    payload: P,
    _held: Held,
}

impl<P: AsRef<[u8]>> AsRef<[u8]> for Kept<P> {
    fn as_ref(&self) -> &[u8] {
        self.payload.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_held_no_longer() {
        let budget = Budget::new(100_000);
        let mut buffer = Held::new(&budget);
        buffer.buffer(BUFFER_BYTES_COUNTED - 1);
        assert_eq!(budget.bytes(), 0);
        for bytes in [20_000, 50_000, 8_000] {
            buffer.buffer(bytes);
            assert_eq!(budget.bytes(), bytes);
        }
        let payload = budget.keep(vec![7; 1000], 50);
        let copy = payload.slice(10..);
        assert_eq!((&copy[..2], copy.len()), (&[7, 7][..], 990));
        assert_eq!(budget.bytes(), 8_000 + 1050 + MESSAGE_BYTES);
        drop((payload, buffer));
        assert_eq!(budget.bytes(), 1050 + MESSAGE_BYTES);
        drop(copy);
        assert_eq!(budget.bytes(), 0);
    }

    #[test]
    fn everything_is_refused_from_the_last_byte_on() {
        let budget = Budget::new(100_000);
        let mut buffer = Held::new(&budget);
        for (bytes, tight, full) in [
            (74_999, false, false),
            (75_000, true, false),
            (99_999, true, false),
            (100_000, true, true),
            (5_000, false, false),
        ] {
            buffer.buffer(bytes);
            let met = (budget.is_tight(), budget.refuses(Claim::Retained));
            assert_eq!(met, (tight, full), "{bytes}");
        }
        let Buffers {
            bytes,
            bytes_max,
            http_bytes,
            refused,
        } = budget.report();
        assert_eq!((bytes, bytes_max, http_bytes), (5_000, 100_000, 0));
        let expected = [
            ("session", 0),
            ("publish", 0),
            ("retained", 1),
            ("packet", 0),
            ("request", 0),
            ("answer", 0),
        ];
        assert_eq!(refused, expected);
    }

    #[test]
    fn http_has_one_half() {
        let budget = Budget::new(100_000);
        let (mut http, mut other) = (Held::of_http(&budget), Held::new(&budget));
        for (http_bytes, other_bytes, request, packet) in [
            (49_999, 0, false, false),
            (50_000, 0, true, false),
            (10_000, 89_999, false, false),
            (10_000, 90_000, true, true),
        ] {
            http.buffer(http_bytes);
            other.buffer(other_bytes);
            let met = (
                budget.refuses(Claim::Request),
                budget.refuses(Claim::Packet),
            );
            assert_eq!(met, (request, packet), "{http_bytes} {other_bytes}");
            assert_eq!(budget.report().http_bytes, http_bytes);
        }
        let body = http.with(vec![0; 10_000]);
        drop(other);
        assert_eq!(
            (budget.bytes(), budget.report().http_bytes),
            (10_000, 10_000)
        );
        drop(body);
        assert_eq!((budget.bytes(), budget.report().http_bytes), (0, 0));
    }
}
