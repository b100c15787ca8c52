//! Where one topic leads, and the cache of it that each shard has.

use super::changes::CHANGES_MAX;
use super::group::Group;
use super::session::Session;
use super::subscribers::Subscriber;
use mqtt::QoS;
use mqtt::session::SubscriptionIds;
use rules::delivery::RuleSet;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a topic leads; decisions about `iot:Receive` have been taken.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) topic: Arc<str>,
    /// The latest change to routes that it is known to have taken in; see [`super::changes`].
    as_of: AtomicU64,
    /// By the sessions' numbers.
    pub(super) targets: Vec<Target>,
    pub(super) groups: Vec<GroupTarget>,
    pub(super) rules: RuleSet,
    /// The topic is one of Basic Ingest: the rule that it names, if there is one.
    pub(super) ingest: Option<Option<RuleSet>>,
    /// Subscribers whose policies keep the topic from them.
    pub(super) denied: usize,
    /// The service that the topic asks something of.
    pub(super) asks: Option<Service>,
}

/// A service that devices reach by reserved topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Shadow,
    Jobs,
    Provisioning,
}

/// One session that gets the topic.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) session: Arc<Session>,
    /// The session's guard of this number let it receive the topic.
    guard: u32,
    /// The highest QoS of its matching subscriptions.
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) subscription_ids: SubscriptionIds,
}

/// One group that gets the topic.
#[derive(Debug)]
pub(super) struct GroupTarget {
    pub(super) group: Arc<Group>,
    /// Numbers of member sessions that may not receive it.
    pub(super) denied: SmallVec<[u64; 1]>,
}

impl Route {
    pub(super) fn nowhere(topic: &str) -> Self {
        Self {
            topic: topic.into(),
            as_of: AtomicU64::new(0),
            targets: Vec::new(),
            groups: Vec::new(),
            rules: RuleSet::default(),
            ingest: None,
            denied: 0,
            asks: None,
        }
    }

    /// Whether nobody gets the topic.
    pub(super) fn leads_nowhere(&self) -> bool {
        self.targets.is_empty()
            && self.groups.is_empty()
            && self.rules.is_empty()
            && self.ingest.is_none()
            && self.asks.is_none()
    }

    /// Up to which change it is right.
    pub(super) fn as_of(&self) -> u64 {
        self.as_of.load(Ordering::Relaxed)
    }

    /// Notes that it is right up to this change.
    pub(super) fn stands(&self, epoch: u64) {
        self.as_of.store(epoch, Ordering::Relaxed);
    }

    /// Whether it has a session among its targets whose guard is still the one that was asked.
    pub(super) fn lets_receive(&self, session: &Session) -> bool {
        let number = |target: &Target| target.session.number;
        let found = self.targets.binary_search_by_key(&session.number, number);
        found.is_ok_and(|at| self.targets[at].guard == session.guard_number())
    }
}

impl Target {
    /// A session whose guard of that number lets it receive the topic.
    pub(super) fn new(subscriber: &Subscriber, guard: u32) -> Self {
        Self {
            session: Arc::clone(&subscriber.session),
            guard,
            qos: subscriber.qos,
            no_local: subscriber.no_local,
            retain_as_published: subscriber.retain_as_published,
            subscription_ids: subscriber.subscription_id.into(),
        }
    }

    pub(super) fn is_of(&self, subscriber: &Subscriber) -> bool {
        self.session == subscriber.session
    }

    /// Takes in a further subscription of the session that matches: one copy at the highest QoS
    /// with all identifiers (MQTT 5.0 [3.3.4]).
    pub(super) fn merge(&mut self, other: &Subscriber) {
        self.qos = self.qos.max(other.qos);
        self.no_local &= other.no_local;
        self.retain_as_published |= other.retain_as_published;
        if let Some(id) = other.subscription_id {
            self.subscription_ids.push(id);
        }
    }
}

/// Routes in a shard's cache.
const ROUTES_MAX: usize = 65_536;

/// The route of a longer topic is made anew for each message: there may be many in a cache, and the
/// standard has topics of 64 KiB.
pub(super) const TOPIC_BYTES_REMEMBERED: usize = 1024;

/// Targets of all routes in a shard's cache.
const TARGETS_MAX: usize = 1 << 20;

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

/// Routes of one hub by topic.
#[derive(Default)]
struct Cache {
    hub: u64,
    routes: HashMap<Arc<str>, Arc<Route>, foldhash::fast::RandomState>,
    targets: usize,
    /// The epoch when what nobody asks for any more was last thrown out.
    swept: u64,
}

impl Cache {
    fn clear(&mut self) {
        self.routes.clear();
        self.targets = 0;
    }

    /// Throws out routes that have too many changes behind them to be any use; they would keep
    /// sessions that are gone.
    fn sweep(&mut self, epoch: u64) {
        let oldest = epoch.saturating_sub(CHANGES_MAX as u64);
        if self.swept >= oldest {
            return;
        }
        self.swept = epoch;
        self.routes.retain(|_, route| route.as_of() >= oldest);
        self.targets = self.routes.values().map(|route| route.targets.len()).sum();
    }
}

/// The route of a topic that this thread made last, for a hub.
pub(super) fn remembered(hub: u64, topic: &str) -> Option<Arc<Route>> {
    CACHE.with_borrow(|cache| {
        let routes = Some(&cache.routes).filter(|_| cache.hub == hub)?;
        routes.get(topic).cloned()
    })
}

/// Keeps a route that is new for this thread.
pub(super) fn remember(hub: u64, route: &Arc<Route>) {
    if route.topic.len() > TOPIC_BYTES_REMEMBERED {
        return;
    }
    CACHE.with_borrow_mut(|cache| {
        if cache.hub != hub {
            cache.clear();
            cache.hub = hub;
        }
        cache.sweep(route.as_of());
        if cache.routes.len() >= ROUTES_MAX || cache.targets > TARGETS_MAX {
            cache.clear();
        }
        cache.targets += route.targets.len();
        let before = cache
            .routes
            .insert(Arc::clone(&route.topic), Arc::clone(route));
        cache.targets -= before.map_or(0, |before| before.targets.len());
    });
}
