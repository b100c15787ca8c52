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

/// What a row of [`Table::Exchanges`] says besides its key.
const EXCHANGE_FORM: u8 = 1;

/// One QoS 2 exchange of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Exchange {
    /// The client's PUBLISH was received; its PUBREL is awaited.
    Received(u16),
    /// The client has the message; its PUBCOMP is awaited.
    Released(u16),
}

impl Exchange {
    fn key(self, session: u64) -> Vec<u8> {
        let (direction, id) = match self {
            Exchange::Received(id) => (0, id),
            Exchange::Released(id) => (1, id),
        };
        [&session.to_be_bytes()[..], &[direction], &id.to_be_bytes()].concat()
    }

    /// The exchange behind the session's number in a key.
    pub(super) fn parse(rest: &[u8]) -> Option<Self> {
        match *rest {
            [0, high, low] => Some(Exchange::Received(u16::from_be_bytes([high, low]))),
            [1, high, low] => Some(Exchange::Released(u16::from_be_bytes([high, low]))),
            _ => None,
        }
    }
}

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

    /// The session is over: its document, its subscriptions and its exchanges go.
    pub(in crate::hub) fn end<'a>(
        &self,
        filters: impl Iterator<Item = Cow<'a, str>>,
        exchanges: impl Iterator<Item = Exchange>,
    ) {
        let document = Row::remove(Table::Sessions, self.session.to_be_bytes());
        let filters = filters.map(|filter| self.without(&filter));
        let exchanges = exchanges.map(|exchange| self.without_exchange(exchange));
        let all = [document].into_iter().chain(filters).chain(exchanges);
        self.journal.change(all);
    }

    /// A QoS 2 exchange has come to where its packet id must be remembered.
    pub(in crate::hub) fn begin(&self, exchange: Exchange) {
        let key = exchange.key(self.session);
        let row = Row::put(Table::Exchanges, key, 1, || vec![EXCHANGE_FORM]);
        self.journal.store(row);
    }

    /// It is complete.
    pub(in crate::hub) fn complete(&self, exchange: Exchange) {
        self.journal.store(self.without_exchange(exchange));
    }

    fn without_exchange(&self, exchange: Exchange) -> Row {
        Row::remove(Table::Exchanges, exchange.key(self.session))
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

    /// Sends what waits for the disk in a session's output once it is there, up to this number.
    pub(in crate::hub) fn once_on_disk(&self, session: &Arc<Session>, number: u64) {
        let (session, clock) = (Arc::clone(session), Arc::clone(&self.journal.clock));
        let then = move |on_disk| {
            if on_disk {
                let now_ms = clock.now_ms();
                session.with_output(|outbox| outbox.settle_up_to(number, now_ms));
            }
        };
        self.journal.rows.write([], Some(Box::new(then)));
    }

    /// Deliveries are owed no longer.
    pub(in crate::hub) fn release(&self, numbers: impl IntoIterator<Item = u64>) {
        let remove = |number| Row::remove(Table::Queues, self.queue_key(number));
        self.journal.change(numbers.into_iter().map(remove));
    }
}
