//! Where one topic leads, and the cache of it that each shard has.

use super::group::Group;
use super::router::Subscriber;
use super::session::Session;
use mqtt::QoS;
use rules::delivery::RuleHandle;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a topic leads; decisions about `iot:Receive` have been taken.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) topic: Arc<str>,
    pub(super) targets: Vec<Target>,
    pub(super) groups: Vec<GroupTarget>,
    pub(super) rules: Vec<RuleHandle>,
    /// The topic is one of Basic Ingest: the rule that it names, if there is one.
    pub(super) ingest: Option<Option<RuleHandle>>,
    /// Subscribers whose policies keep the topic from them.
    pub(super) denied: usize,
    /// The topic asks something of a shadow.
    pub(super) asks_shadow: bool,
}

/// One session that gets the topic.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) session: Arc<Session>,
    /// The highest QoS of its matching subscriptions.
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) subscription_ids: SmallVec<[u32; 1]>,
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
            targets: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
            ingest: None,
            denied: 0,
            asks_shadow: false,
        }
    }

    /// Whether nobody gets the topic.
    pub(super) fn leads_nowhere(&self) -> bool {
        self.targets.is_empty()
            && self.groups.is_empty()
            && self.rules.is_empty()
            && self.ingest.is_none()
    }
}

impl Target {
    pub(super) fn new(subscriber: &Subscriber) -> Self {
        Self {
            session: Arc::clone(&subscriber.session),
            qos: subscriber.qos,
            no_local: subscriber.no_local,
            retain_as_published: subscriber.retain_as_published,
            subscription_ids: subscriber.subscription_id.into_iter().collect(),
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
        self.subscription_ids.extend(other.subscription_id);
    }
}

/// Routes in a shard's cache.
const ROUTES_MAX: usize = 65_536;

/// Targets of all routes in a shard's cache.
const TARGETS_MAX: usize = 1 << 20;

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

/// Routes by topic, as of one epoch of one hub.
#[derive(Default)]
struct Cache {
    /// Hub number and epoch.
    of: (u64, u64),
    routes: HashMap<Arc<str>, Arc<Route>, foldhash::fast::RandomState>,
    targets: usize,
}

/// The route of a topic as of `of`, from this thread's cache or made anew.
pub(super) fn cached(of: (u64, u64), topic: &str, make: impl FnOnce() -> Route) -> Arc<Route> {
    let hit = CACHE.with_borrow_mut(|cache| {
        if cache.of != of {
            cache.routes.clear();
            cache.targets = 0;
            cache.of = of;
        }
        cache.routes.get(topic).cloned()
    });
    if let Some(route) = hit {
        return route;
    }
    // Not borrowed while the route is made: policies are evaluated there.
    let route = Arc::new(make());
    CACHE.with_borrow_mut(|cache| {
        cache.targets += route.targets.len();
        if cache.routes.len() >= ROUTES_MAX || cache.targets > TARGETS_MAX {
            cache.routes.clear();
            cache.targets = route.targets.len();
        }
        cache
            .routes
            .insert(Arc::clone(&route.topic), Arc::clone(&route));
    });
    route
}
