//! The server's clock: the system's time plus what `/_thingcore/clock` advanced it by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The only source of time inside the server, so that expiry can be tested without waiting.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    advanced_ms: AtomicU64,
    /// Time passes only by being advanced.
    #[cfg(test)]
    stands: bool,
}

impl Clock {
    /// A clock that stands at `now_ms` until it is advanced.
    #[cfg(test)]
    pub(crate) fn standing(now_ms: u64) -> Self {
        Self {
            advanced_ms: AtomicU64::new(now_ms),
            stands: true,
        }
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        #[cfg(test)]
        if self.stands {
            return self.advanced_ms.load(Ordering::Relaxed);
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let system = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        system.saturating_add(self.advanced_ms.load(Ordering::Relaxed))
    }

    /// Moves the clock forward; it never goes back.
    pub(crate) fn advance_ms(&self, by_ms: u64) {
        self.advanced_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}
