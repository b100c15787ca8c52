//! A shared subscription: its members, the draw among them, and what waits when none is there.
//!
//! AWS: one random online member per message; offline members are skipped; messages above QoS 0
//! wait while at least one member has a persistent session, and new ones are dropped when the
//! queue is full ("MQTT - Shared Subscriptions" in the AWS IoT developer guide).

use crate::message::QoS;
use rand::Rng;
use std::collections::VecDeque;

/// One member of a group.
#[derive(Clone, Debug)]
pub struct Member<S> {
    /// The member's session.
    pub session: S,
    /// The QoS it was granted.
    pub qos: QoS,
    /// Its subscription identifier, if it gave one.
    pub subscription_id: Option<u32>,
    /// Whether it is connected.
    pub online: bool,
    /// Whether its session outlives the connection.
    pub persistent: bool,
}

/// A group of members, and the messages that wait for one of them. `S` names a session, `M` is a
/// message.
#[derive(Debug)]
pub struct Group<S, M> {
    members: Vec<Member<S>>,
    waiting: VecDeque<M>,
    queued_max: usize,
}

impl<S: PartialEq + Clone, M> Group<S, M> {
    /// An empty group that keeps at most `queued_max` messages.
    pub fn new(queued_max: usize) -> Self {
        Group {
            members: Vec::new(),
            waiting: VecDeque::new(),
            queued_max,
        }
    }

    /// Adds a member, or changes the one that is there. Takes effect for the next message.
    pub fn join(&mut self, member: Member<S>) {
        match self
            .members
            .iter_mut()
            .find(|m| m.session == member.session)
        {
            Some(known) => *known = member,
            None => self.members.push(member),
        }
    }

    /// Removes a member that unsubscribed or whose session ended. Gives back what waits when no
    /// persistent member is left to wait for.
    pub fn leave(&mut self, session: &S) -> VecDeque<M> {
        self.members.retain(|m| m.session != *session);
        if self.members.iter().any(|m| m.persistent) {
            return VecDeque::new();
        }
        std::mem::take(&mut self.waiting)
    }

    /// Marks a member as connected or gone.
    pub fn set_online(&mut self, session: &S, online: bool) {
        if let Some(member) = self.members.iter_mut().find(|m| m.session == *session) {
            member.online = online;
        }
    }

    /// Draws a connected member that `may` have the message, each with the same chance.
    pub fn draw(&self, rng: &mut impl Rng, may: impl Fn(&Member<S>) -> bool) -> Option<&Member<S>> {
        let fits = |m: &&Member<S>| m.online && may(m);
        // The usual group is all online: one draw finds a member.
        if !self.members.is_empty() {
            let first = &self.members[rng.random_range(0..self.members.len())];
            if fits(&first) {
                return Some(first);
            }
        }
        let count = self.members.iter().filter(fits).count();
        if count == 0 {
            return None;
        }
        self.members
            .iter()
            .filter(fits)
            .nth(rng.random_range(0..count))
    }

    /// Keeps a message for a member to come. Gives it back when the group has no persistent
    /// member or the queue is full.
    pub fn wait(&mut self, message: M) -> Result<(), M> {
        if self.waiting.len() >= self.queued_max || !self.members.iter().any(|m| m.persistent) {
            return Err(message);
        }
        self.waiting.push_back(message);
        Ok(())
    }

    /// Takes the oldest waiting message.
    pub fn take_waiting(&mut self) -> Option<M> {
        self.waiting.pop_front()
    }

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The members, in the order they joined.
    pub fn members(&self) -> &[Member<S>] {
        &self.members
    }

    /// Members that are connected.
    pub fn online(&self) -> usize {
        self.members.iter().filter(|m| m.online).count()
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn member(session: u32, online: bool, persistent: bool) -> Member<u32> {
        Member {
            session,
            qos: QoS::AtLeastOnce,
            subscription_id: None,
            online,
            persistent,
        }
    }

    #[test]
    fn the_draw_is_even_among_online_members() {
        let mut group: Group<u32, ()> = Group::new(10);
        let mut rng = SmallRng::seed_from_u64(1);
        for session in 0..5 {
            group.join(member(session, session != 2 && session != 4, true));
        }
        let mut drawn = [0u32; 5];
        for _ in 0..30_000 {
            drawn[group.draw(&mut rng, |_| true).unwrap().session as usize] += 1;
        }
        assert_eq!((drawn[2], drawn[4]), (0, 0));
        // Five standard deviations of a binomial draw of 1/3 are 408.
        for session in [0, 1, 3] {
            assert!(drawn[session].abs_diff(10_000) < 408, "{drawn:?}");
        }
    }

    #[test]
    fn messages_wait_only_for_a_persistent_member() {
        let mut group: Group<u32, u32> = Group::new(2);
        group.join(member(1, false, false));
        assert_eq!(group.wait(1), Err(1));
        group.join(member(2, false, true));
        assert_eq!(
            (group.wait(1), group.wait(2), group.wait(3)),
            (Ok(()), Ok(()), Err(3))
        );
        assert_eq!(group.take_waiting(), Some(1));
        assert_eq!(group.leave(&2), [2]);
        assert_eq!(group.waiting(), 0);
    }
}
