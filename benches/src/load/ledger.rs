//! The account of every message: which deliveries of it are due, which have come, and which have
//! come twice, late or not at all. A message takes a slot of its publisher's window until all
//! that is due for it is in, so nothing is in flight without bound.

use serde::Serialize;
use std::ops::Range;

/// What is due for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accounting {
    /// Every subscriber gets every message of every publisher, in order.
    Every,
    /// Subscriber n gets every message of publisher n, in order.
    Paired,
    /// One subscriber of each class gets the message, whichever.
    Once { classes: u32 },
}

/// Sums over a run; a message that nobody got is lost, not forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) published: u64,
    pub(crate) due: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    /// Deliveries to a subscriber that did not ask for them.
    pub(crate) astray: u64,
    /// Messages that the broker acknowledged with a reason of 0x80 and more.
    pub(crate) refused: u64,
}

/// The account of a run.
pub(crate) struct Ledger {
    accounting: Accounting,
    due: u32,
    acknowledged: bool,
    windows: Vec<Window>,
    /// The class of each subscriber.
    classes: Vec<u32>,
    /// What each subscriber has got from each publisher that it hears.
    streams: Vec<Stream>,
    streams_each: usize,
    open: u64,
    totals: Totals,
    /// Publishers whose window has opened, each once.
    freed: Vec<usize>,
}

struct Window {
    /// A power of two of them, so that a sequence number finds its slot without a division.
    slots: Vec<Slot>,
    /// How many of them may be open.
    size: usize,
    open: usize,
    next: u32,
    listed: bool,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    sequence: u32,
    /// Deliveries and acknowledgements that have not come.
    open: u32,
    /// Of [`Accounting::Once`]: the classes that have not had it. `ACK` for the acknowledgement.
    waiting: u32,
}

const ACK: u32 = 1 << 31;

/// What one subscriber has got from one publisher.
#[derive(Default)]
struct Stream {
    /// The sequence number that comes next.
    next: u32,
    /// Those below it that have been left out.
    missing: Vec<Range<u32>>,
}

/// Gaps that are remembered for a stream. What was in older ones counts as a duplicate if it
/// comes after all.
const GAPS_MAX: usize = 256;

impl Ledger {
    /// `classes` has the class of each subscriber.
    pub(crate) fn new(
        accounting: Accounting,
        due: u32,
        acknowledged: bool,
        publishers: usize,
        window: usize,
        classes: &[u32],
    ) -> Self {
        let streams_each = match accounting {
            Accounting::Paired => 1,
            Accounting::Every | Accounting::Once { .. } => publishers,
        };
        let window = |_| Window {
            slots: vec![Slot::default(); window.next_power_of_two()],
            size: window,
            open: 0,
            next: 0,
            listed: true,
        };
        let streams = classes.len() * streams_each;
        Ledger {
            accounting,
            due,
            acknowledged,
            windows: (0..publishers).map(window).collect(),
            classes: classes.to_vec(),
            streams: (0..streams).map(|_| Stream::default()).collect(),
            streams_each,
            open: 0,
            totals: Totals::default(),
            freed: (0..publishers).collect(),
        }
    }

    /// Makes a window no larger than the broker takes.
    pub(crate) fn limit_window(&mut self, publisher: usize, slots_max: u16) {
        let window = &mut self.windows[publisher];
        window.size = window.size.min(usize::from(slots_max).max(1));
    }

    #[inline]
    pub(crate) fn is_open(&self, publisher: usize) -> bool {
        let window = &self.windows[publisher];
        window.open < window.size && window.slots[window.at(window.next)].open == 0
    }

    /// Messages of which something is still due.
    pub(crate) fn in_flight(&self) -> u64 {
        self.open
    }

    pub(crate) fn published(&self) -> u64 {
        self.totals.published
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.totals.delivered
    }

    /// Takes a slot for the next message of a publisher: its sequence number and packet id.
    #[inline]
    pub(crate) fn publish(&mut self, publisher: usize) -> (u32, u16) {
        let window = &mut self.windows[publisher];
        let sequence = window.next;
        let at = window.at(sequence);
        let classes = match self.accounting {
            Accounting::Once { classes } => (1 << classes) - 1,
            Accounting::Every | Accounting::Paired => 0,
        };
        window.slots[at] = Slot {
            sequence,
            open: self.due + u32::from(self.acknowledged),
            waiting: classes | if self.acknowledged { ACK } else { 0 },
        };
        window.open += 1;
        window.next = sequence.wrapping_add(1);
        self.open += 1;
        self.totals.published += 1;
        (sequence, at as u16 + 1)
    }

    /// Ticks off a delivery. True if it was due.
    #[inline]
    pub(crate) fn deliver(&mut self, subscriber: usize, publisher: usize, sequence: u32) -> bool {
        let Some(window) = self.windows.get(publisher) else {
            self.totals.astray += 1;
            return false;
        };
        if sequence >= window.next {
            self.totals.astray += 1;
            return false;
        }
        match self.accounting {
            Accounting::Every => self.deliver_in_stream(subscriber, publisher, publisher, sequence),
            Accounting::Paired if subscriber == publisher => {
                self.deliver_in_stream(subscriber, publisher, 0, sequence)
            }
            Accounting::Paired => {
                self.totals.astray += 1;
                false
            }
            Accounting::Once { .. } => self.deliver_once(subscriber, publisher, sequence),
        }
    }

    #[inline]
    fn deliver_in_stream(
        &mut self,
        subscriber: usize,
        publisher: usize,
        stream: usize,
        sequence: u32,
    ) -> bool {
        let stream = &mut self.streams[subscriber * self.streams_each + stream];
        if sequence >= stream.next {
            let gap = stream.next..sequence;
            stream.next = sequence + 1;
            if !gap.is_empty() {
                stream.leave_out(gap.clone());
                // A broker keeps order, so what is left out will not come: its slots are free.
                for missed in gap {
                    self.settle(publisher, missed);
                }
            }
            self.settle(publisher, sequence);
        } else if stream.make_up(sequence) {
            self.totals.out_of_order += 1;
        } else {
            self.totals.duplicates += 1;
            return false;
        }
        self.totals.delivered += 1;
        true
    }

    #[inline]
    fn deliver_once(&mut self, subscriber: usize, publisher: usize, sequence: u32) -> bool {
        let window = &mut self.windows[publisher];
        let at = window.at(sequence);
        let slot = &mut window.slots[at];
        let class = 1 << self.classes[subscriber];
        if slot.sequence != sequence || slot.waiting & class == 0 {
            self.totals.duplicates += 1;
            return false;
        }
        slot.waiting &= !class;
        let stream = &mut self.streams[subscriber * self.streams_each + publisher];
        if sequence < stream.next {
            self.totals.out_of_order += 1;
        } else {
            stream.next = sequence + 1;
        }
        self.totals.delivered += 1;
        self.settle(publisher, sequence);
        true
    }

    /// Ticks off an acknowledgement.
    #[inline]
    pub(crate) fn acknowledge(&mut self, publisher: usize, packet_id: u16, refused: bool) {
        let at = usize::from(packet_id).wrapping_sub(1);
        let slot = self.windows[publisher].slots.get_mut(at);
        match slot.filter(|slot| slot.waiting & ACK != 0) {
            None => self.totals.astray += 1,
            Some(slot) => {
                slot.waiting &= !ACK;
                let sequence = slot.sequence;
                self.totals.refused += u64::from(refused);
                self.settle(publisher, sequence);
            }
        }
    }

    #[inline]
    fn settle(&mut self, publisher: usize, sequence: u32) {
        let window = &mut self.windows[publisher];
        let at = window.at(sequence);
        let slot = &mut window.slots[at];
        if slot.sequence != sequence || slot.open == 0 {
            return;
        }
        slot.open -= 1;
        if slot.open == 0 {
            window.open -= 1;
            self.open -= 1;
            if !window.listed {
                window.listed = true;
                self.freed.push(publisher);
            }
        }
    }

    /// Puts a publisher on the list of those that can go on.
    pub(crate) fn list(&mut self, publisher: usize) {
        let window = &mut self.windows[publisher];
        if !window.listed {
            window.listed = true;
            self.freed.push(publisher);
        }
    }

    pub(crate) fn has_freed(&self) -> bool {
        !self.freed.is_empty()
    }

    /// The next publisher whose window has opened.
    pub(crate) fn next_freed(&mut self) -> Option<usize> {
        let publisher = self.freed.pop()?;
        self.windows[publisher].listed = false;
        Some(publisher)
    }

    /// Waits no longer for anything that is in flight.
    pub(crate) fn write_off(&mut self) {
        for publisher in 0..self.windows.len() {
            let window = &mut self.windows[publisher];
            for slot in &mut window.slots {
                slot.open = 0;
                slot.waiting = 0;
            }
            window.open = 0;
            self.list(publisher);
        }
        self.open = 0;
    }

    /// The sums so far; what is still in flight counts as lost.
    pub(crate) fn totals(&self) -> Totals {
        let due = self.totals.published * u64::from(self.due);
        Totals {
            due,
            lost: due.saturating_sub(self.totals.delivered),
            ..self.totals
        }
    }
}

impl Window {
    /// The slot of a message.
    #[inline]
    fn at(&self, sequence: u32) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }
}

impl Stream {
    fn leave_out(&mut self, gap: Range<u32>) {
        if self.missing.len() == GAPS_MAX {
            self.missing.remove(0);
        }
        self.missing.push(gap);
    }

    /// Takes a number out of the gaps. False if it is in none.
    fn make_up(&mut self, sequence: u32) -> bool {
        let found = self.missing.iter().position(|gap| gap.contains(&sequence));
        let Some(at) = found else {
            return false;
        };
        let gap = self.missing.remove(at);
        let around = [gap.start..sequence, sequence + 1..gap.end];
        self.missing
            .extend(around.into_iter().filter(|part| !part.is_empty()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a ledger, in order.
    enum Step {
        Publish(usize),
        /// Subscriber, publisher, sequence number, and whether it was due.
        Deliver(usize, usize, u32, bool),
        Ack(usize, u16),
        Refuse(usize, u16),
        WriteOff,
    }
    use Step::{Ack, Deliver, Publish, Refuse, WriteOff};

    /// A ledger of two publishers with a window of two, and two subscribers.
    fn check(
        accounting: Accounting,
        due: u32,
        acknowledged: bool,
        steps: &[Step],
        in_flight: u64,
        expected: Totals,
    ) {
        let classes = [0, 1];
        let mut ledger = Ledger::new(accounting, due, acknowledged, 2, 2, &classes);
        for step in steps {
            match *step {
                Publish(publisher) => {
                    assert!(ledger.is_open(publisher));
                    ledger.publish(publisher);
                }
                Deliver(subscriber, publisher, sequence, was_due) => {
                    assert_eq!(ledger.deliver(subscriber, publisher, sequence), was_due);
                }
                Ack(publisher, packet_id) => ledger.acknowledge(publisher, packet_id, false),
                Refuse(publisher, packet_id) => ledger.acknowledge(publisher, packet_id, true),
                WriteOff => ledger.write_off(),
            }
        }
        assert_eq!(ledger.totals(), expected);
        assert_eq!(ledger.in_flight(), in_flight);
    }

    fn totals(published: u64, due: u64, delivered: u64) -> Totals {
        Totals {
            published,
            due,
            delivered,
            lost: due - delivered,
            ..Totals::default()
        }
    }

    #[test]
    fn a_message_to_all_is_done_when_all_have_it() {
        let steps = [Publish(0), Deliver(0, 0, 0, true)];
        check(Accounting::Every, 2, false, &steps, 1, totals(1, 2, 1));
        let steps = [Publish(0), Deliver(0, 0, 0, true), Deliver(1, 0, 0, true)];
        check(Accounting::Every, 2, false, &steps, 0, totals(1, 2, 2));
    }

    #[test]
    fn a_duplicate_for_one_does_not_hide_a_loss_of_another() {
        let steps = [Publish(0), Deliver(0, 0, 0, true), Deliver(0, 0, 0, false)];
        let expected = Totals {
            duplicates: 1,
            ..totals(1, 2, 1)
        };
        check(Accounting::Every, 2, false, &steps, 1, expected);
    }

    #[test]
    fn a_gap_is_lost_at_once_and_out_of_order_if_it_comes_after_all() {
        let gap = [
            Publish(1),
            Publish(1),
            Deliver(0, 1, 1, true),
            Deliver(1, 1, 0, true),
            Deliver(1, 1, 1, true),
        ];
        check(Accounting::Every, 2, false, &gap, 0, totals(2, 4, 3));
        let made_up = [
            Publish(1),
            Publish(1),
            Deliver(0, 1, 1, true),
            Deliver(0, 1, 0, true),
            Deliver(0, 1, 0, false),
        ];
        let expected = Totals {
            out_of_order: 1,
            duplicates: 1,
            ..totals(2, 4, 2)
        };
        check(Accounting::Every, 2, false, &made_up, 2, expected);
    }

    #[test]
    fn pairs_hear_their_own_publisher_only() {
        let steps = [Publish(0), Deliver(1, 0, 0, false), Deliver(0, 0, 0, true)];
        let expected = Totals {
            astray: 1,
            ..totals(1, 1, 1)
        };
        check(Accounting::Paired, 1, false, &steps, 0, expected);
    }

    #[test]
    fn one_of_each_class_gets_a_message() {
        let once = Accounting::Once { classes: 2 };
        let steps = [Publish(0), Deliver(0, 0, 0, true), Deliver(0, 0, 0, false)];
        let expected = Totals {
            duplicates: 1,
            ..totals(1, 2, 1)
        };
        check(once, 2, false, &steps, 1, expected);
        let steps = [Publish(0), Deliver(0, 0, 0, true), Deliver(1, 0, 0, true)];
        check(once, 2, false, &steps, 0, totals(1, 2, 2));
    }

    #[test]
    fn what_was_never_sent_is_astray() {
        let steps = [
            Publish(0),
            Deliver(0, 0, 1, false),
            Deliver(0, 7, 0, false),
            Ack(0, 1),
        ];
        let expected = Totals {
            astray: 3,
            ..totals(1, 2, 0)
        };
        check(Accounting::Every, 2, false, &steps, 1, expected);
    }

    #[test]
    fn the_acknowledgement_is_due_as_well() {
        let steps = [Publish(0), Deliver(0, 0, 0, true)];
        check(Accounting::Paired, 1, true, &steps, 1, totals(1, 1, 1));
        let steps = [Publish(0), Deliver(0, 0, 0, true), Ack(0, 1)];
        check(Accounting::Paired, 1, true, &steps, 0, totals(1, 1, 1));
        let steps = [Publish(0), Refuse(0, 1), Deliver(0, 0, 0, true), Ack(0, 1)];
        let expected = Totals {
            refused: 1,
            astray: 1,
            ..totals(1, 1, 1)
        };
        check(Accounting::Paired, 1, true, &steps, 0, expected);
    }

    #[test]
    fn what_is_written_off_stays_lost_and_frees_the_window() {
        let steps = [
            Publish(0),
            Publish(0),
            WriteOff,
            Publish(0),
            Deliver(0, 0, 2, true),
        ];
        check(Accounting::Paired, 1, false, &steps, 0, totals(3, 3, 1));
    }

    #[test]
    fn publishers_are_listed_once_when_their_window_opens() {
        let mut ledger = Ledger::new(Accounting::Paired, 1, false, 2, 1, &[0, 0]);
        while ledger.next_freed().is_some() {}
        ledger.publish(1);
        assert!(!ledger.is_open(1) && !ledger.has_freed());
        ledger.deliver(1, 1, 0);
        ledger.list(1);
        assert_eq!((ledger.next_freed(), ledger.next_freed()), (Some(1), None));
        ledger.limit_window(0, 0);
        assert!(ledger.is_open(0));
    }
}
