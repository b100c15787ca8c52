//! Messages to one connected client, whatever it subscribes to (`SendDirectMessage`).

use super::Hub;
use super::flush;
use super::publication::Publication;
use mqtt::session::{Outbound, SubscriptionIds};
use mqtt::{Message, QoS};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Resolves when the client has acknowledged; fails when its connection ends before.
pub(crate) type Confirmation = oneshot::Receiver<()>;

/// Why a direct message is not sent; the words are those of AWS's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DirectRefusal {
    #[error("TARGET_CLIENT_NOT_CONNECTED")]
    NotConnected,
    #[error("RECEIVE_AUTHORIZATION_FAILURE")]
    NotAllowed,
    #[error("RECEIVE_SESSION_THROTTLED")]
    Throttled,
    #[error("RECEIVER_MAX_UNACKED_QOS1_EXCEEDED")]
    Unacknowledged,
    #[error("CLIENT_ENDPOINT_NOT_WRITABLE")]
    NotWritable,
}

impl Hub {
    /// Sends a message to a client that is connected: at QoS 0, or at QoS 1 with a confirmation.
    /// It is not kept for the client, and rules do not see it.
    pub(crate) fn send_direct(
        &self,
        client_id: &str,
        message: &Arc<Message>,
    ) -> Result<Option<Confirmation>, DirectRefusal> {
        let sent = self.put_direct(client_id, message);
        flush::settle(self.now_ms());
        sent
    }

    /// The same from a thread that settles what it has put out itself.
    pub(super) fn put_direct(
        &self,
        client_id: &str,
        message: &Arc<Message>,
    ) -> Result<Option<Confirmation>, DirectRefusal> {
        let session = self.sessions.of(client_id);
        let session = session
            .filter(|session| session.link().is_some())
            .ok_or(DirectRefusal::NotConnected)?;
        if !self.may_receive(&session, &self.topic_arn(&message.topic)) {
            return Err(DirectRefusal::NotAllowed);
        }
        let now_ms = self.now_ms();
        self.quota_deliver(&session, now_ms)
            .map_err(|_| DirectRefusal::Throttled)?;
        let sent = session.with_output(|outbox| {
            if message.qos == QoS::AtMostOnce {
                let publication = Publication::of_message(message, now_ms);
                let put = outbox.put_at_most_once(&publication, false, &[]);
                return put.then_some(None).ok_or(DirectRefusal::NotWritable);
            }
            let outbound = Outbound {
                message: Arc::clone(message),
                qos: QoS::AtLeastOnce,
                retain: false,
                subscription_ids: SubscriptionIds::None,
                share: None,
                stored: None,
            };
            let confirmation = outbox.send_confirmed(outbound, now_ms);
            confirmation.map(Some).ok_or(DirectRefusal::Unacknowledged)
        });
        self.metrics.published_out(usize::from(sent.is_ok()), 0, 0);
        sent
    }
}
