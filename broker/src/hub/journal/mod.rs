//! What outlives the server: sessions and what they are owed, what waits for shared
//! subscriptions, retained messages. Each change goes to the store's writer under the lock that
//! guards the same thing in memory, so that rows are written in the order in which things happen;
//! answers to clients wait for the writer, never for a lock.

mod answer;
mod document;
mod form;
mod keeper;
mod restore;

pub(super) use keeper::{Exchange, Keeper};

use super::flush;
use super::group::Group;
use crate::clock::Clock;
use mqtt::Message;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use things::{Row, Rows, Table, Together};

thread_local! {
    /// Whether this thread has stored something since it last asked.
    static STORED: Cell<bool> = const { Cell::new(false) };
}

/// The hub's rows in the store.
#[derive(Debug)]
pub(super) struct Journal {
    rows: Arc<Rows>,
    clock: Arc<Clock>,
    /// Numbers for messages in queues, in the order in which they are sent.
    numbers: AtomicU64,
}

impl Journal {
    /// Flushes what was given out after each batch.
    pub(super) fn new(rows: &Arc<Rows>, clock: &Arc<Clock>) -> Arc<Self> {
        let now = Arc::clone(clock);
        rows.on_commit(move || flush::settle(now.now_ms()));
        Arc::new(Self {
            rows: Arc::clone(rows),
            clock: Arc::clone(clock),
            numbers: AtomicU64::new(1),
        })
    }

    /// Begins to watch whether this thread stores something.
    pub(super) fn watch(&self) {
        STORED.set(false);
    }

    /// What this thread stores while it holds this is on disk whole or not at all.
    pub(super) fn together(&self) -> Together<'_> {
        self.rows.together()
    }

    /// Has the next answer of this thread wait for what was stored before, by whomever.
    pub(super) fn touch(&self) {
        STORED.set(true);
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a row that somebody's answer waits for.
    fn store(&self, row: Row) {
        STORED.set(true);
        self.rows.write([row], None);
    }

    fn change(&self, rows: impl IntoIterator<Item = Row>) {
        self.rows.write(rows, None);
    }

    /// A topic's retained message was replaced, or cleared by an empty payload.
    pub(super) fn retain(&self, message: &Message, now_ms: u64) {
        let topic = message.topic.as_bytes();
        if message.payload.is_empty() {
            self.store(Row::remove(Table::Retained, topic));
            return;
        }
        let message = message.clone();
        let bytes = form::message_bytes(&message);
        self.store(Row::put(Table::Retained, topic, bytes, move || {
            form::retained(&message, now_ms)
        }));
    }

    /// Retained messages have gone.
    pub(super) fn forget_retained<'a>(&self, topics: impl IntoIterator<Item = &'a Arc<str>>) {
        let remove = |topic: &Arc<str>| Row::remove(Table::Retained, topic.as_bytes());
        self.change(topics.into_iter().map(remove));
    }

    /// The number of a message that is to wait for a member of a group, and its row.
    pub(super) fn enter_shared(&self, group: &Group, message: &Arc<Message>) -> (u64, Row) {
        let number = self.next_number();
        let (name, filter) = (Arc::clone(&group.name), group.filter.clone());
        let bytes = form::message_bytes(message);
        let message = Arc::clone(message);
        let make = move || form::shared(&name, filter.as_str(), &message);
        let row = Row::put(Table::Shared, number.to_be_bytes(), bytes, make);
        (number, row)
    }

    /// The message waits.
    pub(super) fn store_shared(&self, row: Row) {
        self.store(row);
    }

    /// Messages wait for a member of a group no longer.
    pub(super) fn release_shared(&self, numbers: impl IntoIterator<Item = u64>) {
        let remove = |number: u64| Row::remove(Table::Shared, number.to_be_bytes());
        self.change(numbers.into_iter().map(remove));
    }
}
