//! Messages in flight: publishers that keep their windows full or keep to a schedule, and
//! subscribers that tick off what comes. How messages leave is in `sending`, what becomes of those
//! that come in `receiving`.

use super::churn::Churn;
use super::client::ClientSettings;
use super::course::{Counts, Course, Phase};
use super::error::LoadError;
use super::ledger::Ledger;
use super::opener::Opener;
use super::pace::Pace;
use super::plan::{DRAWN_LEVELS, Plan, Topic};
use super::troubles::Troubles;
use crate::measure::{Histogram, ns};
use crate::net::{LinkId, Net, Wait};
use crate::wire::{Form, QoS, Template, put_disconnect};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What is sent, how fast and for how long.
#[derive(Clone, Debug)]
pub(crate) struct FlowSettings {
    pub(crate) client: ClientSettings,
    pub(crate) form: Form,
    pub(crate) payload_bytes: usize,
    /// Messages of a publisher that may be in flight.
    pub(crate) window: usize,
    /// Messages a second in all; without it the windows are kept full.
    pub(crate) per_second: Option<f64>,
    pub(crate) warm_up_s: f64,
    pub(crate) seconds: f64,
    /// After so long without a delivery, what is in flight is given up as lost.
    pub(crate) stall_s: f64,
}

/// How long a round may wait when nothing is scheduled.
pub(super) const IDLE: Duration = Duration::from_millis(5);

pub(super) struct Publisher {
    pub(super) template: Template,
    pub(super) sent: u64,
    pub(super) dimension: Option<u32>,
    pub(super) levels_at: usize,
}

/// The kind of client on a connection, and its number among those.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Subscriber(usize),
    Stalled(usize),
    Bystander(usize),
    Churner,
    Publisher(usize),
}

/// Where each kind of client ends in the row of connections.
#[derive(Clone, Copy)]
struct Ends {
    subscribers: LinkId,
    stalled: LinkId,
    bystanders: LinkId,
    churner: LinkId,
    all: LinkId,
}

/// A load under way.
pub(crate) struct Flow<'a> {
    pub(super) settings: &'a FlowSettings,
    pub(super) plan: &'a Plan,
    pub(crate) ledger: Ledger,
    pub(super) publishers: Vec<Publisher>,
    ends: Ends,
    opener: Opener,
    /// SUBACKs that each client before the publishers still waits for.
    pub(super) subacks: Vec<usize>,
    ready: usize,
    pub(super) pace: Option<Pace>,
    pub(super) sending: bool,
    /// Messages that were due in this time are measured, whenever they arrive.
    pub(super) measured_ns: Range<u64>,
    pub(crate) latency: Histogram,
    pub(crate) late: u64,
    pub(crate) stalled: bool,
    /// Messages that stalled readers have read.
    pub(crate) stalled_read: u64,
    pub(crate) stalled_lost: usize,
    pub(crate) churn: Option<Churn>,
    pub(super) troubles: Troubles,
    /// Deliveries and acknowledgements, to see whether anything moves.
    pub(super) moves: u64,
    pub(super) rng: SmallRng,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(plan: &'a Plan, settings: &'a FlowSettings, net: &mut Net) -> Self {
        let ends = Ends::of(plan);
        for _ in 0..ends.all {
            net.add_link();
        }
        let client = &settings.client;
        let publisher = |topic: &Topic| Publisher {
            template: Template::new(
                client.version,
                client.qos,
                &topic.text,
                settings.form,
                settings.payload_bytes,
            ),
            sent: 0,
            dimension: topic.dimension,
            levels_at: topic.text.len().saturating_sub(4 * DRAWN_LEVELS - 1),
        };
        let classes: Vec<u32> = plan.subscribers.iter().map(|client| client.class).collect();
        Flow {
            settings,
            plan,
            ledger: Ledger::new(
                plan.accounting,
                plan.due,
                client.qos == QoS::AtLeastOnce,
                plan.topics.len(),
                settings.window,
                &classes,
            ),
            publishers: plan.topics.iter().map(publisher).collect(),
            ends,
            opener: Opener::new(0..ends.all, client.at_once),
            subacks: vec![0; ends.churner],
            ready: 0,
            pace: None,
            sending: false,
            measured_ns: 0..0,
            latency: Histogram::default(),
            late: 0,
            stalled: false,
            stalled_read: 0,
            stalled_lost: 0,
            churn: (!plan.churn.is_empty()).then(|| Churn::new(&plan.churn)),
            troubles: Troubles::default(),
            moves: 0,
            rng: SmallRng::seed_from_u64(1),
        }
    }

    fn stalled_links(&self) -> Range<LinkId> {
        self.ends.subscribers..self.ends.stalled
    }

    #[inline]
    pub(super) fn link(&self, publisher: usize) -> LinkId {
        self.ends.churner + publisher
    }

    #[inline]
    pub(super) fn role(&self, link: LinkId) -> Role {
        let ends = &self.ends;
        if link < ends.subscribers {
            Role::Subscriber(link)
        } else if link >= ends.churner {
            Role::Publisher(link - ends.churner)
        } else if link < ends.stalled {
            Role::Stalled(link - ends.subscribers)
        } else if link < ends.bystanders {
            Role::Bystander(link - ends.stalled)
        } else {
            Role::Churner
        }
    }

    /// Connects all clients and subscribes those that do.
    pub(crate) fn set_up(&mut self, net: &mut Net) -> Result<(), LoadError> {
        let seconds = self.settings.client.set_up_s;
        let until_ns = net.clock.now_ns() + ns(seconds);
        while self.ready < self.ends.all {
            self.opener.advance(net)?;
            net.round(self, Wait::Coarse(IDLE))?;
            self.troubles.check()?;
            if net.clock.now_ns() > until_ns {
                return Err(LoadError::SetUp {
                    ready: self.ready,
                    wanted: self.ends.all,
                    seconds,
                });
            }
        }
        self.troubles.under_way = true;
        Ok(())
    }

    pub(super) fn is_ready(&mut self) {
        self.ready += 1;
        self.opener.arrived();
    }

    /// Sends and counts until the course is over and everything is in.
    pub(crate) fn run(&mut self, net: &mut Net, course: &mut Course<'_>) -> Result<(), LoadError> {
        self.stalled_links().for_each(|link| net.pause(link));
        let start_ns = net.clock.now_ns();
        let per_second = self.settings.per_second;
        self.pace = per_second.map(|rate| Pace::new(start_ns, rate, self.publishers.len()));
        self.sending = true;
        self.begin_churn(net)?;
        let (mut moves, mut moved_ns) = (self.moves, start_ns);
        loop {
            let now_ns = net.clock.now_ns();
            course.advance(now_ns, self.counts());
            if !self.troubles.errors.is_empty() && course.phase() != Phase::Drain {
                course.finish(self.counts());
            }
            self.measured_ns = course.measured_ns();
            self.sending = course.phase() != Phase::Drain;
            if !self.sending && self.ledger.in_flight() == 0 {
                return Ok(());
            }
            self.send(net, now_ns);
            net.flush(self);
            let wait = self.wait();
            net.round(self, wait)?;
            if moves != self.moves || self.ledger.in_flight() == 0 {
                (moves, moved_ns) = (self.moves, now_ns);
            } else if now_ns - moved_ns > ns(self.settings.stall_s) {
                self.stalled = true;
                if !self.sending {
                    return Ok(());
                }
                self.ledger.write_off();
                moved_ns = now_ns;
            }
        }
    }

    fn begin_churn(&mut self, net: &mut Net) -> Result<(), LoadError> {
        let now_ns = net.clock.now_ns();
        if let Some(churn) = &mut self.churn {
            churn.begin(net.out(self.ends.bystanders), &self.settings.client, now_ns)?;
        }
        Ok(())
    }

    fn counts(&self) -> Counts {
        Counts {
            published: self.ledger.published(),
            delivered: self.ledger.delivered(),
        }
    }

    /// Lets the stalled readers read what there is for them, as long as anything comes.
    pub(crate) fn release_stalled(&mut self, net: &mut Net) -> Result<(), LoadError> {
        for link in self.stalled_links() {
            net.resume(self, link);
        }
        let (mut read, mut moved_ns) = (self.stalled_read, net.clock.now_ns());
        loop {
            net.round(self, Wait::Coarse(IDLE))?;
            let now_ns = net.clock.now_ns();
            if read != self.stalled_read {
                (read, moved_ns) = (self.stalled_read, now_ns);
            } else if now_ns - moved_ns > ns(0.5) {
                return Ok(());
            }
        }
    }

    /// Lets every client leave in good order.
    pub(crate) fn leave(&mut self, net: &mut Net) {
        self.sending = false;
        for link in 0..self.ends.all {
            put_disconnect(net.out(link));
        }
        net.flush(self);
    }

    /// Messages that were due and never left, because their windows stayed full.
    pub(crate) fn unsent(&self) -> u64 {
        self.pace
            .map_or(0, |pace| pace.due().saturating_sub(self.ledger.published()))
    }

    pub(crate) fn into_errors(self) -> Vec<String> {
        self.troubles.errors
    }
}

impl Ends {
    fn of(plan: &Plan) -> Self {
        let subscribers = plan.subscribers.len();
        let stalled = subscribers + plan.stalled.len();
        let bystanders = stalled + plan.bystanders.len();
        let churner = bystanders + usize::from(!plan.churn.is_empty());
        Ends {
            subscribers,
            stalled,
            bystanders,
            churner,
            all: churner + plan.topics.len(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Subscriber(nth) => write!(f, "subscriber-{nth}"),
            Role::Stalled(nth) => write!(f, "slow-reader-{nth}"),
            Role::Bystander(nth) => write!(f, "bystander-{nth}"),
            Role::Churner => f.write_str("churner"),
            Role::Publisher(nth) => write!(f, "publisher-{nth}"),
        }
    }
}
