//! Answers to clients that wait until what they acknowledge is on disk.

use super::{Journal, STORED};
use crate::hub::Hub;
use crate::hub::end::End;
use crate::hub::link::Link;
use crate::hub::session::Session;
use mqtt::codec::ReasonCode;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Journal {
    /// Calls `give` with the connection's output once all that this thread has stored since
    /// [`Journal::watch`] is on disk, or at once if that is nothing. Answers of a connection keep
    /// their order ([MQTT-4.6.0-2]): one that has nothing to wait for itself waits for those
    /// before it. None is given on a connection that is gone, nor when the disk has failed: that
    /// ends the connection, so that its client sends again what was not acknowledged.
    pub(in crate::hub) fn answer(
        &self,
        session: &Arc<Session>,
        link: &Arc<Link>,
        give: impl FnOnce(&Arc<Session>) + Send + 'static,
    ) {
        if !STORED.take() && !link.has_answers_waiting() {
            give(session);
            return;
        }
        link.answer_waits();
        let (session, link) = (Arc::clone(session), Arc::clone(link));
        let then = move |on_disk| {
            if on_disk {
                give(&session);
            } else {
                link.end(End::Server(ReasonCode::ImplementationSpecificError));
            }
            link.answer_given();
        };
        self.rows.write([], Some(Box::new(then)));
    }

    /// Calls `then` with whether all that has been accepted is on disk.
    pub(in crate::hub) fn then(&self, then: impl FnOnce(bool) + Send + 'static) {
        self.rows.write([], Some(Box::new(then)));
    }

    /// Notes that something was stored for what this thread does, by somebody else.
    pub(in crate::hub) fn expect_disk(&self) {
        STORED.set(true);
    }

    /// Waits until all that has been accepted is on disk; false when the disk has failed.
    async fn on_disk(&self) -> bool {
        let (done, wait) = oneshot::channel();
        let then = move |on_disk| {
            // Whoever waited may be gone.
            let _ = done.send(on_disk);
        };
        self.rows.write([], Some(Box::new(then)));
        wait.await.unwrap_or(false)
    }
}

impl Hub {
    /// Waits until what the caller has just published on this thread is on disk, as far as it has
    /// to be kept. False when the disk has failed.
    pub(crate) async fn stored(&self) -> bool {
        match &self.journal {
            Some(journal) if STORED.take() => journal.on_disk().await,
            Some(_) | None => true,
        }
    }

    /// Holds a client back that waits for the disk itself while more comes than the disk takes.
    pub(in crate::hub) async fn yield_to_disk(&self, link: &Link) {
        if let Some(journal) = &self.journal
            && link.has_answers_waiting()
        {
            while journal.rows.is_pressed() && journal.on_disk().await {}
        }
    }
}
