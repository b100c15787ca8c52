//! Who publishes where and who listens to what.

use super::ledger::Accounting;

/// The clients of a load with messages.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The topic of each publisher.
    pub(crate) topics: Vec<Topic>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) accounting: Accounting,
    /// Deliveries that each message has to bring about.
    pub(crate) due: u32,
    /// Further subscribers that stop reading: nothing is due to them.
    pub(crate) stalled: Vec<Subscriber>,
    /// Further subscribers whose filters match nothing that is published.
    pub(crate) bystanders: Vec<Subscriber>,
    /// Filters that come and go, and match nothing either.
    pub(crate) churn: Vec<String>,
}

/// A publisher's topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) text: String,
    /// Drawn anew for each message: three last levels of three digits below this number.
    pub(crate) dimension: Option<u32>,
}

/// A subscriber's filters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) filters: Vec<String>,
    /// Which of the deliveries of a message it may be; see [`Accounting::Once`].
    pub(crate) class: u32,
}

/// How many levels of a wildcard topic vary.
pub(crate) const DRAWN_LEVELS: usize = 3;

impl Plan {
    const EMPTY: Plan = Plan {
        topics: Vec::new(),
        subscribers: Vec::new(),
        accounting: Accounting::Every,
        due: 0,
        stalled: Vec::new(),
        bystanders: Vec::new(),
        churn: Vec::new(),
    };

    /// Each of `publishers` publishes to one topic that all `subscribers` listen to.
    pub(crate) fn fan_out(prefix: &str, publishers: usize, subscribers: usize) -> Self {
        let topic = format!("{prefix}/out");
        Plan {
            topics: vec![Topic::fixed(topic.clone()); publishers],
            subscribers: vec![Subscriber::one(topic); subscribers],
            accounting: Accounting::Every,
            due: subscribers as u32,
            ..Plan::EMPTY
        }
    }

    /// Each publisher has a topic of its own, all of which one filter covers.
    pub(crate) fn fan_in(prefix: &str, publishers: usize, subscribers: usize) -> Self {
        let topic = |nth| Topic::fixed(format!("{prefix}/in/{nth}"));
        Plan {
            topics: (0..publishers).map(topic).collect(),
            subscribers: vec![Subscriber::one(format!("{prefix}/in/+")); subscribers],
            accounting: Accounting::Every,
            due: subscribers as u32,
            ..Plan::EMPTY
        }
    }

    /// Each publisher has one topic and one subscriber.
    pub(crate) fn pairs(prefix: &str, pairs: usize) -> Self {
        let topic = |nth| format!("{prefix}/pair/{nth}");
        Plan {
            topics: (0..pairs).map(|nth| Topic::fixed(topic(nth))).collect(),
            subscribers: (0..pairs).map(|nth| Subscriber::one(topic(nth))).collect(),
            accounting: Accounting::Paired,
            due: 1,
            ..Plan::EMPTY
        }
    }

    /// One group of subscribers shares what all publishers send.
    pub(crate) fn shared(prefix: &str, publishers: usize, subscribers: usize) -> Self {
        let topic = |nth| Topic::fixed(format!("{prefix}/share/{nth}"));
        let last = if publishers > 1 { "+" } else { "0" };
        let filter = format!("$share/bench/{prefix}/share/{last}");
        Plan {
            topics: (0..publishers).map(topic).collect(),
            subscribers: vec![Subscriber::one(filter); subscribers],
            accounting: Accounting::Once { classes: 1 },
            due: 1,
            ..Plan::EMPTY
        }
    }

    /// Topics of three drawn levels, and four kinds of wildcard filters over them. A topic matches
    /// exactly one filter of each kind, and a subscriber has filters of one kind only: so four
    /// deliveries are due for each message, whatever the broker does about overlaps.
    pub(crate) fn wildcards(
        prefix: &str,
        publishers: usize,
        subscribers: usize,
        dimension: u32,
    ) -> Self {
        const KINDS: usize = 4;
        let base = format!("{prefix}/wild");
        let pair = |kind, x, y| match kind {
            0 => format!("{base}/{x:03}/+/{y:03}"),
            1 => format!("{base}/+/{x:03}/{y:03}"),
            _ => format!("{base}/{x:03}/{y:03}/#"),
        };
        let mut clients = vec![Subscriber::default(); subscribers.max(KINDS)];
        for (at, client) in clients.iter_mut().enumerate() {
            client.class = (at % KINDS) as u32;
        }
        let of_kind = |kind: usize| (clients.len() - kind).div_ceil(KINDS);
        let places: Vec<usize> = (0..KINDS).map(of_kind).collect();
        let mut put = |kind: usize, nth: u32, filter| {
            let place = nth as usize % places[kind];
            clients[kind + KINDS * place].filters.push(filter);
        };
        for x in 0..dimension {
            for y in 0..dimension {
                (0..3).for_each(|kind| put(kind, x * dimension + y, pair(kind, x, y)));
            }
            put(3, x, format!("{base}/+/+/{x:03}"));
        }
        let topic = Topic {
            text: format!("{base}/000/000/000"),
            dimension: Some(dimension),
        };
        Plan {
            topics: vec![topic; publishers],
            subscribers: clients,
            accounting: Accounting::Once {
                classes: KINDS as u32,
            },
            due: KINDS as u32,
            ..Plan::EMPTY
        }
    }

    /// Puts so many filters beside the load that have nothing to do with it, every fourth with a
    /// wildcard, in the hands of `clients` clients.
    pub(crate) fn with_bystanders(mut self, prefix: &str, filters: usize, clients: usize) -> Self {
        let mut bystanders = vec![Subscriber::default(); clients.clamp(1, filters.max(1))];
        let holders = bystanders.len();
        for nth in 0..filters {
            let (holder, own) = (nth % holders, nth / holders);
            let filter = match own % 4 {
                0 => format!("{prefix}/beside/{holder}/+/{own}"),
                _ => format!("{prefix}/beside/{holder}/{own}"),
            };
            bystanders[holder].filters.push(filter);
        }
        self.bystanders = bystanders;
        self
    }

    /// Lets so many filters come and go among those.
    pub(crate) fn with_churn(mut self, prefix: &str, filters: usize) -> Self {
        let filter = |nth| match nth % 4 {
            0 => format!("{prefix}/beside/+/churn/{nth}"),
            _ => format!("{prefix}/beside/0/churn/{nth}"),
        };
        self.churn = (0..filters).map(filter).collect();
        self
    }

    /// Filters of all subscribers together.
    pub(crate) fn filters(&self) -> usize {
        let all = self.subscribers.iter().chain(&self.stalled);
        all.map(|subscriber| subscriber.filters.len()).sum()
    }
}

impl Topic {
    fn fixed(text: String) -> Self {
        Topic {
            text,
            dimension: None,
        }
    }
}

impl Subscriber {
    pub(crate) fn one(filter: String) -> Self {
        Subscriber {
            filters: vec![filter],
            class: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(filter: &str, topic: &str) -> bool {
        let mut levels = topic.split('/');
        for part in filter.split('/') {
            match part {
                "#" => return true,
                part if levels
                    .next()
                    .is_none_or(|level| part != "+" && part != level) =>
                {
                    return false;
                }
                _ => {}
            }
        }
        levels.next().is_none()
    }

    #[test]
    fn every_wildcard_topic_is_due_once_in_each_class() {
        for (subscribers, dimension) in [(4, 3), (7, 5), (40, 4)] {
            let plan = Plan::wildcards("p", 1, subscribers, dimension);
            assert_eq!(plan.filters() as u32, 3 * dimension * dimension + dimension);
            for topic in 0..dimension.pow(3) {
                let (x, y, z) = (
                    topic % dimension,
                    topic / dimension % dimension,
                    topic / dimension.pow(2),
                );
                let topic = format!("p/wild/{x:03}/{y:03}/{z:03}");
                let mut hits = [0; 4];
                for subscriber in &plan.subscribers {
                    let found = subscriber.filters.iter().filter(|f| matches(f, &topic));
                    hits[subscriber.class as usize] += found.count();
                }
                assert_eq!(hits, [1; 4], "{topic}");
            }
        }
    }

    #[test]
    fn bystanders_hear_nothing() {
        let plan = Plan::fan_out("p", 1, 2)
            .with_bystanders("p", 10, 3)
            .with_churn("p", 5);
        let filters = plan.bystanders.iter().flat_map(|client| &client.filters);
        let all: Vec<&String> = filters.chain(&plan.churn).collect();
        assert_eq!(all.len(), 15);
        assert!(all.iter().all(|filter| !matches(filter, "p/out")));
        let distinct: std::collections::BTreeSet<&String> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn topics_and_filters_of_the_other_plans_meet() {
        for (plan, due) in [
            (Plan::fan_out("p", 2, 5), 5),
            (Plan::fan_in("p", 6, 2), 2),
            (Plan::pairs("p", 4), 1),
        ] {
            assert_eq!(plan.due, due);
            for topic in &plan.topics {
                let filters = plan
                    .subscribers
                    .iter()
                    .map(|subscriber| &subscriber.filters[0]);
                let hits = filters
                    .filter(|filter| matches(filter, &topic.text))
                    .count();
                assert_eq!(hits as u32, due, "{}", topic.text);
            }
        }
        let shared = Plan::shared("p", 2, 3);
        assert_eq!(shared.subscribers[0].filters, ["$share/bench/p/share/+"]);
        assert_eq!(
            (shared.topics[1].text.as_str(), shared.due),
            ("p/share/1", 1)
        );
    }
}
