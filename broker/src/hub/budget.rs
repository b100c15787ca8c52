//! The bound over everything that the message core keeps in memory for somebody: output that waits
//! for sockets, messages in flight and in queues, retained ones, wills, and packets that are not
//! whole yet.
//!
//! Each of these has a bound of its own, but there may be enough of them to take all memory. Counted
//! are buffers, when one grows or is given back, and payloads, when a message is first kept and when
//! nobody keeps it any more: a delivery costs nothing. What happens:
//!
//! | held | what is done |
//! |---|---|
//! | three quarters | receivers that are slow lose QoS 0 sooner, those that stand still are ended, and idle buffers are given back |
//! | everything | new sessions, messages above QoS 0, retained ones and large packets are refused |
//!
//! A client that has a session already is let in at any time: it takes what is kept for it.

use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A buffer of fewer bytes is not counted; the number of connections bounds those.
pub(super) const BUFFER_BYTES_COUNTED: usize = 4096;

/// Memory that a message takes beside its payload and properties.
const MESSAGE_BYTES: usize = 192;

/// How many bytes are held, and how many may be.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
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
    /// How often something was refused, by the name of what it was.
    pub(crate) refused: Vec<(&'static str, u64)>,
}

/// What somebody wants memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// A CONNECT that would begin a session.
    Session,
    /// A message above QoS 0.
    Publish,
    /// A retained message.
    Retained,
    /// A packet that is not small and not whole.
    Packet,
}

/// The names that claims have in metrics and in the log, in order.
const CLAIMS: [&str; 4] = ["session", "publish", "retained", "packet"];

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            bytes: AtomicUsize::new(0),
            refused: Default::default(),
            told: Mutex::default(),
        })
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether memory is short.
    pub(super) fn is_tight(&self) -> bool {
        self.bytes() >= self.bytes_max / 4 * 3
    }

    /// Whether there is none left.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.bytes_max
    }

    /// Whether there is no memory for something; that is counted.
    pub(super) fn refuses(&self, claim: Claim) -> bool {
        let full = self.is_full();
        if full {
            self.refused[claim as usize].fetch_add(1, Ordering::Relaxed);
        }
        full
    }

    /// What the metrics show.
    pub(super) fn report(&self) -> Buffers {
        Buffers {
            bytes: self.bytes(),
            bytes_max: self.bytes_max,
            refused: CLAIMS.into_iter().zip(self.refused()).collect(),
        }
    }

    fn refused(&self) -> [u64; CLAIMS.len()] {
        std::array::from_fn(|claim| self.refused[claim].load(Ordering::Relaxed))
    }

    /// Logs what was refused since the last call: once a second says enough.
    pub(super) fn log(&self) {
        let counts = self.refused();
        let told = std::mem::replace(&mut *self.told.lock(), counts);
        if counts == told {
            return;
        }
        let [session, publish, retained, packet] =
            std::array::from_fn(|claim| counts[claim] - told[claim]);
        let (bytes, bytes_max) = (self.bytes(), self.bytes_max);
        tracing::warn!(
            bytes,
            bytes_max,
            session,
            publish,
            retained,
            packet,
            "refused, as the memory for messages is used up: see --buffer-memory"
        );
    }

    /// Counts a payload, and `beside` bytes more of its message, until its last copy is dropped.
    pub(super) fn keep<P>(self: &Arc<Self>, payload: P, beside: usize) -> Bytes
    where
        P: AsRef<[u8]> + Send + 'static,
    {
        let mut held = Held::new(self);
        held.set(payload.as_ref().len() + beside + MESSAGE_BYTES);
        Bytes::from_owner(Kept {
            payload,
            _held: held,
        })
    }
}

/// What one owner holds of a budget; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Nothing yet.
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// The budget that this is of.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A buffer that has a capacity of so many bytes now.
    pub(super) fn buffer(&mut self, capacity: usize) {
        let counts = capacity >= BUFFER_BYTES_COUNTED;
        self.set(if counts { capacity } else { 0 });
    }

    fn set(&mut self, bytes: usize) {
        let held = &self.budget.bytes;
        match bytes.checked_sub(self.bytes) {
            Some(0) => return,
            Some(more) => held.fetch_add(more, Ordering::Relaxed),
            None => held.fetch_sub(self.bytes - bytes, Ordering::Relaxed),
        };
        self.bytes = bytes;
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
            refused,
        } = budget.report();
        assert_eq!((bytes, bytes_max), (5_000, 100_000));
        let expected = [
            ("session", 0),
            ("publish", 0),
            ("retained", 1),
            ("packet", 0),
        ];
        assert_eq!(refused, expected);
    }
}
