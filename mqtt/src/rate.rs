//! How often something may happen.

use std::time::Duration;

/// What may happen so often in a second: it fills evenly, up to one second's worth.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_s: u32,
    /// In thousandths; below nothing when more was taken than there was.
    level: i64,
    filled_ms: u64,
}

impl Bucket {
    /// A full one.
    pub fn new(per_s: u32, now_ms: u64) -> Self {
        Self {
            per_s,
            level: i64::from(per_s) * 1000,
            filled_ms: now_ms,
        }
    }

    fn fill(&mut self, now_ms: u64) {
        const LONG_MS: u64 = 3_600_000;
        let passed_ms = now_ms.saturating_sub(self.filled_ms).min(LONG_MS);
        let (per_s, passed_ms) = (i64::from(self.per_s), passed_ms.cast_signed());
        self.level = (self.level + passed_ms * per_s).min(per_s * 1000);
        self.filled_ms = now_ms;
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        let there = self.level >= 1000;
        if there {
            self.level -= 1000;
        }
        there
    }

    /// Takes so many, which may be more than there are: says how long it takes to make up for it.
    pub fn borrow(&mut self, count: usize, now_ms: u64) -> Duration {
        self.fill(now_ms);
        let wanted = i64::try_from(count)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        self.level = self.level.saturating_sub(wanted);
        let owed = self.level.min(0).unsigned_abs();
        Duration::from_millis(owed / u64::from(self.per_s.max(1)))
    }

    /// Milliseconds since something was taken, or asked for.
    pub fn unused_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.filled_ms)
    }
}
