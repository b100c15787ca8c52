//! What waits for the window or for the client, and what of it is sent little by little.

use super::outgoing::{KEPT, Outbound, Outgoing, packet_bytes};
use crate::rate::Bucket;
use std::collections::VecDeque;

/// What waited when the connection began, and is sent little by little, beside what comes meanwhile.
#[derive(Debug)]
pub(super) struct Backlog<G> {
    pub(super) messages: VecDeque<Outbound<G>>,
    pub(super) pace: Bucket,
}

impl<G> Outgoing<G> {
    /// Sends what waits, as far as the window goes; expired messages are skipped
    /// (MQTT 5.0 [3.3.2-5]).
    pub fn pump(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        while self.online && self.unsent > 0 && self.window_open() {
            self.send_again(now_ms, out);
        }
        if let Some(mut backlog) = self.backlog.take() {
            let Backlog { messages, pace } = &mut *backlog;
            self.pump_queue(messages, || pace.take(now_ms), now_ms, out);
            self.backlog = Some(backlog).filter(|backlog| !backlog.messages.is_empty());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        self.pump_queue(&mut waiting, || true, now_ms, out);
        self.waiting = waiting;
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
    }

    fn pump_queue(
        &mut self,
        queue: &mut VecDeque<Outbound<G>>,
        mut may_go: impl FnMut() -> bool,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) {
        while self.online && self.unsent == 0 && self.window_open() {
            let Some(next) = queue.front().filter(|next| self.is_ready(next)) else {
                break;
            };
            let expires_at_ms = next.message.expires_at_ms;
            let is_lost = expires_at_ms.is_some_and(|at| at <= now_ms)
                || packet_bytes(self.version, next) > self.limits.packet_bytes;
            if !is_lost && !may_go() {
                break;
            }
            let Some(outbound) = queue.pop_front() else {
                break;
            };
            self.waiting_bytes -= outbound.message.payload.len();
            if is_lost {
                self.released.extend(outbound.stored);
            } else {
                self.launch(outbound, None, now_ms, out);
            }
        }
    }

    /// Puts what is left of the backlog in front of what came after it.
    pub(super) fn rejoin(&mut self) {
        if let Some(mut backlog) = self.backlog.take() {
            backlog.messages.append(&mut self.waiting);
            self.waiting = backlog.messages;
        }
    }

    /// Counts the bytes that wait, after many have gone at once.
    pub(super) fn count_waiting(&mut self) {
        let backlog = self.backlog.iter().flat_map(|backlog| &backlog.messages);
        let waiting = backlog.chain(&self.waiting);
        self.waiting_bytes = waiting.map(|o| o.message.payload.len()).sum();
    }

    /// Messages waiting for the window or for the client.
    pub fn waiting(&self) -> usize {
        let backlog = self.backlog.as_ref();
        self.waiting.len() + backlog.map_or(0, |backlog| backlog.messages.len())
    }

    /// Whether anything waits for the window, to be sent for the first time or again.
    pub fn has_more(&self) -> bool {
        self.unsent > 0 || !self.waiting.is_empty() || self.backlog.is_some()
    }

    /// Whether something waits for nothing but time.
    pub fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }
}
