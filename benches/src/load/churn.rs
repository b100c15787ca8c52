//! A client that subscribes and unsubscribes without a pause while others publish.

use super::client::ClientSettings;
use crate::measure::Histogram;
use crate::wire::{WireError, put_subscribe, put_unsubscribe};
use std::ops::Range;

/// Filters that come and go, each as soon as the broker has answered to the change before.
pub(crate) struct Churn {
    filters: Vec<Filter>,
    /// From each request to its answer.
    pub(crate) latency: Histogram,
    /// Changes that the broker has answered to in the measured time.
    pub(crate) changes: u64,
}

struct Filter {
    text: String,
    subscribed: bool,
    asked_ns: u64,
}

impl Churn {
    pub(super) fn new(filters: &[String]) -> Self {
        let filter = |text: &String| Filter {
            text: text.clone(),
            subscribed: false,
            asked_ns: 0,
        };
        Churn {
            filters: filters.iter().map(filter).collect(),
            latency: Histogram::default(),
            changes: 0,
        }
    }

    /// Appends the first request for every filter.
    pub(super) fn begin(
        &mut self,
        out: &mut Vec<u8>,
        client: &ClientSettings,
        now_ns: u64,
    ) -> Result<(), WireError> {
        (1..=self.filters.len() as u16)
            .try_for_each(|packet_id| self.put(out, client, packet_id, now_ns))
    }

    /// Appends the next request for the filter that has this packet id.
    pub(super) fn put(
        &mut self,
        out: &mut Vec<u8>,
        client: &ClientSettings,
        packet_id: u16,
        now_ns: u64,
    ) -> Result<(), WireError> {
        let Some(filter) = self.filters.get_mut(usize::from(packet_id).wrapping_sub(1)) else {
            return Ok(());
        };
        filter.asked_ns = now_ns;
        if filter.subscribed {
            put_unsubscribe(out, client.version, packet_id, &filter.text)
        } else {
            let filters = std::slice::from_ref(&filter.text);
            put_subscribe(out, client.version, packet_id, filters, client.qos)
        }
    }

    /// The broker has answered.
    pub(super) fn done(&mut self, packet_id: u16, now_ns: u64, measured_ns: &Range<u64>) {
        let filter = self.filters.get_mut(usize::from(packet_id).wrapping_sub(1));
        if let Some(filter) = filter {
            filter.subscribed = !filter.subscribed;
            if measured_ns.contains(&now_ns) {
                self.changes += 1;
                self.latency.add(now_ns - filter.asked_ns);
            }
        }
    }
}
