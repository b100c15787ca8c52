//! Batches: messages of one rule and address that are sent as one request. The message that opens
//! a batch sees to its sending; the others wait for how it ends.

use super::error_action::{BatchOfEvents, Failure};
use super::event::Event;
use super::execute::Run;
use super::send::Sent;
use super::start::{Outgoing, Pending};
use crate::actions::{BatchForm, Batching};
use crate::target::{AwsRequest, SendFailure};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Batches that are open.
#[derive(Default)]
pub(super) struct Batches(Mutex<HashMap<Key, Open>>);

/// What messages of a batch have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    rule: Arc<str>,
    url: String,
    topic: Option<Arc<str>>,
}

struct Open {
    bodies: Vec<Bytes>,
    /// What they count for together.
    weight: usize,
    events: Vec<Arc<Event>>,
    bytes: usize,
    /// Of the message that came last.
    request: AwsRequest,
    waiting: Vec<oneshot::Sender<Sent>>,
    /// Takes it to the message that opened it, once it is full. Used with the batches locked.
    full: Option<oneshot::Sender<Open>>,
}

/// What a message is in its batch.
enum Place {
    First(oneshot::Receiver<Open>),
    Later(oneshot::Receiver<Sent>),
}

impl Run {
    pub(super) async fn send_in_batch(
        &self,
        pending: Pending,
        request: AwsRequest,
        batching: Batching,
    ) -> Option<Failure> {
        let key = Key {
            rule: Arc::clone(self.runner.rule.name()),
            url: pending.route.url.clone(),
            topic: (!batching.across_topics).then(|| Arc::clone(&self.event.topic)),
        };
        match self.enter(&key, request, batching) {
            Place::Later(ends) => {
                let sent = ends.await.unwrap_or_else(|_| Sent {
                    result: Err(SendFailure::permanent("the batch was given up".to_owned())),
                    attempts: 0,
                });
                // The error action runs once, for the message that opened the batch.
                self.sent(pending, sent);
                None
            }
            Place::First(mut full) => {
                let open = match tokio::time::timeout(batching.open, &mut full).await {
                    Ok(Ok(open)) => open,
                    Ok(Err(_)) | Err(_) => {
                        let mut batches = self.shared().batches.0.lock();
                        let filled = full.try_recv().ok();
                        filled.or_else(|| batches.remove(&key))?
                    }
                };
                let request = Outgoing::Request(Box::new(AwsRequest {
                    body: together(batching.form, &open.bodies),
                    ..open.request
                }));
                let sent = self.deliver(&pending.route, &request, None).await;
                for waiting in open.waiting {
                    let sent = Sent {
                        result: sent.result.clone(),
                        attempts: sent.attempts,
                    };
                    // Who has been stopped needs no answer.
                    let _ = waiting.send(sent);
                }
                let failure = self.sent(pending, sent)?;
                Some(Failure {
                    batch: Some(BatchOfEvents {
                        events: open.events,
                        across_topics: batching.across_topics,
                    }),
                    ..failure
                })
            }
        }
    }

    /// Puts a message into the open batch, or opens one.
    fn enter(&self, key: &Key, request: AwsRequest, batching: Batching) -> Place {
        let mut batches = self.shared().batches.0.lock();
        let body = request.body.clone();
        if let Some(open) = batches.get_mut(key) {
            open.bytes += body.len() + 1;
            open.bodies.push(body);
            open.events.push(Arc::clone(&self.event));
            open.weight += batching.weight;
            open.request = request;
            let (ended, ends) = oneshot::channel();
            open.waiting.push(ended);
            if open.weight >= batching.messages || open.bytes >= batching.bytes {
                close(&mut batches, key);
            }
            return Place::Later(ends);
        }
        let (filled, full) = oneshot::channel();
        let open = Open {
            bytes: body.len() + 2,
            bodies: vec![body],
            weight: batching.weight,
            events: vec![Arc::clone(&self.event)],
            request,
            waiting: Vec::new(),
            full: Some(filled),
        };
        let is_full = open.weight >= batching.messages || open.bytes >= batching.bytes;
        batches.insert(key.clone(), open);
        if is_full {
            close(&mut batches, key);
        }
        Place::First(full)
    }
}

/// Gives a batch to the message that opened it; the next one opens another.
fn close(batches: &mut HashMap<Key, Open>, key: &Key) {
    if let Some(mut open) = batches.remove(key)
        && let Some(full) = open.full.take()
    {
        // It has been stopped if it does not want it.
        let _ = full.send(open);
    }
}

/// The body of a batch.
fn together(form: BatchForm, bodies: &[Bytes]) -> Bytes {
    match form {
        BatchForm::Array => [b"[", &*bodies.join(&b","[..]), b"]"].concat().into(),
        BatchForm::Lines => bodies.join(&b"\n"[..]).into(),
    }
}
