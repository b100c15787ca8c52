//! When messages of a paced load are due. The schedule is fixed beforehand: a broker that falls
//! behind does not slow it down, and the wait shows in the latencies (no coordinated omission).

/// The schedule of a run: message k of all is due at `start + k * interval`, and the publishers
/// take turns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start_ns: u64,
    interval_ns: f64,
    publishers: u64,
    /// The first message that is not due yet.
    next: u64,
}

impl Pace {
    pub(crate) fn new(start_ns: u64, per_second: f64, publishers: usize) -> Self {
        Pace {
            start_ns,
            interval_ns: 1e9 / per_second,
            publishers: publishers as u64,
            next: 0,
        }
    }

    fn at_ns(&self, message: u64) -> u64 {
        self.start_ns + (message as f64 * self.interval_ns) as u64
    }

    /// When a publisher's nth message is due.
    pub(crate) fn due_ns(&self, publisher: usize, nth: u64) -> u64 {
        self.at_ns(nth * self.publishers + publisher as u64)
    }

    /// When the next message falls due.
    pub(crate) fn next_ns(&self) -> u64 {
        self.at_ns(self.next)
    }

    /// The publisher of the next message that has fallen due.
    pub(crate) fn next_due(&mut self, now_ns: u64) -> Option<usize> {
        if self.next_ns() > now_ns {
            return None;
        }
        self.next += 1;
        Some(((self.next - 1) % self.publishers) as usize)
    }

    /// Messages that have fallen due so far.
    pub(crate) fn due(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_take_turns_on_schedule() {
        let mut pace = Pace::new(1_000, 1e9 / 10.0, 3);
        assert_eq!(pace.next_due(999), None);
        let due: Vec<usize> = std::iter::from_fn(|| pace.next_due(1_040)).collect();
        assert_eq!(due, [0, 1, 2, 0, 1]);
        assert_eq!((pace.next_ns(), pace.due()), (1_050, 5));
        assert_eq!((pace.due_ns(0, 0), pace.due_ns(1, 1)), (1_000, 1_040));
    }
}
