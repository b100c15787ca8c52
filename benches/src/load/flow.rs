//! Messages in flight: publishers that keep their windows full or keep to a schedule, and
//! subscribers that tick off what comes.

use super::client::ClientSettings;
use super::course::{Counts, Course, Phase};
use super::error::LoadError;
use super::ledger::Ledger;
use super::opener::Opener;
use super::pace::Pace;
use super::plan::{DRAWN_LEVELS, Plan};
use crate::measure::{Histogram, ns};
use crate::net::{Handler, LinkId, Net, NetError, Wait};
use crate::wire::{
    Answer, Form, Packet, QoS, Stamp, Template, decode_answer, put_disconnect, put_puback,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
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

/// Output of a publisher beyond which it waits.
const OUT_BYTES_MAX: usize = 256 * 1024;

/// A message that leaves later than this after it was due was kept back: by a full window, or
/// because this program had no CPU.
const LATE_NS: u64 = 1_000_000;

/// How long a round may wait when nothing is scheduled.
const IDLE: Duration = Duration::from_millis(5);

/// Errors that are kept; more of them say nothing new.
const ERRORS_MAX: usize = 8;

struct Publisher {
    template: Template,
    sent: u64,
    dimension: Option<u32>,
    levels_at: usize,
}

/// The kind of client on a connection.
enum Role {
    Subscriber(usize),
    Stalled(usize),
    Publisher(usize),
}

/// A load under way.
pub(crate) struct Flow<'a> {
    settings: &'a FlowSettings,
    plan: &'a Plan,
    pub(crate) ledger: Ledger,
    publishers: Vec<Publisher>,
    opener: Opener,
    /// SUBACKs that each subscriber still waits for.
    subacks: Vec<usize>,
    ready: usize,
    pace: Option<Pace>,
    sending: bool,
    /// Messages that were due in this time are measured, whenever they arrive.
    measured_ns: Range<u64>,
    pub(crate) latency: Histogram,
    pub(crate) late: u64,
    pub(crate) stalled: bool,
    /// Messages that stalled readers have read.
    pub(crate) stalled_read: u64,
    pub(crate) stalled_lost: usize,
    pub(crate) errors: Vec<String>,
    failure: Option<LoadError>,
    /// Deliveries and acknowledgements, to see whether anything moves.
    moves: u64,
    rng: SmallRng,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(plan: &'a Plan, settings: &'a FlowSettings, net: &mut Net) -> Self {
        let clients = plan.subscribers.len() + plan.stalled.len() + plan.topics.len();
        for _ in 0..clients {
            net.add_link();
        }
        let client = &settings.client;
        let publisher = |topic: &super::plan::Topic| Publisher {
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
            opener: Opener::new(0..clients, client.at_once),
            subacks: vec![0; plan.subscribers.len() + plan.stalled.len()],
            ready: 0,
            pace: None,
            sending: false,
            measured_ns: 0..0,
            latency: Histogram::default(),
            late: 0,
            stalled: false,
            stalled_read: 0,
            stalled_lost: 0,
            errors: Vec::new(),
            failure: None,
            moves: 0,
            rng: SmallRng::seed_from_u64(1),
        }
    }

    fn clients(&self) -> usize {
        self.subacks.len() + self.publishers.len()
    }

    fn stalled_links(&self) -> Range<LinkId> {
        self.plan.subscribers.len()..self.subacks.len()
    }

    fn link(&self, publisher: usize) -> LinkId {
        self.subacks.len() + publisher
    }

    #[inline]
    fn role(&self, link: LinkId) -> Role {
        if link < self.plan.subscribers.len() {
            Role::Subscriber(link)
        } else if link < self.subacks.len() {
            Role::Stalled(link - self.plan.subscribers.len())
        } else {
            Role::Publisher(link - self.subacks.len())
        }
    }

    fn name(&self, link: LinkId) -> String {
        match self.role(link) {
            Role::Subscriber(nth) => format!("subscriber-{nth}"),
            Role::Stalled(nth) => format!("slow-reader-{nth}"),
            Role::Publisher(nth) => format!("publisher-{nth}"),
        }
    }

    /// Connects all clients and subscribes those that do.
    pub(crate) fn set_up(&mut self, net: &mut Net) -> Result<(), LoadError> {
        let seconds = self.settings.client.set_up_s;
        let until_ns = net.clock.now_ns() + ns(seconds);
        while self.ready < self.clients() {
            self.opener.advance(net)?;
            net.round(self, Wait::Coarse(IDLE))?;
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if net.clock.now_ns() > until_ns {
                return Err(LoadError::SetUp {
                    ready: self.ready,
                    wanted: self.clients(),
                    seconds,
                });
            }
        }
        Ok(())
    }

    /// Sends and counts until the course is over and everything is in.
    pub(crate) fn run(&mut self, net: &mut Net, course: &mut Course<'_>) -> Result<(), LoadError> {
        self.stalled_links().for_each(|link| net.pause(link));
        let start_ns = net.clock.now_ns();
        let per_second = self.settings.per_second;
        self.pace = per_second.map(|rate| Pace::new(start_ns, rate, self.publishers.len()));
        self.sending = true;
        let (mut moves, mut moved_ns) = (self.moves, start_ns);
        loop {
            let now_ns = net.clock.now_ns();
            course.advance(now_ns, self.counts());
            if !self.errors.is_empty() && course.phase() != Phase::Drain {
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
        for link in 0..self.clients() {
            put_disconnect(net.out(link));
        }
        net.flush(self);
    }

    /// Messages that were due and never left, because their windows stayed full.
    pub(crate) fn unsent(&self) -> u64 {
        self.pace
            .map_or(0, |pace| pace.due().saturating_sub(self.ledger.published()))
    }

    fn counts(&self) -> Counts {
        Counts {
            published: self.ledger.published(),
            delivered: self.ledger.delivered(),
        }
    }

    fn wait(&self) -> Wait {
        if self.ledger.has_freed() {
            return Wait::Coarse(Duration::ZERO);
        }
        match &self.pace {
            Some(pace) if self.sending => Wait::Until(pace.next_ns()),
            _ => Wait::Coarse(IDLE),
        }
    }

    fn send(&mut self, net: &mut Net, now_ns: u64) {
        if let Some(pace) = &mut self.pace
            && self.sending
        {
            while let Some(publisher) = pace.next_due(now_ns) {
                self.ledger.list(publisher);
            }
        }
        while let Some(publisher) = self.ledger.next_freed() {
            self.fill(net, publisher, now_ns);
        }
    }

    /// Sends what the window, the schedule and the output buffer allow.
    fn fill(&mut self, net: &mut Net, publisher: usize, now_ns: u64) {
        let link = self.link(publisher);
        while self.sending && self.ledger.is_open(publisher) {
            if net.unsent(link).is_none_or(|bytes| bytes > OUT_BYTES_MAX) {
                // `drained` comes back to it.
                return;
            }
            let Some(due_ns) = self.next_due_ns(publisher, now_ns) else {
                return;
            };
            self.late += u64::from(now_ns - due_ns > LATE_NS);
            self.publish(net, publisher, due_ns);
        }
    }

    /// When the publisher's next message is due, if it is by now.
    #[inline]
    fn next_due_ns(&self, publisher: usize, now_ns: u64) -> Option<u64> {
        let sent = self.publishers[publisher].sent;
        match &self.pace {
            None => Some(now_ns),
            Some(pace) => Some(pace.due_ns(publisher, sent)).filter(|due_ns| *due_ns <= now_ns),
        }
    }

    #[inline]
    fn publish(&mut self, net: &mut Net, nth: usize, due_ns: u64) {
        let (sequence, packet_id) = self.ledger.publish(nth);
        let publisher = &mut self.publishers[nth];
        publisher.sent += 1;
        if let Some(dimension) = publisher.dimension {
            for level in 0..DRAWN_LEVELS {
                let number = self.rng.random_range(0..dimension);
                let digit = |power| b'0' + (number / power % 10) as u8;
                let text = [digit(100), digit(10), digit(1)];
                let at = publisher.levels_at + 4 * level;
                publisher.template.patch_topic(at, &text);
            }
        }
        let stamp = Stamp {
            due_ns,
            publisher: nth as u32,
            sequence,
        };
        let link = self.subacks.len() + nth;
        self.publishers[nth]
            .template
            .put(net.out(link), packet_id, stamp);
    }

    #[inline]
    fn deliver(&mut self, subscriber: usize, payload: &[u8], now_ns: u64) {
        self.moves += 1;
        let Some(stamp) = self.settings.form.read(payload) else {
            return self.error("a message that this run did not send arrived".to_owned());
        };
        let publisher = stamp.publisher as usize;
        if self.ledger.deliver(subscriber, publisher, stamp.sequence)
            && self.measured_ns.contains(&stamp.due_ns)
        {
            self.latency.add(now_ns.saturating_sub(stamp.due_ns));
        }
    }

    fn answer(&mut self, net: &mut Net, link: LinkId, packet: &[u8]) -> Result<(), LoadError> {
        let client = || format!("{}-{}", self.settings.client.id_prefix, self.name(link));
        match decode_answer(packet, self.settings.client.version)? {
            Answer::Connected { receive_maximum } => self.connected(net, link, receive_maximum)?,
            Answer::ConnectionRefused(reason) => {
                let client = client();
                return Err(LoadError::Connection { client, reason });
            }
            Answer::Subscribed => {
                self.subacks[link] = self.subacks[link].saturating_sub(1);
                if self.subacks[link] == 0 {
                    self.is_ready();
                }
            }
            Answer::SubscriptionRefused(reason) => {
                let client = client();
                return Err(LoadError::Subscription { client, reason });
            }
            Answer::Disconnected(reason) => match self.role(link) {
                Role::Stalled(_) => {}
                Role::Subscriber(_) | Role::Publisher(_) => {
                    let client = client();
                    self.error(format!(
                        "{client}: the broker sent DISCONNECT {reason:#04x}"
                    ));
                }
            },
            Answer::Pong | Answer::Nothing => {}
        }
        Ok(())
    }

    fn connected(
        &mut self,
        net: &mut Net,
        link: LinkId,
        receive_maximum: u16,
    ) -> Result<(), LoadError> {
        let subscriber = match self.role(link) {
            Role::Subscriber(nth) => &self.plan.subscribers[nth],
            Role::Stalled(nth) => &self.plan.stalled[nth],
            Role::Publisher(nth) => {
                if self.settings.client.qos == QoS::AtLeastOnce {
                    self.ledger.limit_window(nth, receive_maximum);
                }
                self.is_ready();
                return Ok(());
            }
        };
        let client = &self.settings.client;
        self.subacks[link] = client.put_subscribes(net.out(link), &subscriber.filters)?;
        if self.subacks[link] == 0 {
            self.is_ready();
        }
        Ok(())
    }

    fn is_ready(&mut self) {
        self.ready += 1;
        self.opener.arrived();
    }

    fn error(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    /// Before all clients are ready an error is the end; afterwards it is reported.
    fn fail(&mut self, failure: LoadError) {
        if self.ready < self.clients() {
            self.failure.get_or_insert(failure);
        } else {
            self.error(failure.to_string());
        }
    }
}

impl Handler for Flow<'_> {
    fn opened(&mut self, net: &mut Net, link: LinkId) {
        let name = self.name(link);
        let put = self.settings.client.put_connect(net.out(link), &name);
        if let Err(error) = put {
            self.fail(error.into());
        }
    }

    #[inline]
    fn packet(&mut self, net: &mut Net, link: LinkId, packet: Packet<'_>, now_ns: u64) {
        match packet {
            Packet::Publish { packet_id, payload } => {
                if let Some(packet_id) = packet_id {
                    put_puback(net.out(link), packet_id);
                }
                match self.role(link) {
                    Role::Subscriber(nth) => self.deliver(nth, payload, now_ns),
                    Role::Stalled(_) => self.stalled_read += 1,
                    Role::Publisher(_) => self.error("a publisher got a message".to_owned()),
                }
            }
            Packet::PubAck { packet_id, reason } => {
                self.moves += 1;
                if let Role::Publisher(nth) = self.role(link) {
                    self.ledger.acknowledge(nth, packet_id, reason >= 0x80);
                }
            }
            Packet::Other(packet) => {
                if let Err(error) = self.answer(net, link, packet) {
                    self.fail(error);
                }
            }
        }
    }

    fn closed(&mut self, _net: &mut Net, link: LinkId, why: NetError) {
        match self.role(link) {
            Role::Stalled(_) if self.ready == self.clients() => self.stalled_lost += 1,
            Role::Stalled(_) | Role::Subscriber(_) | Role::Publisher(_) => {
                let client = format!("{}-{}", self.settings.client.id_prefix, self.name(link));
                let ready = self.ready == self.clients();
                self.fail(LoadError::lost(client, why, ready));
            }
        }
    }

    #[inline]
    fn drained(&mut self, net: &mut Net, link: LinkId) {
        if let Role::Publisher(nth) = self.role(link)
            && self.sending
            && self.ledger.is_open(nth)
            && self.next_due_ns(nth, net.clock.now_ns()).is_some()
        {
            self.ledger.list(nth);
        }
    }
}
