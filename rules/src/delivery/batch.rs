//! Messages that waited at the same time. Their payloads lie in one buffer, and those of one
//! publisher on one topic share what they have in common: a message that no rule acts on costs no
//! allocation and no reference count.

use super::event::{Event, Mqtt5, Offer, Publisher};
use super::in_flight::Ticket;
use super::rule_set::RuleSet;
use super::view::View;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// A buffer above this size is not kept for the next batch.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Messages in the order in which they came; in flight until it is cleared.
#[derive(Default)]
pub(super) struct Batch {
    payloads: Vec<u8>,
    sources: Vec<Source>,
    messages: Vec<Waiting>,
    pub(super) ticket: Option<Ticket>,
}

/// What messages of one publisher on one topic have in common.
struct Source {
    publisher: Publisher,
    rules: RuleSet,
}

struct Waiting {
    source: usize,
    payload: Range<usize>,
    mqtt5: Option<Box<Mqtt5>>,
    received_ms: u64,
}

/// One message of a batch.
pub(super) struct Arrived<'a> {
    source: &'a Source,
    payload: &'a [u8],
    mqtt5: Option<&'a Mqtt5>,
    received_ms: u64,
    trace_id: Uuid,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.payloads.len()
    }

    pub(super) fn push(&mut self, offer: Offer<'_>, rules: &RuleSet) {
        let Offer {
            publisher,
            payload,
            mqtt5,
            received_ms,
        } = offer;
        let last = self.sources.last();
        if !last.is_some_and(|last| last.rules.is(rules) && last.publisher.is(&publisher)) {
            let rules = rules.clone();
            self.sources.push(Source { publisher, rules });
        }
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        self.messages.push(Waiting {
            source: self.sources.len() - 1,
            payload: start..self.payloads.len(),
            mqtt5,
            received_ms,
        });
    }

    /// Empties it, but keeps its memory.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.sources.clear();
        self.payloads.clear();
        if self.payloads.capacity() > KEPT_BYTES_MAX {
            self.payloads = Vec::new();
        }
        self.ticket = None;
    }

    /// The message at a place, which gets this trace id.
    pub(super) fn message(&self, place: usize, trace_id: Uuid) -> Arrived<'_> {
        let waiting = &self.messages[place];
        Arrived {
            source: &self.sources[waiting.source],
            payload: &self.payloads[waiting.payload.clone()],
            mqtt5: waiting.mqtt5.as_deref(),
            received_ms: waiting.received_ms,
            trace_id,
        }
    }
}

impl Arrived<'_> {
    pub(super) fn rules(&self) -> &RuleSet {
        &self.source.rules
    }

    pub(super) fn received_ms(&self) -> u64 {
        self.received_ms
    }

    pub(super) fn view(&self) -> View<'_> {
        let rules = &self.source.rules;
        View {
            topic: rules.topic().map_or("", |topic| topic),
            payload: self.payload,
            publisher: &self.source.publisher,
            mqtt5: self.mqtt5,
            trace_id: self.trace_id,
            basic_ingest_rule: rules.basic_ingest_rule().map(|rule| &**rule),
        }
    }

    /// The message for those who keep it.
    pub(super) fn to_event(&self) -> Arc<Event> {
        let rules = &self.source.rules;
        Arc::new(Event {
            topic: rules.topic().cloned().unwrap_or_else(|| "".into()),
            payload: Bytes::copy_from_slice(self.payload),
            publisher: self.source.publisher.clone(),
            mqtt5: self.mqtt5.cloned().map(Box::new),
            trace_id: self.trace_id,
            received_ms: self.received_ms,
            basic_ingest_rule: rules.basic_ingest_rule().cloned(),
        })
    }
}
