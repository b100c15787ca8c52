//! When a failed request is sent again: exponential backoff with full jitter (AWS Architecture
//! Blog, "Exponential backoff and jitter").

use rand::Rng;
use std::time::Duration;

/// How often and how fast a request is repeated. AWS says only that it "may make multiple
/// attempts on intermittent errors".
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// The longest pause before the second attempt; doubles with every further one.
    pub pause: Duration,
    /// The longest pause at all.
    pub pause_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts_max: 4,
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(5),
        }
    }
}

impl Retry {
    /// The pause after the `attempt`th failure (from 1), or none when it was the last. A pause is
    /// drawn from its upper half, so that a target that restarts is not asked at once.
    pub fn pause_after(&self, attempt: u32, chance: &mut impl Rng) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doubled = self
            .pause
            .saturating_mul(1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let longest = doubled.min(self.pause_max);
        Some(longest.mul_f64(chance.random_range(0.5..=1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// The longest pause after an attempt in milliseconds.
    fn check(attempt: u32, expected: Option<u64>) {
        let retry = Retry {
            attempts_max: 70,
            ..Retry::default()
        };
        let mut chance = StdRng::seed_from_u64(u64::from(attempt));
        for _ in 0..100 {
            let pause = retry.pause_after(attempt, &mut chance);
            assert_eq!(pause.is_some(), expected.is_some(), "{attempt}");
            if let (Some(pause), Some(longest)) = (pause, expected.map(Duration::from_millis)) {
                assert!(
                    pause <= longest && pause >= longest / 2,
                    "{attempt}: {pause:?}"
                );
            }
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_last_attempt() {
        check(1, Some(100));
        check(2, Some(200));
        check(3, Some(400));
        check(7, Some(5000));
        check(40, Some(5000));
        check(69, Some(5000));
        check(70, None);
        check(71, None);
    }
}
