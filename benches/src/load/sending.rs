//! How messages leave: as windows open, as the schedule says, and as the kernel takes them.

use super::flow::{Flow, IDLE};
use super::plan::DRAWN_LEVELS;
use crate::net::{Net, Wait};
use crate::wire::Stamp;
use rand::Rng;
use std::time::Duration;

/// Output of a publisher beyond which it waits.
const OUT_BYTES_MAX: usize = 256 * 1024;

/// A message that leaves later than this after it was due was kept back: by a full window, or
/// because this program had no CPU.
const LATE_NS: u64 = 1_000_000;

impl Flow<'_> {
    /// How long the next round may wait for events.
    pub(super) fn wait(&self) -> Wait {
        if self.ledger.has_freed() {
            return Wait::Coarse(Duration::ZERO);
        }
        match &self.pace {
            Some(pace) if self.sending => Wait::Until(pace.next_ns()),
            _ => Wait::Coarse(IDLE),
        }
    }

    /// Sends what can be sent.
    pub(super) fn send(&mut self, net: &mut Net, now_ns: u64) {
        if let Some(pace) = &mut self.pace
            && self.sending
        {
            while let Some(publisher) = pace.next_due(now_ns) {
                self.ledger.list(publisher);
            }
        }
        while let Some(publisher) = self.ledger.next_freed() {
            self.fill(net, publisher, now_ns);
        }
    }

    /// Sends what the window, the schedule and the output buffer allow.
    fn fill(&mut self, net: &mut Net, publisher: usize, now_ns: u64) {
        let link = self.link(publisher);
        while self.sending && self.ledger.is_open(publisher) {
            if net.unsent(link).is_none_or(|bytes| bytes > OUT_BYTES_MAX) {
                // `drained` comes back to it.
                return;
            }
            let Some(due_ns) = self.next_due_ns(publisher, now_ns) else {
                return;
            };
            self.late += u64::from(now_ns - due_ns > LATE_NS);
            self.publish(net, publisher, due_ns);
        }
    }

    /// When the publisher's next message is due, if it is by now.
    #[inline]
    pub(super) fn next_due_ns(&self, publisher: usize, now_ns: u64) -> Option<u64> {
        let sent = self.publishers[publisher].sent;
        match &self.pace {
            None => Some(now_ns),
            Some(pace) => Some(pace.due_ns(publisher, sent)).filter(|due_ns| *due_ns <= now_ns),
        }
    }

    #[inline]
    fn publish(&mut self, net: &mut Net, nth: usize, due_ns: u64) {
        let (sequence, packet_id) = self.ledger.publish(nth);
        let link = self.link(nth);
        let publisher = &mut self.publishers[nth];
        publisher.sent += 1;
        if let Some(dimension) = publisher.dimension {
            for level in 0..DRAWN_LEVELS {
                let number = self.rng.random_range(0..dimension);
                let digit = |power| b'0' + (number / power % 10) as u8;
                let text = [digit(100), digit(10), digit(1)];
                let at = publisher.levels_at + 4 * level;
                publisher.template.patch_topic(at, &text);
            }
        }
        let stamp = Stamp {
            due_ns,
            publisher: nth as u32,
            sequence,
        };
        publisher.template.put(net.out(link), packet_id, stamp);
    }
}
