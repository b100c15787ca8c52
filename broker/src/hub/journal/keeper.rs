//! The rows of one session.

use super::Journal;
use super::document::SessionDocument;
use super::form;
use crate::hub::group::Group;
use crate::hub::session::{Session, State};
use crate::hub::subscribers::Subscriber;
use mqtt::session::Outbound;
use std::borrow::Cow;
use std::sync::Arc;
use things::{Row, Table};

/// Keeps one session on disk. Rows bear the session's number, not its client id: those of a
/// session that ends cannot be mistaken for those of the next one.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Keeper {
    journal: Arc<Journal>,
    session: u64,
}

impl Keeper {
    /// For the session of that number.
    pub(in crate::hub) fn new(journal: &Arc<Journal>, session: u64) -> Self {
        Self {
            journal: Arc::clone(journal),
            session,
        }
    }

    /// Writes what the session is, subscriptions and queue apart.
    pub(in crate::hub) fn record(&self, session: &Session, state: &State) {
        match SessionDocument::of(session, state).to_bytes() {
            Ok(bytes) => {
                let key = self.session.to_be_bytes();
                let row = Row::put(Table::Sessions, key, bytes.len(), || bytes);
                self.journal.change([row]);
            }
            Err(error) => tracing::error!(%error, "a session cannot be kept"),
        }
    }

    /// The session is over: its document and its subscriptions go.
    pub(in crate::hub) fn end<'a>(&self, filters: impl Iterator<Item = Cow<'a, str>>) {
        let document = Row::remove(Table::Sessions, self.session.to_be_bytes());
        let filters = filters.map(|filter| self.without(&filter));
        self.journal.change([document].into_iter().chain(filters));
    }

    /// The session subscribes to a filter, `$share/...` included.
    pub(in crate::hub) fn subscribe(&self, filter: &str, subscriber: &Subscriber) {
        let options = form::subscription(subscriber);
        let key = self.subscription_key(filter);
        let row = Row::put(Table::Subscriptions, key, options.len(), || options);
        self.journal.store(row);
    }

    /// The session has unsubscribed from a filter.
    pub(in crate::hub) fn unsubscribe(&self, filter: &str) {
        self.journal.store(self.without(filter));
    }

    fn without(&self, filter: &str) -> Row {
        Row::remove(Table::Subscriptions, self.subscription_key(filter))
    }

    fn subscription_key(&self, filter: &str) -> Vec<u8> {
        [&self.session.to_be_bytes(), filter.as_bytes()].concat()
    }

    fn queue_key(&self, number: u64) -> [u8; 16] {
        (u128::from(self.session) << 64 | u128::from(number)).to_be_bytes()
    }

    /// Numbers a delivery that is about to be owed; the row is written once it is.
    pub(in crate::hub) fn enter(&self, outbound: &mut Outbound<Arc<Group>>) -> Row {
        let number = self.journal.next_number();
        outbound.stored = Some(number);
        let bytes = form::message_bytes(&outbound.message);
        let outbound = outbound.clone();
        let make = move || form::owed(&outbound);
        Row::put(Table::Queues, self.queue_key(number), bytes, make)
    }

    /// The delivery is owed.
    pub(in crate::hub) fn store(&self, row: Row) {
        self.journal.store(row);
    }

    /// Deliveries are owed no longer.
    pub(in crate::hub) fn release(&self, numbers: impl IntoIterator<Item = u64>) {
        let remove = |number| Row::remove(Table::Queues, self.queue_key(number));
        self.journal.change(numbers.into_iter().map(remove));
    }
}
