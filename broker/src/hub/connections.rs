//! A client's connection as the data plane's operations see it: who is there, what it subscribes
//! to, and its end.

use super::Hub;
use super::end::End;
use super::events::Sighting;
use super::link::Link;
use super::session::Session;
use super::subscriptions;
use crate::auth::Identity;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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

impl Hub {
    /// A client that is connected, or was not long ago.
    pub(crate) fn client(&self, client_id: &str) -> Option<Sighting> {
        self.presence.sighting(client_id)
    }

    /// The connection of a client; `None` when there was none within half an hour.
    pub(crate) fn connection(&self, client_id: &str) -> Option<ConnectionInfo> {
        let session = self.sessions.of(client_id);
        let thing = session.as_ref().and_then(|session| self.thing_of(session));
        if let Some(session) = &session
            && let Some(link) = session.link()
        {
            let session_expiry_s = session.state.lock().expiry_s;
            return Some(ConnectionInfo {
                state: ConnectionState::Connected {
                    since_ms: link.since_ms,
                    sockets: link.wire.addresses(),
                },
                keep_alive_s: link.keep_alive_s(),
                session_expiry_s,
                thing,
            });
        }
        let Sighting {
            arrival,
            connectivity,
        } = self.client(client_id)?;
        let since_ms = connectivity.since_ms;
        let is_kept = self.now_ms().saturating_sub(since_ms) <= KEPT_MS;
        let reason = connectivity.disconnect_reason.filter(|_| is_kept)?;
        Some(ConnectionInfo {
            state: ConnectionState::Gone { since_ms, reason },
            keep_alive_s: u64::from(arrival.keep_alive_s),
            session_expiry_s: arrival.expiry_s,
            thing,
        })
    }

    /// The thing that a session's certificate stands for.
    fn thing_of(&self, session: &Session) -> Option<String> {
        match session.guard.load().identity() {
            Identity::Certificate { id, .. } => {
                let thing = self.things.connection_thing(id, &session.client_id)?;
                Some(thing.name)
            }
            Identity::Signed { .. } | Identity::Anonymous => None,
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
        let shown = state.subscriptions.iter().map(|one| SubscriptionInfo {
            filter: subscriptions::text(&one.subscription).into_owned(),
            qos: one.qos as u8,
        });
        let mut shown: Vec<SubscriptionInfo> = shown.collect();
        shown.sort_unstable_by(|a, b| a.filter.cmp(&b.filter));
        Some(shown)
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
