//! The ends of connections and sessions, by time, by a word, or by the network.

use super::{Oracle, Violation};

impl Oracle {
    /// Time has passed and the server did what was due.
    pub(in crate::hub::simulation) fn tick(&mut self) -> Result<(), Violation> {
        let now_ms = self.now_ms;
        for line in self.lines.values_mut() {
            let silent = now_ms.saturating_sub(line.heard_ms) > line.silence_max_ms;
            if line.opened && line.silence_max_ms > 0 && silent {
                line.reason.get_or_insert("silent");
            }
        }
        let clients: Vec<usize> = self.sessions.keys().copied().collect();
        for client in clients {
            let Some(session) = self.sessions.get_mut(&client) else {
                continue;
            };
            if session.line.is_some() {
                self.give_up(client);
                continue;
            }
            if let Some((_, will)) = session.delayed_will.take_if(|(due, _)| *due <= now_ms) {
                self.counts.wills_delayed += 1;
                self.publish_will(&will);
            }
            if self.sessions[&client].is_over(now_ms) {
                self.counts.sessions_expired += 1;
                self.end_session(client);
            }
        }
        Ok(())
    }

    /// The server closed a connection.
    pub(in crate::hub::simulation) fn closed(&mut self, number: usize) -> Result<(), Violation> {
        let line = self.lines.remove(&number).ok_or("closed twice")?;
        let Some(reason) = line.reason else {
            return Err(format!(
                "client {} was cut off without a reason",
                line.client
            ));
        };
        self.counts.silent += u32::from(reason == "silent");
        let (client, now_ms) = (line.client, self.now_ms);
        let current = self
            .sessions
            .get_mut(&client)
            .filter(|s| s.line == Some(number));
        let Some(session) = current else {
            // Taken over: a will that has a delay is called off by the session's going on.
            let goes_on = reason == "taken over" && self.goes_on(client, number);
            if let Some(will) = line.will.filter(|will| will.delay_s == 0 || !goes_on) {
                self.publish_will(&will);
            }
            return Ok(());
        };
        session.line = None;
        session.ends_ms = Some(now_ms + u64::from(session.expiry_s) * 1000);
        let handed = session.leaves_groups();
        self.counts.handed_on += u32::try_from(handed).unwrap_or(u32::MAX);
        if let Some(will) = line.will {
            let delay_s = will.delay_s.min(session.expiry_s);
            if delay_s == 0 {
                self.publish_will(&will);
            } else {
                session.delayed_will = Some((now_ms + u64::from(delay_s) * 1000, will));
            }
        }
        if self.sessions[&client].expiry_s == 0 {
            self.end_session(client);
        }
        Ok(())
    }

    /// Whether the session that a connection had is still there: the one that took it over, or a
    /// later one, resumed it.
    fn goes_on(&self, client: usize, number: usize) -> bool {
        let session = self.sessions.get(&client);
        session.is_some_and(|session| session.lines.contains(&number))
    }

    pub(super) fn end_session(&mut self, client: usize) {
        let Some(session) = self.sessions.remove(&client) else {
            return;
        };
        self.weaken();
        if let Some((_, will)) = session.delayed_will {
            self.publish_will(&will);
        }
    }
}
