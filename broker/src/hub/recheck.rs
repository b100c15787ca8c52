//! Permissions that were withdrawn: what a session has from before is decided about again.
//!
//! AWS says that `iot:Receive` is decided for each message. For subscriptions that a client comes
//! back to it is silent; here they need `iot:Subscribe` again, so that a persistent session does not
//! outlive the permission that it was made with (as CVE-2021-34434 did).

use super::Hub;
use super::outbox::Outbox;
use super::session::Session;
use super::subscriptions::text;
use mqtt::topic::Subscription;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Hub {
    /// Ends the subscriptions of a session that its client, which is back, may not make any more.
    pub(super) fn recheck_subscriptions(&self, session: &Arc<Session>) {
        let guard = session.guard.load();
        let may = |one: &Subscription| {
            let resource = format!("{}topicfilter/{}", self.arn, text(one));
            guard.allows("iot:Subscribe", &resource)
        };
        let mut denied = Vec::new();
        let mut state = session.state.lock();
        for one in state.subscriptions.iter() {
            if !may(&one.subscription) {
                denied.push(one.subscription.clone());
            }
        }
        for one in &denied {
            let filter = text(one);
            state.subscriptions.remove(&filter);
            if let Some(keeper) = &session.keeper {
                keeper.unsubscribe(&filter);
            }
        }
        drop(state);
        for one in &denied {
            let (client_id, filter) = (&session.client_id, text(one));
            tracing::warn!(?client_id, ?filter, "subscription is no longer allowed");
            self.router.write().unsubscribe(one, session);
        }
        if !denied.is_empty() {
            self.changes.under(denied.iter().map(|one| &one.filter));
        }
    }

    /// Whether policies, attachments or certificates have changed since the last call.
    pub(super) fn permissions_changed(&self) -> bool {
        let epoch = self.things.epoch();
        self.rechecked.swap(epoch, Ordering::Relaxed) != epoch
    }

    /// Takes from a session what waits for the window and may not be received any more. What is
    /// another member's as well is handed on.
    pub(super) fn recheck_waiting(&self, session: &Arc<Session>, now_ms: u64) {
        if session.look(Outbox::waiting_messages) == 0 {
            return;
        }
        let denied = session.with_output(|outbox| {
            outbox.take_denied(|message| self.may_receive(session, &self.topic_arn(&message.topic)))
        });
        self.hand_on(session, denied, now_ms);
    }
}
