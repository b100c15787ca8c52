//! The sessions under one filter: few as a rule, all of them when it is a broadcast's.

use super::session::Session;
use mqtt::QoS;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// A session under a filter, with the options of its subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscriber {
    pub(super) session: Arc<Session>,
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) subscription_id: Option<u32>,
}

/// How many are looked through; with more, each is found by its number.
const SEARCHED: usize = 32;

/// Where in a list a session is, by its number.
type Places = HashMap<u64, usize, foldhash::fast::RandomState>;

/// Subscribers of one filter, one for each session, in no order.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: SmallVec<[Subscriber; 1]>,
    /// Where in `all` each is, once there are many; boxed for the many filters that have few.
    places: Option<Box<Places>>,
}

impl Subscribers {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Subscriber> {
        self.all.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a subscriber in place of the session's own.
    pub(super) fn put(&mut self, subscriber: Subscriber) {
        let number = subscriber.session.number;
        if let Some(at) = self.find(number) {
            self.all[at] = subscriber;
            return;
        }
        self.all.push(subscriber);
        let at = self.all.len() - 1;
        match &mut self.places {
            Some(places) => {
                places.insert(number, at);
            }
            None if at >= SEARCHED => {
                let numbers = self.all.iter().map(|subscriber| subscriber.session.number);
                self.places = Some(Box::new(numbers.zip(0..).collect()));
            }
            None => {}
        }
    }

    /// Removes a session's; says whether there was one.
    pub(super) fn remove(&mut self, session: &Session) -> bool {
        let Some(at) = self.find(session.number) else {
            return false;
        };
        self.all.swap_remove(at);
        if self.all.len() <= SEARCHED / 2 {
            self.places = None;
            self.all.shrink_to_fit();
        }
        if let Some(places) = &mut self.places {
            places.remove(&session.number);
            if let Some(moved) = self.all.get(at) {
                places.insert(moved.session.number, at);
            }
        }
        true
    }

    fn find(&self, number: u64) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&number).copied(),
            None => self.all.iter().position(|s| s.session.number == number),
        }
    }
}
