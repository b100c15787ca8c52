//! A client's connection as the data plane's operations see it: who is there, what it subscribes
//! to, and its end.

use super::Hub;
use super::end::End;
use super::link::Link;
use super::session::Session;
use super::subscriptions;
use crate::auth::{Guard, Identity};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use things::Connectivity;

/// How long a connection that is gone is remembered (API reference, `GetConnection`).
const KEPT_MS: u64 = 30 * 60 * 1000;

/// How long `DeleteConnection` waits for the connection to end.
const END_TIME: Duration = Duration::from_secs(5);

/// A connection, live or lately gone.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) state: ConnectionState,
    pub(crate) keep_alive_s: u64,
    pub(crate) session_expiry_s: u32,
    /// The thing that the client's certificate stands for.
    pub(crate) thing: Option<String>,
}

/// Whether it is there.
#[derive(Clone, Debug)]
pub(crate) enum ConnectionState {
    Connected {
        since_ms: u64,
        /// The client's address, and the one it connected to.
        sockets: Option<(SocketAddr, SocketAddr)>,
    },
    Gone {
        since_ms: u64,
        /// AWS's `disconnectReason`.
        reason: &'static str,
    },
}

/// A subscription as `ListSubscriptions` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionInfo {
    /// The filter as it was subscribed, `$share/...` included.
    pub(crate) filter: String,
    pub(crate) qos: u8,
}

/// What is remembered of a connection that is gone.
#[derive(Clone, Debug)]
pub(super) struct Left {
    at_ms: u64,
    /// AWS's `disconnectReason`.
    reason: &'static str,
    keep_alive_s: u64,
    session_expiry_s: u32,
    thing: Option<String>,
}

impl Left {
    pub(super) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }

    fn into_info(self) -> ConnectionInfo {
        ConnectionInfo {
            state: ConnectionState::Gone {
                since_ms: self.at_ms,
                reason: self.reason,
            },
            keep_alive_s: self.keep_alive_s,
            session_expiry_s: self.session_expiry_s,
            thing: self.thing,
        }
    }
}

impl Hub {
    /// What there is to remember of a connection that ends.
    pub(super) fn left(
        &self,
        session: &Session,
        guard: &Guard,
        link: &Link,
        reason: &'static str,
    ) -> Left {
        Left {
            at_ms: self.now_ms(),
            reason,
            keep_alive_s: link.keep_alive_s(),
            session_expiry_s: session.state.lock().expiry_s,
            thing: self.thing_of(guard, &session.client_id),
        }
    }

    /// The connection of a client; `None` when there was none within half an hour.
    pub(crate) fn connection(&self, client_id: &str) -> Option<ConnectionInfo> {
        if let Some(session) = self.sessions.of(client_id)
            && let Some(link) = session.link()
        {
            let state = ConnectionState::Connected {
                since_ms: link.since_ms,
                sockets: link.wire.addresses(),
            };
            return Some(ConnectionInfo {
                state,
                keep_alive_s: link.keep_alive_s(),
                session_expiry_s: session.state.lock().expiry_s,
                thing: self.thing_of(&session.guard.load(), client_id),
            });
        }
        let left = self.presence.left(client_id)?;
        let is_kept = self.now_ms().saturating_sub(left.at_ms) <= KEPT_MS;
        is_kept.then(|| left.into_info())
    }

    /// Whether a client is connected, or was not long ago. Takes no lock that is held while a policy
    /// is asked: searches of things call it.
    pub(crate) fn connectivity(&self, client_id: &str) -> Option<Connectivity> {
        self.presence.connectivity(client_id)
    }

    fn thing_of(&self, guard: &Guard, client_id: &str) -> Option<String> {
        match guard.identity() {
            Identity::Certificate { id, .. } => {
                let thing = self.things.connection_thing(id, client_id)?;
                Some(thing.name)
            }
            Identity::Signed { .. } | Identity::Custom(_) | Identity::Anonymous => None,
        }
    }

    /// What a client subscribes to, in order of filter; `None` when it has no session.
    pub(crate) fn subscriptions(&self, client_id: &str) -> Option<Vec<SubscriptionInfo>> {
        let session = self.sessions.of(client_id)?;
        let now_ms = self.now_ms();
        if session.link().is_none() && session.is_over(now_ms) {
            return None;
        }
        let state = session.state.lock();
        let all = state.subscriptions.iter();
        let all = all.map(|one| SubscriptionInfo {
            filter: subscriptions::text(&one.subscription).into_owned(),
            qos: one.qos as u8,
        });
        let mut all: Vec<_> = all.collect();
        drop(state);
        all.sort_unstable_by(|a, b| a.filter.cmp(&b.filter));
        Some(all)
    }

    /// Ends a client's connection, and its session if that is asked for; returns when it is gone.
    /// False when there is nothing to end.
    pub(crate) async fn delete_connection(
        &self,
        client_id: &str,
        clean_session: bool,
        with_will: bool,
    ) -> bool {
        let Some(session) = self.sessions.of(client_id) else {
            return false;
        };
        let link = session.link();
        if link.is_none() && !clean_session {
            return false;
        }
        if clean_session {
            let mut state = session.state.lock();
            state.expiry_s = 0;
            if !with_will {
                state.delayed_will = None;
            }
            session.record(&state);
        }
        match link {
            Some(link) => {
                link.end(End::Api { with_will });
                // It ends all the same, later.
                let _ = tokio::time::timeout(END_TIME, gone(&session, &link)).await;
            }
            None => self.end_session_if(&session, |session| session.link().is_none()),
        }
        true
    }
}

/// Waits until a connection is its session's no longer.
async fn gone(session: &Arc<Session>, link: &Arc<Link>) {
    loop {
        let notified = link.drained.notified();
        tokio::pin!(notified);
        // From here on nothing is missed.
        notified.as_mut().enable();
        if !session.look(|outbox| outbox.is_of(link.number)) {
            return;
        }
        notified.await;
    }
}
