//! The subscriptions of one session.

use mqtt::QoS;
use mqtt::topic::Subscription;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// So many are looked through one by one: most clients have one or a few, and a tree's first node
/// has room for eleven.
const FEW: usize = 8;

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscribed {
    pub(super) subscription: Subscription,
    /// What was granted.
    pub(super) qos: QoS,
}

/// Subscriptions by the text that was subscribed, `$share/...` included.
#[derive(Debug)]
pub(super) enum Subscriptions {
    /// At most `FEW`.
    Few(Vec<Subscribed>),
    /// More, or what is left of more.
    Many(BTreeMap<Box<str>, Subscribed>),
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn contains(&self, asked: &str) -> bool {
        match self {
            Self::Few(few) => few.iter().any(|known| is(&known.subscription, asked)),
            Self::Many(many) => many.contains_key(asked),
        }
    }

    /// Adds a subscription, in place of the same one with another QoS; says whether it is new.
    pub(super) fn insert(&mut self, subscribed: Subscribed) -> bool {
        let asked = text(&subscribed.subscription);
        match self {
            Self::Few(few) => {
                let same = few.iter().position(|known| is(&known.subscription, &asked));
                if let Some(at) = same {
                    few[at].qos = subscribed.qos;
                    return false;
                }
                if few.len() < FEW {
                    few.reserve_exact(1);
                    few.push(subscribed);
                    return true;
                }
                let few = std::mem::take(few).into_iter();
                let many = few
                    .chain([subscribed])
                    .map(|one| (text(&one.subscription).into(), one));
                *self = Self::Many(many.collect());
                true
            }
            Self::Many(many) => {
                let asked = asked.into();
                many.insert(asked, subscribed).is_none()
            }
        }
    }

    pub(super) fn remove(&mut self, asked: &str) -> Option<Subscribed> {
        match self {
            Self::Few(few) => {
                let at = few
                    .iter()
                    .position(|known| is(&known.subscription, asked))?;
                Some(few.remove(at))
            }
            Self::Many(many) => many.remove(asked),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscribed> {
        let (few, many) = match self {
            Self::Few(few) => (&few[..], None),
            Self::Many(many) => (&[][..], Some(many.values())),
        };
        few.iter().chain(many.into_iter().flatten())
    }
}

/// Whether a subscription is what `asked` means.
fn is(subscription: &Subscription, asked: &str) -> bool {
    let Some(name) = &subscription.share else {
        return subscription.filter.as_str() == asked;
    };
    let rest = asked.strip_prefix("$share/");
    let rest = rest.and_then(|rest| rest.strip_prefix(&**name));
    rest.and_then(|rest| rest.strip_prefix('/')) == Some(subscription.filter.as_str())
}

/// What a client subscribes with.
pub(super) fn text(subscription: &Subscription) -> Cow<'_, str> {
    let filter = subscription.filter.as_str();
    match &subscription.share {
        None => Cow::Borrowed(filter),
        Some(name) => Cow::Owned(format!("$share/{name}/{filter}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::Profile;

    fn parse(asked: &str) -> Subscribed {
        Subscribed {
            subscription: Subscription::parse(asked, &Profile::mqtt()).unwrap(),
            qos: QoS::AtLeastOnce,
        }
    }

    /// Few and many behave alike, and the step from one to the other loses nothing.
    #[test]
    fn subscriptions_are_found_by_what_was_subscribed() {
        let asked: Vec<String> = (0..FEW * 2)
            .map(|number| match number % 3 {
                0 => format!("a/{number}"),
                1 => format!("$share/g{number}/a/+"),
                _ => format!("$share/g/{number}/#"),
            })
            .collect();
        let mut subscriptions = Subscriptions::default();
        for (number, asked) in asked.iter().enumerate() {
            assert!(!subscriptions.contains(asked), "{asked}");
            assert!(subscriptions.insert(parse(asked)), "{asked}");
            assert!(!subscriptions.insert(parse(asked)), "{asked}");
            assert_eq!(subscriptions.len(), number + 1);
        }
        assert!(matches!(subscriptions, Subscriptions::Many(_)));
        let mut held: Vec<_> = subscriptions
            .iter()
            .map(|one| text(&one.subscription))
            .collect();
        let mut expected: Vec<_> = asked.iter().map(|text| Cow::from(&**text)).collect();
        held.sort();
        expected.sort();
        assert_eq!(held, expected);
        for asked in &asked {
            assert!(subscriptions.contains(asked), "{asked}");
            assert_eq!(subscriptions.remove(asked), Some(parse(asked)));
            assert_eq!(subscriptions.remove(asked), None);
        }
        assert!(subscriptions.is_empty());
    }

    #[test]
    fn a_shared_subscription_is_another_than_its_filter() {
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.insert(parse("a/b")));
        for other in ["$share/a/b", "$share/g/a/b", "a", "a/b/c", "b"] {
            assert!(!subscriptions.contains(other), "{other}");
            assert_eq!(subscriptions.remove(other), None, "{other}");
        }
        assert!(subscriptions.contains("a/b"));
    }
}
