//! The message core: sessions, the routes between them, and what the other doors see of it:
//! publish, retained messages, live connections, and a tap on everything that passes.
//!
//! Locks, in the order in which they are taken: the index of sessions, a session's state, the
//! router, a group, an outbox, the store's queue. None is held across an await.

mod changes;
mod confirmations;
mod connection;
mod connections;
mod deliver;
mod direct;
mod end;
mod events;
mod flush;
mod group;
mod jobs;
mod journal;
mod link;
mod offer;
mod origin;
mod outbox;
mod provisioning;
mod publication;
mod quotas;
mod recheck;
mod retained;
mod route;
mod router;
mod session;
mod sessions;
mod shadow;
#[cfg(test)]
mod simulation;
mod subscribers;
mod subscriptions;
mod tap;
mod tick;
mod will;

pub(crate) use connections::{ConnectionInfo, ConnectionState, SubscriptionInfo};
pub(crate) use direct::DirectRefusal;
pub(crate) use origin::{Origin, Protocol};
pub(crate) use retained::RetainedMessage;
pub(crate) use shadow::ShadowOutcome;
pub(crate) use tap::{Tap, TapEvent, Taps};

use crate::auth::CustomAuth;
use crate::budget::{Budget, Claim};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::net::Arrival;
use crate::provisioning::Provisioner;
use changes::{Changes, Standing};
use end::End;
use group::Group;
use journal::Journal;
use mqtt::codec::ReasonCode;
use mqtt::retained::Retained;
use mqtt::{Message, Profile, QoS};
use parking_lot::{Mutex, RwLock};
use publication::Publication;
use quotas::Quotas;
use route::Route;
use router::Router;
use rules::delivery::RuleHandle;
use session::Session;
use sessions::Sessions;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use things::Things;

/// What the message core is made of.
pub(crate) struct HubParts {
    pub(crate) profile: Profile,
    pub(crate) things: Arc<Things>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// For the ARNs of topics, filters and clients.
    pub(crate) region: String,
    pub(crate) account_id: String,
    /// The policy of anonymous clients; `None` allows them everything.
    pub(crate) anonymous: Option<Arc<policy::Document>>,
    /// Whether AWS's rate quotas hold.
    pub(crate) enforce_quotas: bool,
    /// The memory for what is kept for clients.
    pub(crate) budget: Arc<Budget>,
}

/// The message core.
pub(crate) struct Hub {
    /// Itself, for those who answer later.
    me: Weak<Hub>,
    /// Tells hubs apart in caches of a thread.
    number: u64,
    profile: Profile,
    things: Arc<Things>,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    anonymous: Option<Arc<policy::Document>>,
    /// `arn:aws:iot:REGION:ACCOUNT:`
    arn: String,
    /// Numbers for sessions and connections.
    numbers: AtomicU64,
    sessions: Sessions,
    router: RwLock<Router>,
    changes: Changes,
    retained: RwLock<Retained>,
    /// Keeps what outlives the server; `None` when everything is kept in memory.
    journal: Option<Arc<Journal>>,
    presence: events::Presence,
    /// Groups that hand out what waits little by little.
    slow_groups: Mutex<Vec<Arc<Group>>>,
    budget: Arc<Budget>,
    /// The epoch of the control plane that waiting messages were last decided about in.
    rechecked: AtomicU64,
    /// `None` when there are none.
    quotas: Option<Arc<Quotas>>,
    taps: Taps,
    /// Who lets clients in that have neither certificate nor signature.
    custom_auth: OnceLock<Arc<CustomAuth>>,
    /// Who provisions devices.
    provisioner: OnceLock<Arc<Provisioner>>,
}

impl Hub {
    /// A core without clients.
    pub(crate) fn new(parts: HubParts) -> Arc<Self> {
        static HUBS: AtomicU64 = AtomicU64::new(1);
        let HubParts {
            profile,
            things,
            clock,
            metrics,
            region,
            account_id,
            anonymous,
            enforce_quotas,
            budget,
        } = parts;
        let now_ms = clock.now_ms();
        let journal = things.rows().map(|rows| Journal::new(rows, &clock));
        let hub = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            number: HUBS.fetch_add(1, Ordering::Relaxed),
            router: RwLock::new(Router::new(&profile, journal.clone())),
            retained: RwLock::new(Retained::new(
                profile.retained_messages,
                profile.retained_bytes,
            )),
            changes: Changes::new(profile.hash_matches_parent),
            profile,
            things,
            clock,
            metrics,
            anonymous,
            arn: format!("arn:aws:iot:{region}:{account_id}:"),
            numbers: AtomicU64::new(1),
            sessions: Sessions::default(),
            journal,
            presence: events::Presence::default(),
            slow_groups: Mutex::default(),
            budget,
            rechecked: AtomicU64::new(0),
            quotas: enforce_quotas.then(|| Arc::new(Quotas::new(now_ms))),
            taps: Taps::new(tap::TAP_EVENTS),
            custom_auth: OnceLock::new(),
            provisioner: OnceLock::new(),
        });
        let me = Arc::downgrade(&hub);
        hub.things
            .know_connectivity(move |client_id| me.upgrade()?.connectivity(client_id));
        hub
    }

    /// Sets who lets clients in that have neither certificate nor signature. Set once.
    pub(crate) fn set_custom_auth(&self, custom: &Arc<CustomAuth>) {
        // A second one is a second server around one core, which nobody makes.
        let _ = self.custom_auth.set(Arc::clone(custom));
    }

    fn custom_auth(&self) -> Option<&Arc<CustomAuth>> {
        self.custom_auth.get().filter(|custom| custom.is_open())
    }

    /// Speaks MQTT with a client until it is gone. Runs on the shard that the connection is to
    /// stay on.
    pub(crate) fn serve(self: Arc<Self>, arrival: Arrival) -> impl Future<Output = ()> + Send {
        connection::serve(self, arrival)
    }

    /// Routes a message to subscribers and rules, and stores it when it is retained. The caller
    /// has checked policies and limits. Says whether a retained message found room.
    pub(crate) fn publish(&self, message: Message, origin: &Origin) -> bool {
        let now_ms = self.now_ms();
        let message = Arc::new(self.hold(message));
        let kept = !message.retain || self.retain(&message, now_ms);
        let publication = Publication::of_message(&message, now_ms);
        let route = self.route(&message.topic);
        self.deliver_and_settle(&publication, &route, origin);
        kept
    }

    /// Counts the memory of a message that may have to be kept.
    fn hold(&self, mut message: Message) -> Message {
        if message.qos > QoS::AtMostOnce || message.retain {
            let payload = std::mem::take(&mut message.payload);
            message.payload = self.budget.keep(payload, message.properties.len());
        }
        message
    }

    /// Whether there is no memory to keep a message in, which is counted.
    pub(crate) fn is_full_for(&self, message: &Message) -> bool {
        message.qos > QoS::AtMostOnce && self.budget.refuses(Claim::Publish)
    }

    /// Closes the live connections of a certificate, as its deactivation asks.
    pub(crate) fn close_principal(&self, certificate_id: &str) {
        for session in self.sessions.all() {
            if **session.guard.load().principal() == *certificate_id {
                session.end_connection(End::Forbidden);
            }
        }
    }

    /// Tells the core that policies, attachments or certificates changed, so that cached
    /// decisions are taken anew.
    pub(crate) fn policies_changed(&self) {
        self.changes.all();
    }

    /// Replaces the topic rules: those that are enabled and reachable.
    pub(crate) fn set_rules(&self, rules: Vec<RuleHandle>) {
        self.router.write().set_rules(rules);
        self.changes.all();
    }

    /// Drops sessions, retained messages and queues, and closes every connection
    /// (`/_thingcore/reset`).
    pub(crate) fn reset(&self) {
        self.close_all(ReasonCode::AdministrativeAction);
        for session in self.sessions.all() {
            self.end_session(&session);
        }
        self.clear_retained();
        self.presence.clear();
    }

    /// Closes every connection; sessions stay.
    pub(crate) fn close_all(&self, code: ReasonCode) {
        for session in self.sessions.all() {
            session.end_connection(End::Server(code));
        }
    }

    /// Clients that are connected now.
    pub(crate) fn connections(&self) -> usize {
        let sessions = self.sessions.all();
        sessions.iter().filter(|s| s.link().is_some()).count()
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Where a topic leads now.
    fn route(&self, topic: &str) -> Arc<Route> {
        let known = route::remembered(self.number, topic);
        let earlier = match &known {
            Some(route) => match self.standing(route) {
                Standing::Current(_) => return Arc::clone(route),
                Standing::Touched => Some(&**route),
                Standing::Stale => None,
            },
            None => None,
        };
        let route = Arc::new(self.fresh_route(topic, earlier));
        route::remember(self.number, &route);
        route
    }

    /// Whether a route is right at this moment.
    fn is_current(&self, route: &Route) -> bool {
        matches!(self.standing(route), Standing::Current(_))
    }

    fn standing(&self, route: &Route) -> Standing {
        let as_of = route.as_of();
        let standing = self.changes.standing(&route.topic, as_of);
        if let Standing::Current(now) = standing
            && now != as_of
        {
            route.stands(now);
        }
        standing
    }

    /// `earlier` is a route of the topic whose decisions about policies still hold.
    fn fresh_route(&self, topic: &str, earlier: Option<&Route>) -> Route {
        // Read first: a change in between is taken in twice.
        let epoch = self.changes.epoch();
        let resource = self.topic_arn(topic);
        let may = |session: &Session| {
            earlier.is_some_and(|route| route.lets_receive(session))
                || self.may_receive(session, &resource)
        };
        let route = self.router.read().route(topic, &may);
        route.stands(epoch);
        route
    }

    /// Whether a session's policies let it receive a topic, given by its ARN.
    fn may_receive(&self, session: &Session, topic_arn: &str) -> bool {
        session.guard.load().allows("iot:Receive", topic_arn)
    }

    fn topic_arn(&self, topic: &str) -> String {
        format!("{}topic/{topic}", self.arn)
    }
}
