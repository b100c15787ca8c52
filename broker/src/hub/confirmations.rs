//! Callers that wait for the PUBACK of a message that they sent to one client.

use tokio::sync::oneshot;

/// Who waits for the PUBACK of which packet id.
#[derive(Debug, Default)]
pub(super) struct Confirmations(Vec<(u16, oneshot::Sender<()>)>);

impl Confirmations {
    /// Somebody waits for a packet id from now on.
    pub(super) fn wait_for(&mut self, id: u16) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.0.push((id, tell));
        told
    }

    /// The PUBACK of a packet id is there.
    pub(super) fn confirm(&mut self, id: u16) {
        let at = self.0.iter().position(|(of, _)| *of == id);
        if let Some(at) = at {
            let (_, tell) = self.0.swap_remove(at);
            // Whoever asked may have stopped waiting.
            let _ = tell.send(());
        }
    }

    /// Forgets who has stopped waiting.
    pub(super) fn forget_gone(&mut self) {
        self.0.retain(|(_, tell)| !tell.is_closed());
    }
}
