//! A shared subscription and its members (`$share/NAME/FILTER`).

use super::journal::Journal;
use super::session::Session;
use mqtt::rate::Bucket;
use mqtt::session::Outbound;
use mqtt::share::{self, Member};
use mqtt::topic::TopicFilter;
use mqtt::{Message, Profile, QoS};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::cell::RefCell;
use std::sync::Arc;
use uuid::Uuid;

thread_local! {
    static CHANCE: RefCell<SmallRng> = RefCell::new(SmallRng::from_os_rng());
}

/// One group: a share name and a filter.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) filter: TopicFilter,
    members: Mutex<share::Group<Arc<Session>, Waiting>>,
    journal: Option<Arc<Journal>>,
    /// How fast what waits is handed out: so many rounds a second, in each of which every connected
    /// member gets one.
    pace: Option<Mutex<Bucket>>,
}

/// A message that waits for a member.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Arc<Message>,
    /// Its number on disk, if it is there.
    pub(super) stored: Option<u64>,
}

/// The member that was drawn for a message.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) session: Arc<Session>,
    /// The QoS that it was granted.
    pub(super) qos: QoS,
    pub(super) subscription_id: Option<u32>,
}

impl Group {
    pub(super) fn new(
        name: Arc<str>,
        filter: TopicFilter,
        profile: &Profile,
        journal: Option<Arc<Journal>>,
    ) -> Arc<Self> {
        let per_s = profile.shared_stored_per_s;
        let members = share::Group::new(profile.shared_queue_messages);
        Arc::new(Self {
            name,
            filter,
            members: Mutex::new(members),
            journal,
            pace: (per_s > 0).then(|| Mutex::new(Bucket::new(per_s, 0))),
        })
    }

    /// Adds a member or changes one.
    pub(super) fn join(&self, member: Member<Arc<Session>>) {
        self.members.lock().join(member);
    }

    /// Removes a member; says whether nobody is left.
    pub(super) fn leave(&self, session: &Arc<Session>) -> bool {
        let mut members = self.members.lock();
        let left = members.leave(session);
        self.release(left);
        members.is_empty()
    }

    /// Marks a member as connected or gone.
    pub(super) fn set_online(&self, session: &Arc<Session>, online: bool) {
        self.members.lock().set_online(session, online);
    }

    /// The members' sessions.
    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        let members = self.members.lock();
        members
            .members()
            .iter()
            .map(|m| m.session.clone())
            .collect()
    }

    /// Draws a connected member with room for more, or else any connected one.
    pub(super) fn draw(&self, may: impl Fn(&Session) -> bool) -> Option<Drawn> {
        let members = self.members.lock();
        CHANCE.with_borrow_mut(|chance| {
            let has_room = |m: &Member<Arc<Session>>| {
                may(&m.session) && m.session.look(super::outbox::Outbox::has_room)
            };
            let drawn = members
                .draw(chance, has_room)
                .or_else(|| members.draw(chance, |m| may(&m.session)));
            drawn.map(|member| Drawn {
                session: Arc::clone(&member.session),
                qos: member.qos,
                subscription_id: member.subscription_id,
            })
        })
    }

    /// Gives a message above QoS 0 to a connected member, or keeps it for one to come. False when
    /// it is lost: nobody is there and none of the members is persistent, or the queue is full.
    pub(super) fn give(
        self: &Arc<Self>,
        message: Arc<Message>,
        may: &dyn Fn(&Session) -> bool,
        now_ms: u64,
    ) -> bool {
        match self.draw(may) {
            Some(drawn) => {
                let outbound = self.outbound(message, &drawn);
                drawn.session.send(outbound, now_ms);
                true
            }
            None => self.keep(message),
        }
    }

    /// Keeps a message above QoS 0 for a member to come; see [`Group::give`].
    pub(super) fn keep(&self, message: Arc<Message>) -> bool {
        let mut members = self.members.lock();
        let Some(journal) = &self.journal else {
            let stored = None;
            return members.wait(Waiting { message, stored }).is_ok();
        };
        let (number, row) = journal.enter_shared(self, &message);
        let stored = Some(number);
        let kept = members.wait(Waiting { message, stored }).is_ok();
        if kept {
            journal.store_shared(row);
        }
        kept
    }

    /// Takes back a message that waited before the server's start; gives it back when there is no
    /// room or nobody to wait for.
    pub(super) fn restore(&self, waiting: Waiting) -> Result<(), Waiting> {
        self.members.lock().wait(waiting)
    }

    /// Messages wait no longer.
    fn release(&self, left: impl IntoIterator<Item = Waiting>) {
        if let Some(journal) = &self.journal {
            let mut numbers = left.into_iter().filter_map(|w| w.stored).peekable();
            if numbers.peek().is_some() {
                journal.release_shared(numbers);
            }
        }
    }

    /// A delivery to the member that was drawn; handed to another if that one leaves.
    pub(super) fn outbound(
        self: &Arc<Self>,
        message: Arc<Message>,
        drawn: &Drawn,
    ) -> Outbound<Arc<Group>> {
        Outbound {
            qos: message.qos.min(drawn.qos),
            message,
            retain: false,
            subscription_ids: drawn.subscription_id.into(),
            share: Some(Arc::clone(self)),
            stored: None,
        }
    }

    /// Hands what waits to the members that are connected now; each message is tried once. Says
    /// whether more is to be handed out later, for the sake of the pace.
    pub(super) fn drain(
        self: &Arc<Self>,
        may: &dyn Fn(&Session, &str) -> bool,
        now_ms: u64,
    ) -> bool {
        let waiting = self.members.lock().waiting();
        let mut round = 0;
        for _ in 0..waiting {
            if let Some(pace) = &self.pace
                && round == 0
            {
                round = self.members.lock().online();
                if round == 0 {
                    return false;
                }
                if !pace.lock().take(now_ms) {
                    return true;
                }
            }
            round = round.saturating_sub(1);
            // The lock is not held while a message is given away.
            let Some(waiting) = self.members.lock().take_waiting() else {
                return false;
            };
            let message = Arc::clone(&waiting.message);
            if message.expires_at_ms.is_none_or(|at| at > now_ms) {
                let topic = Arc::clone(&message.topic);
                self.give(message, &|session| may(session, &topic), now_ms);
            }
            // After it was given, so that it is on disk at every moment.
            self.release([waiting]);
        }
        false
    }
}

/// Makes this thread's draws come out the same every time.
#[cfg(test)]
pub(super) fn seed_chance(seed: u64) {
    CHANCE.set(SmallRng::seed_from_u64(seed));
}

/// A random UUID that nobody has to be unable to guess, without a system call.
pub(super) fn random_uuid() -> Uuid {
    let bytes: [u8; 16] = CHANCE.with_borrow_mut(Rng::random);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
