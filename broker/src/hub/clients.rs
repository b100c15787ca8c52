//! Connected clients as the API sees them: who is there, what they subscribe to, and a way to send
//! them off.

use super::Hub;
use super::end::End;
use super::events::Sighting;
use super::subscriptions;
use mqtt::QoS;

impl Hub {
    /// A client that is connected, or was not long ago.
    pub(crate) fn client(&self, client_id: &str) -> Option<Sighting> {
        self.presence.sighting(client_id)
    }

    /// The filters of a client's session with their granted QoS, in order; `None` if there is no
    /// session.
    pub(crate) fn subscriptions_of(&self, client_id: &str) -> Option<Vec<(String, QoS)>> {
        let session = self.sessions.of(client_id)?;
        let state = session.state.lock();
        let granted = state.subscriptions.iter();
        let mut granted: Vec<_> = granted
            .map(|one| (subscriptions::text(&one.subscription).into_owned(), one.qos))
            .collect();
        granted.sort_unstable();
        Some(granted)
    }

    /// Ends a client's connection, and its session if asked to; false if it is not connected.
    pub(crate) fn send_off(&self, client_id: &str, end_session: bool, with_will: bool) -> bool {
        let Some(session) = self.sessions.of(client_id) else {
            return false;
        };
        if session.link().is_none() {
            return false;
        }
        session.end_connection(End::Api { with_will });
        if end_session {
            // The connection's own end finds the session gone.
            session.state.lock().expiry_s = 0;
        }
        true
    }
}
