//! A record of every action that ran: what tests, the console and `/_thingcore/actions` read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done; `status` is the HTTP status, absent for republish.
    Success {
        /// The HTTP status.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// There is no endpoint for the service: the invocation is kept here and goes nowhere.
    Recorded,
    /// The role does not allow it; nothing was sent.
    Denied {
        /// Why.
        reason: String,
    },
    /// It failed for good.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What an action sent, or would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentRequest {
    /// The HTTP method; `PUBLISH` for republish.
    pub method: String,
    /// The address; the topic for republish.
    pub url: String,
    /// The headers of the operation, without credentials; MQTT properties for republish.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(flatten, serialize_with = "body")]
    pub body: Bytes,
}

/// One action invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it ended, milliseconds since the epoch.
    pub time_ms: u64,
    /// The rule.
    pub rule: Arc<str>,
    /// The kind of action, as its key in the API (`s3`).
    pub action: &'static str,
    /// Whether it is the rule's error action.
    pub error_action: bool,
    /// The message's topic.
    pub topic: Arc<str>,
    /// The publisher's client id.
    pub client_id: Option<Arc<str>>,
    /// Identifies the message.
    #[serde(serialize_with = "text")]
    pub trace_id: Uuid,
    /// What the action was given: the SELECT result, or the failures for an error action.
    #[serde(flatten, serialize_with = "input")]
    pub input: Bytes,
    /// What it sent; `None` when it failed before that.
    pub request: Option<SentRequest>,
    /// How often it was sent.
    pub attempts: u32,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

fn text<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn input<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    payload(["input", "input_text", "input_base64"], bytes, serializer)
}

fn body<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    payload(["body", "body_text", "body_base64"], bytes, serializer)
}

/// JSON as it is, other text as text, other bytes in base64.
fn payload<S: Serializer>(
    names: [&str; 3],
    bytes: &Bytes,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    if let Ok(json) = serde_json::from_slice::<&serde_json::value::RawValue>(bytes) {
        map.serialize_entry(names[0], json)?;
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        map.serialize_entry(names[1], text)?;
    } else {
        map.serialize_entry(names[2], &BASE64.encode(bytes))?;
    }
    map.end()
}

/// Which records somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of this kind of action.
    pub action: Option<String>,
    /// Only those with a greater `seq`.
    pub after: u64,
    /// At most so many; the oldest of those that match.
    pub limit: usize,
}

impl RecordQuery {
    fn matches(&self, record: &Record) -> bool {
        let is = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|w| w == got);
        record.seq > self.after && is(&self.rule, &record.rule) && is(&self.action, record.action)
    }
}

#[derive(Debug, Default)]
struct Ring {
    seq: u64,
    /// What the records hold.
    bytes: usize,
    records: VecDeque<Arc<Record>>,
}

impl Ring {
    fn push(&mut self, record: Arc<Record>) {
        self.bytes += record.bytes();
        self.records.push_back(record);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.records.pop_front() {
            self.bytes -= oldest.bytes();
        }
    }
}

impl Record {
    /// About what it takes in memory; what input and request share is counted twice.
    fn bytes(&self) -> usize {
        let request = self.request.as_ref().map_or(0, |request| {
            let headers = request.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            request.url.len() + headers + request.body.len()
        });
        let reason = match &self.outcome {
            Outcome::Success { .. } | Outcome::Recorded => 0,
            Outcome::Denied { reason } | Outcome::Failed { reason } => reason.len(),
        };
        size_of::<Self>() + self.input.len() + request + reason
    }
}

/// The newest records.
#[derive(Debug)]
pub struct Records {
    capacity: usize,
    bytes_max: usize,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

impl Records {
    /// Keeps the newest `capacity` records, as far as they have at most `bytes_max` bytes
    /// together.
    #[must_use]
    pub fn new(capacity: usize, bytes_max: usize) -> Self {
        Self {
            capacity,
            bytes_max,
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Appends a record; its `seq` is given here.
    pub(super) fn push(&self, mut record: Record) -> Arc<Record> {
        let record = {
            let mut ring = self.ring.lock();
            ring.seq += 1;
            record.seq = ring.seq;
            let record = Arc::new(record);
            ring.push(Arc::clone(&record));
            while ring.records.len() > self.capacity
                || (ring.bytes > self.bytes_max && ring.records.len() > 1)
            {
                ring.forget_oldest();
            }
            record
        };
        self.newest.send_replace(record.seq);
        record
    }

    /// The records that match, oldest first.
    #[must_use]
    pub fn page(&self, query: &RecordQuery) -> Vec<Arc<Record>> {
        let ring = self.ring.lock();
        let matching = ring.records.iter().filter(|record| query.matches(record));
        matching.take(query.limit).cloned().collect()
    }

    /// The newest records of a rule, newest first.
    #[must_use]
    pub fn newest(&self, rule: &str, limit: usize) -> Vec<Arc<Record>> {
        let ring = self.ring.lock();
        let of_rule = ring.records.iter().rev().filter(|r| *r.rule == *rule);
        of_rule.take(limit).cloned().collect()
    }

    /// The records that match, waiting for the first of them at most `patience`.
    pub async fn wait(&self, query: &RecordQuery, patience: Duration) -> Vec<Arc<Record>> {
        let mut newest = self.newest.subscribe();
        let found = async {
            loop {
                newest.borrow_and_update();
                let page = self.page(query);
                // The sender lives in self, so `changed` cannot fail here.
                if !page.is_empty() || newest.changed().await.is_err() {
                    return page;
                }
            }
        };
        tokio::time::timeout(patience, found)
            .await
            .unwrap_or_default()
    }

    /// Forgets all records; numbers go on.
    pub fn clear(&self) {
        let mut ring = self.ring.lock();
        ring.records.clear();
        ring.bytes = 0;
    }
}
