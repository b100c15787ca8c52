//! AWS's rate quotas, kept with `--enforce-quotas` ("AWS IoT Core endpoints and quotas" in the
//! AWS General Reference; the numbers are those of the default Region).

use super::Hub;
use super::link::Link;
use super::session::Session;
use mqtt::rate::Bucket;
use mqtt::topic::Subscription;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// CONNECT requests of one client id in a second.
const CONNECTS_OF_CLIENT: u32 = 1;
/// CONNECT requests of the account in a second.
const CONNECTS: u32 = 3000;
/// Messages that a connection may publish in a second, and that it is sent.
const PUBLISHES_OF_CONNECTION: u32 = 100;
/// Bytes that a connection may send in a second.
const BYTES_OF_CONNECTION: u32 = 512 * 1024;
/// Messages of the account in a second, each way.
const PUBLISHES: u32 = 20_000;
/// Filters subscribed to in a second.
const SUBSCRIPTIONS_PER_S: u32 = 3000;
/// Groups of shared subscriptions.
const GROUPS: usize = 100;
/// Members of one group.
const MEMBERS_OF_GROUP: usize = 100;
/// Subscriptions to one group and ends of them in a second.
const CHANGES_OF_GROUP: u32 = 100;
/// Messages that begin to wait for clients that are away, in a second.
const QUEUED: u32 = 500;
/// Retained messages in a second.
const RETAINED: u32 = 500;
/// Milliseconds between retained messages on one topic.
const RETAINED_OF_TOPIC_MS: u64 = 1000;
/// DeleteConnection requests for one client id in a second.
const DELETES_OF_CLIENT: u32 = 1;

/// Requests of all devices by operation of jobs (AWS IoT Device Management quotas).
const JOB_REQUESTS: u32 = 200;

/// Names that are remembered for quotas of their own before the longest unused are forgotten.
const NAMES_MAX: usize = 100_000;

/// A quota that was exceeded, in the words of AWS's metrics where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Throttled(pub(crate) &'static str);

/// The quotas of one connection.
#[derive(Debug)]
pub(super) struct ConnectionQuotas {
    published: Bucket,
    sent: Bucket,
    bytes: Bucket,
}

/// Buckets by name, which are full again once they are forgotten.
#[derive(Debug)]
struct Named {
    per_s: u32,
    buckets: HashMap<Box<str>, Bucket>,
}

impl Named {
    fn new(per_s: u32) -> Self {
        Self {
            per_s,
            buckets: HashMap::new(),
        }
    }

    fn take(&mut self, name: &str, now_ms: u64) -> bool {
        if let Some(bucket) = self.buckets.get_mut(name) {
            return bucket.take(now_ms);
        }
        if self.buckets.len() >= NAMES_MAX {
            self.expire(now_ms);
        }
        let mut bucket = Bucket::new(self.per_s, now_ms);
        let taken = bucket.take(now_ms);
        // Whoever makes up names does not fill the memory.
        if self.buckets.len() < NAMES_MAX {
            self.buckets.insert(name.into(), bucket);
        }
        taken
    }

    fn expire(&mut self, now_ms: u64) {
        self.buckets
            .retain(|_, bucket| bucket.unused_ms(now_ms) < 1000);
    }
}

/// The quotas of the account.
#[derive(Debug)]
pub(super) struct Quotas(Mutex<Account>);

#[derive(Debug)]
struct Account {
    connects: Bucket,
    connects_of: Named,
    published: Bucket,
    sent: Bucket,
    subscriptions: Bucket,
    group_changes: Named,
    queued: Bucket,
    retained: Bucket,
    deletes_of: Named,
    requests: Named,
    job_requests: Named,
    send_direct: Bucket,
    told: Named,
}

impl Quotas {
    pub(super) fn new(now_ms: u64) -> Self {
        let bucket = |per_s| Bucket::new(per_s, now_ms);
        Self(Mutex::new(Account {
            connects: bucket(CONNECTS),
            connects_of: Named::new(CONNECTS_OF_CLIENT),
            published: bucket(PUBLISHES),
            sent: bucket(PUBLISHES),
            subscriptions: bucket(SUBSCRIPTIONS_PER_S),
            group_changes: Named::new(CHANGES_OF_GROUP),
            queued: bucket(QUEUED),
            retained: bucket(RETAINED),
            deletes_of: Named::new(DELETES_OF_CLIENT),
            requests: Named::new(100),
            job_requests: Named::new(JOB_REQUESTS),
            send_direct: bucket(PUBLISHES),
            told: Named::new(1),
        }))
    }

    /// The quotas of a connection that begins.
    pub(super) fn of_connection(now_ms: u64) -> Mutex<ConnectionQuotas> {
        Mutex::new(ConnectionQuotas {
            published: Bucket::new(PUBLISHES_OF_CONNECTION, now_ms),
            sent: Bucket::new(PUBLISHES_OF_CONNECTION, now_ms),
            bytes: Bucket::new(BYTES_OF_CONNECTION, now_ms),
        })
    }
}

fn check(taken: bool, quota: &'static str) -> Result<(), Throttled> {
    if taken { Ok(()) } else { Err(Throttled(quota)) }
}

impl Hub {
    /// Counts and logs what was refused for a quota.
    fn throttled(
        &self,
        client_id: Option<&str>,
        result: Result<(), Throttled>,
    ) -> Result<(), Throttled> {
        if let Err(Throttled(quota)) = result {
            self.metrics.throttled(quota);
            let quotas = self.quotas.as_ref();
            let told = quotas.is_some_and(|quotas| {
                let client_id = client_id.unwrap_or_default();
                quotas.0.lock().told.take(client_id, self.now_ms())
            });
            // Once a second for each client, however often it happens.
            if told {
                tracing::warn!(?client_id, event_type = quota, "throttled");
            }
        }
        result
    }

    /// A client connects.
    pub(super) fn quota_connect(&self, client_id: &str, now_ms: u64) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let mut account = quotas.0.lock();
        let result = check(account.connects.take(now_ms), "Connect.Throttle").and_then(|()| {
            let taken = account.connects_of.take(client_id, now_ms);
            check(taken, "Connect.ClientIDThrottle")
        });
        drop(account);
        self.throttled(Some(client_id), result)
    }

    /// A client publishes over MQTT.
    pub(super) fn quota_publish(
        &self,
        client_id: &str,
        link: &Link,
        now_ms: u64,
    ) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let own = link.quotas.as_ref();
        let taken = own.is_none_or(|own| own.lock().published.take(now_ms))
            && quotas.0.lock().published.take(now_ms);
        self.throttled(Some(client_id), check(taken, "PublishIn.Throttle"))
    }

    /// A caller publishes over HTTP.
    pub(crate) fn quota_publish_http(&self, topic: &str, retain: bool) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let now_ms = self.now_ms();
        let taken = quotas.0.lock().published.take(now_ms);
        self.throttled(None, check(taken, "PublishIn.Throttle"))?;
        if !retain {
            return Ok(());
        }
        self.quota_retain(None, topic, now_ms)
    }

    /// A retained message is published.
    pub(super) fn quota_retain(
        &self,
        client_id: Option<&str>,
        topic: &str,
        now_ms: u64,
    ) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let last_ms = self.retained(topic).map(|it| it.last_modified_ms);
        let often = last_ms.is_some_and(|at| now_ms.saturating_sub(at) < RETAINED_OF_TOPIC_MS);
        let taken = !often && quotas.0.lock().retained.take(now_ms);
        self.throttled(client_id, check(taken, "RetainPublish.Throttle"))
    }

    /// A message is about to be given to a session: sent, or kept until its client is back.
    pub(super) fn quota_deliver(&self, session: &Session, now_ms: u64) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let result = match session.link() {
            Some(link) => {
                let own = link.quotas.as_ref();
                let taken = own.is_none_or(|own| own.lock().sent.take(now_ms))
                    && quotas.0.lock().sent.take(now_ms);
                check(taken, "PublishOut.Throttle")
            }
            None => check(quotas.0.lock().queued.take(now_ms), "Queued.Throttle"),
        };
        self.throttled(Some(&session.client_id), result)
    }

    /// A message is about to wait for a member of a group.
    pub(super) fn quota_wait(&self, now_ms: u64) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let taken = quotas.0.lock().queued.take(now_ms);
        self.throttled(None, check(taken, "Queued.Throttle"))
    }

    /// A client subscribes to a filter, given with its text.
    pub(super) fn quota_subscribe(
        &self,
        client_id: &str,
        text: &str,
        subscription: &Subscription,
        now_ms: u64,
    ) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let room = subscription.share.as_deref().is_none_or(|name| {
            let router = self.router.read();
            match router.group(name, &subscription.filter) {
                Some(group) => group.sessions().len() < MEMBERS_OF_GROUP,
                None => router.groups() < GROUPS,
            }
        });
        let mut account = quotas.0.lock();
        let shared = subscription.share.is_some();
        let taken = account.subscriptions.take(now_ms)
            && (!shared || account.group_changes.take(text, now_ms));
        drop(account);
        self.throttled(Some(client_id), check(room && taken, "Subscribe.Throttle"))
    }

    /// How long a connection that has just sent so many bytes is not read.
    pub(super) fn quota_bytes(&self, link: &Link, bytes: usize, now_ms: u64) -> Option<Duration> {
        let own = link.quotas.as_ref()?;
        let pause = own.lock().bytes.borrow(bytes, now_ms);
        (pause > Duration::ZERO).then_some(pause)
    }

    /// An operation of the data plane on a client's connection is called.
    pub(crate) fn quota_request(&self, operation: &str, client_id: &str) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let now_ms = self.now_ms();
        let mut account = quotas.0.lock();
        let taken = match operation {
            "SendDirectMessage" => account.send_direct.take(now_ms),
            "DeleteConnection" => {
                account.requests.take(operation, now_ms)
                    && account.deletes_of.take(client_id, now_ms)
            }
            _ => account.requests.take(operation, now_ms),
        };
        drop(account);
        self.throttled(Some(client_id), check(taken, "Request.Throttle"))
    }

    /// A device asks something of its jobs, by an operation's name.
    pub(super) fn quota_jobs(&self, operation: &str) -> Result<(), Throttled> {
        let Some(quotas) = &self.quotas else {
            return Ok(());
        };
        let taken = quotas.0.lock().job_requests.take(operation, self.now_ms());
        self.throttled(None, check(taken, "Jobs.Throttle"))
    }

    /// Forgets names that have not been heard of for a second.
    pub(super) fn expire_quotas(&self, now_ms: u64) {
        if let Some(quotas) = &self.quotas {
            let mut account = quotas.0.lock();
            account.connects_of.expire(now_ms);
            account.group_changes.expire(now_ms);
            account.deletes_of.expire(now_ms);
            account.told.expire(now_ms);
        }
    }
}

/// The quotas of a connection of this hub, if it keeps any.
pub(super) fn of_connection(hub: &Hub, now_ms: u64) -> Option<Box<Mutex<ConnectionQuotas>>> {
    hub.quotas
        .as_ref()
        .map(|_: &Arc<Quotas>| Box::new(Quotas::of_connection(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_is_there_at_once_and_comes_back_evenly() {
        let mut bucket = Bucket::new(100, 0);
        assert_eq!((0..150).filter(|_| bucket.take(0)).count(), 100);
        assert_eq!((0..150).filter(|_| bucket.take(500)).count(), 50);
        assert!(!bucket.take(505));
        assert!(bucket.take(510));
        assert_eq!((0..150).filter(|_| bucket.take(9000)).count(), 100);
    }

    #[test]
    fn what_is_borrowed_is_made_up_for() {
        let mut bucket = Bucket::new(1000, 0);
        assert_eq!(bucket.borrow(1000, 0), Duration::ZERO);
        assert_eq!(bucket.borrow(500, 0), Duration::from_millis(500));
        // What came in meanwhile has made up for it and is not there to be taken again.
        assert_eq!(bucket.borrow(500, 500), Duration::from_millis(500));
        assert_eq!(bucket.borrow(100, 3000), Duration::ZERO);
    }

    #[test]
    fn names_are_forgotten_before_they_fill_the_memory() {
        let mut named = Named::new(1);
        assert!(named.take("a", 0));
        assert!(!named.take("a", 999));
        assert!(named.take("a", 2000));
        for number in 0..NAMES_MAX + 10 {
            named.take(&number.to_string(), 2000);
        }
        assert_eq!(named.buckets.len(), NAMES_MAX);
        assert!(named.take("later", 9000));
        assert_eq!(named.buckets.len(), 1);
    }
}
