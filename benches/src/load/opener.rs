//! Connecting many clients, a bounded number at a time.

use crate::net::{LinkId, Net, NetError};

/// Connections to be made, in order.
pub(crate) struct Opener {
    next: LinkId,
    end: LinkId,
    under_way: usize,
    at_once: usize,
}

impl Opener {
    pub(crate) fn new(links: std::ops::Range<LinkId>, at_once: usize) -> Self {
        Opener {
            next: links.start,
            end: links.end,
            under_way: 0,
            at_once: at_once.max(1),
        }
    }

    /// Begins as many connections as are allowed at a time.
    pub(crate) fn advance(&mut self, net: &mut Net) -> Result<(), NetError> {
        while self.under_way < self.at_once && self.next < self.end {
            net.open(self.next)?;
            self.next += 1;
            self.under_way += 1;
        }
        Ok(())
    }

    /// One of the connections is ready for use.
    pub(crate) fn arrived(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}
