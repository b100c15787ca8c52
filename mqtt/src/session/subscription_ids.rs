//! The subscription identifiers of one delivery (MQTT 5.0 [3.3.2.3.8]).

use std::slice;

/// The identifiers of every subscription that a delivery is owed to; hardly ever more than one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionIds {
    /// None of the subscriptions has one.
    #[default]
    None,
    /// One of them has.
    One(u32),
    /// Several have. Boxed, so that those that do not stay small.
    Many(Box<Vec<u32>>),
}

impl SubscriptionIds {
    /// All of them.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            SubscriptionIds::None => &[],
            SubscriptionIds::One(id) => slice::from_ref(id),
            SubscriptionIds::Many(ids) => ids,
        }
    }

    /// Adds one.
    pub fn push(&mut self, id: u32) {
        match self {
            SubscriptionIds::None => *self = SubscriptionIds::One(id),
            SubscriptionIds::One(first) => {
                *self = SubscriptionIds::Many(Box::new(vec![*first, id]));
            }
            SubscriptionIds::Many(ids) => ids.push(id),
        }
    }
}

impl From<Option<u32>> for SubscriptionIds {
    fn from(id: Option<u32>) -> Self {
        id.map_or(SubscriptionIds::None, SubscriptionIds::One)
    }
}

impl FromIterator<u32> for SubscriptionIds {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> Self {
        let mut all = SubscriptionIds::None;
        ids.into_iter().for_each(|id| all.push(id));
        all
    }
}
