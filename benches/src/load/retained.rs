//! Retained messages: many are stored, and then many subscribers fetch them all.

use super::client::{ClientSettings, Reply};
use super::course::Watch;
use super::error::LoadError;
use super::ledger::Totals;
use super::opener::Opener;
use super::troubles::Troubles;
use crate::measure::{Clock, Histogram, Machine, Process, ns};
use crate::net::{Endpoint, Handler, LinkId, Net, NetError, Wait};
use crate::wire::{Form, Packet, QoS, Stamp, Template};
use crate::wire::{put_disconnect, put_pingreq, put_puback};
use std::time::Duration;

/// How many there are of what.
#[derive(Clone, Debug)]
pub(crate) struct RetainedSettings {
    pub(crate) client: ClientSettings,
    pub(crate) topics: usize,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    /// Whether subscribers name every topic.
    pub(crate) exact: bool,
    pub(crate) payload_bytes: usize,
    pub(crate) stall_s: f64,
}

/// What storing and fetching has shown.
pub(crate) struct RetainedOutcome {
    pub(crate) begin: Machine,
    pub(crate) stored: Machine,
    pub(crate) fetching: Machine,
    pub(crate) fetched: Machine,
    /// From SUBSCRIBE to each message.
    pub(crate) latency: Histogram,
    pub(crate) totals: Totals,
    pub(crate) stalled: bool,
    pub(crate) errors: Vec<String>,
    pub(crate) peak_is_of_run: bool,
}

const OUT_BYTES_MAX: usize = 256 * 1024;

/// Messages of a publisher that may wait for their acknowledgement.
const WINDOW: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Store,
    Fetch,
    /// Empty messages take the retained ones away.
    Clear,
}

struct Publisher {
    sent: usize,
    acknowledged: usize,
    window: usize,
    asked: bool,
    done: bool,
}

struct Retained<'a> {
    settings: &'a RetainedSettings,
    step: Step,
    publishers: Vec<Publisher>,
    /// Which topics each subscriber has.
    got: Vec<Vec<bool>>,
    opener: Opener,
    ready: usize,
    fetch_ns: u64,
    latency: Histogram,
    totals: Totals,
    moves: u64,
    stalled: bool,
    troubles: Troubles,
}

/// Stores and fetches retained messages, and takes them away again.
pub(crate) fn run_retained(
    endpoint: &Endpoint,
    settings: &RetainedSettings,
    watch: &Watch<'_>,
) -> Result<RetainedOutcome, LoadError> {
    let clock = Clock::start();
    let mut net = Net::new(endpoint.clone(), clock)?;
    let peak_is_of_run = watch.broker.is_some_and(Process::reset_peak);
    let mut load = Retained::new(settings, &mut net);
    watch.progress.say("connecting");
    load.set_up(&mut net)?;
    let read = || Machine::read(&clock, watch.broker);
    watch.progress.say("storing");
    let begin = read();
    load.store(&mut net, Step::Store)?;
    let stored = read();
    watch.progress.say("fetching");
    let fetching = read();
    load.fetch(&mut net)?;
    let fetched = read();
    watch.progress.say("clearing");
    load.store(&mut net, Step::Clear)?;
    for link in 0..load.clients() {
        put_disconnect(net.out(link));
    }
    net.flush(&mut load);
    watch.progress.clear();
    let due = (settings.topics * settings.subscribers) as u64;
    Ok(RetainedOutcome {
        begin,
        stored,
        fetching,
        fetched,
        latency: load.latency,
        totals: Totals {
            published: settings.topics as u64,
            due,
            lost: due - load.totals.delivered,
            ..load.totals
        },
        stalled: load.stalled,
        errors: load.troubles.errors,
        peak_is_of_run,
    })
}

impl<'a> Retained<'a> {
    fn new(settings: &'a RetainedSettings, net: &mut Net) -> Self {
        let clients = settings.publishers + settings.subscribers;
        for _ in 0..clients {
            net.add_link();
        }
        let publisher = |_| Publisher {
            sent: 0,
            acknowledged: 0,
            window: WINDOW,
            asked: false,
            done: false,
        };
        Retained {
            settings,
            step: Step::Store,
            publishers: (0..settings.publishers).map(publisher).collect(),
            got: vec![vec![false; settings.topics]; settings.subscribers],
            opener: Opener::new(0..clients, settings.client.at_once),
            ready: 0,
            fetch_ns: 0,
            latency: Histogram::default(),
            totals: Totals::default(),
            moves: 0,
            stalled: false,
            troubles: Troubles::default(),
        }
    }

    fn clients(&self) -> usize {
        self.publishers.len() + self.got.len()
    }

    fn topic(&self, nth: usize) -> String {
        format!("{}/retained/{nth}", self.settings.client.topic_prefix)
    }

    fn set_up(&mut self, net: &mut Net) -> Result<(), LoadError> {
        let seconds = self.settings.client.set_up_s;
        let until_ns = net.clock.now_ns() + ns(seconds);
        while self.ready < self.clients() {
            self.opener.advance(net)?;
            self.round(net)?;
            if net.clock.now_ns() > until_ns {
                let (ready, wanted) = (self.ready, self.clients());
                return Err(LoadError::SetUp {
                    ready,
                    wanted,
                    seconds,
                });
            }
        }
        self.troubles.under_way = true;
        Ok(())
    }

    fn round(&mut self, net: &mut Net) -> Result<(), LoadError> {
        net.round(self, Wait::Coarse(Duration::from_millis(5)))?;
        self.troubles.check()
    }

    /// Rounds until `done`, or until nothing has moved for too long.
    fn rounds(&mut self, net: &mut Net, done: impl Fn(&Self) -> bool) -> Result<(), LoadError> {
        let (mut moves, mut moved_ns) = (self.moves, net.clock.now_ns());
        while !done(self) && self.troubles.errors.is_empty() {
            self.round(net)?;
            let now_ns = net.clock.now_ns();
            if moves != self.moves {
                (moves, moved_ns) = (self.moves, now_ns);
            } else if now_ns - moved_ns > ns(self.settings.stall_s) {
                self.stalled = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Publishes to every topic, and waits until the broker has it all.
    fn store(&mut self, net: &mut Net, step: Step) -> Result<(), LoadError> {
        self.step = step;
        for nth in 0..self.publishers.len() {
            let publisher = &mut self.publishers[nth];
            publisher.sent = 0;
            publisher.acknowledged = 0;
            publisher.asked = false;
            publisher.done = false;
            self.fill(net, nth);
        }
        self.rounds(net, |load| {
            load.publishers.iter().all(|publisher| publisher.done)
        })
    }

    fn fetch(&mut self, net: &mut Net) -> Result<(), LoadError> {
        self.step = Step::Fetch;
        self.fetch_ns = net.clock.now_ns();
        let filters: Vec<String> = if self.settings.exact {
            (0..self.settings.topics)
                .map(|nth| self.topic(nth))
                .collect()
        } else {
            vec![format!("{}/retained/#", self.settings.client.topic_prefix)]
        };
        for nth in 0..self.got.len() {
            let link = self.publishers.len() + nth;
            self.settings
                .client
                .put_subscribes(net.out(link), &filters)?;
        }
        let due = (self.settings.topics * self.got.len()) as u64;
        self.rounds(net, |load| load.totals.delivered == due)
    }

    /// Sends what fits; publisher n has the topics n, n + publishers...
    fn fill(&mut self, net: &mut Net, nth: usize) {
        let acknowledged = self.settings.client.qos == QoS::AtLeastOnce;
        loop {
            let publisher = &self.publishers[nth];
            let topic = nth + publisher.sent * self.publishers.len();
            if topic >= self.settings.topics {
                return self.ask(net, nth, acknowledged);
            }
            let in_flight = publisher.sent - publisher.acknowledged;
            let full = acknowledged && in_flight >= publisher.window;
            if full || net.unsent(nth).is_none_or(|bytes| bytes > OUT_BYTES_MAX) {
                return;
            }
            self.put(net, nth, topic);
            self.publishers[nth].sent += 1;
        }
    }

    fn put(&self, net: &mut Net, nth: usize, topic: usize) {
        let client = &self.settings.client;
        let text = self.topic(topic);
        let stamp = Stamp {
            due_ns: 0,
            publisher: nth as u32,
            sequence: topic as u32,
        };
        // Never more than WINDOW in flight, in order: identifiers may go round.
        let packet_id = (self.publishers[nth].sent % 0xffff) as u16 + 1;
        let (version, qos) = (client.version, client.qos);
        let template = match self.step {
            Step::Store | Step::Fetch => Template::new(
                version,
                qos,
                &text,
                Form::Bytes,
                self.settings.payload_bytes,
            ),
            Step::Clear => Template::empty(version, qos, &text),
        };
        template.retained().put(net.out(nth), packet_id, stamp);
    }

    /// All is sent: a question whose answer says that all has been read.
    fn ask(&mut self, net: &mut Net, nth: usize, acknowledged: bool) {
        let publisher = &mut self.publishers[nth];
        if acknowledged {
            publisher.done = publisher.acknowledged == publisher.sent;
        } else if !publisher.asked {
            publisher.asked = true;
            put_pingreq(net.out(nth));
        }
    }

    fn deliver(&mut self, subscriber: usize, payload: &[u8], now_ns: u64) {
        self.moves += 1;
        let stamp = Form::Bytes.read(payload);
        let topic = stamp.map(|stamp| stamp.sequence as usize);
        match topic.and_then(|topic| self.got[subscriber].get_mut(topic)) {
            // The end of a retained message is heard by those who are subscribed.
            None if self.step == Step::Clear && payload.is_empty() => {}
            None => self.totals.astray += 1,
            Some(true) => self.totals.duplicates += 1,
            Some(got) => {
                *got = true;
                self.totals.delivered += 1;
                self.latency.add(now_ns - self.fetch_ns);
            }
        }
    }

    fn answer(&mut self, link: LinkId, packet: &[u8]) -> Result<(), LoadError> {
        let client = &self.settings.client;
        match client.reply(packet, link)? {
            Reply::Connected { receive_maximum } => {
                if let Some(publisher) = self.publishers.get_mut(link) {
                    publisher.window = WINDOW.min(usize::from(receive_maximum));
                }
                self.ready += 1;
                self.opener.arrived();
            }
            Reply::Pong => {
                self.moves += 1;
                if let Some(publisher) = self.publishers.get_mut(link) {
                    publisher.done = true;
                }
            }
            Reply::Disconnected(reason) => self.troubles.disconnected(client, link, reason),
            Reply::Subscribed { .. } => self.moves += 1,
            Reply::Unsubscribed { .. } | Reply::Nothing => {}
        }
        Ok(())
    }
}

impl Handler for Retained<'_> {
    fn opened(&mut self, net: &mut Net, link: LinkId) {
        let put = self.settings.client.put_connect(net.out(link), link);
        if let Err(error) = put {
            self.troubles.fail(error);
        }
    }

    fn packet(&mut self, net: &mut Net, link: LinkId, packet: Packet<'_>, now_ns: u64) {
        match packet {
            Packet::Publish { packet_id, payload } => {
                if let Some(packet_id) = packet_id {
                    put_puback(net.out(link), packet_id);
                }
                match link.checked_sub(self.publishers.len()) {
                    Some(subscriber) => self.deliver(subscriber, payload, now_ns),
                    None => self.totals.astray += 1,
                }
            }
            Packet::PubAck { reason, .. } => {
                self.moves += 1;
                self.totals.refused += u64::from(reason >= 0x80);
                if let Some(publisher) = self.publishers.get_mut(link) {
                    publisher.acknowledged += 1;
                    self.fill(net, link);
                }
            }
            Packet::Other(packet) => {
                if let Err(error) = self.answer(link, packet) {
                    self.troubles.fail(error);
                }
            }
        }
    }

    fn closed(&mut self, _net: &mut Net, link: LinkId, why: NetError) {
        self.troubles.lost(&self.settings.client, link, why);
    }

    fn drained(&mut self, net: &mut Net, link: LinkId) {
        let storing = self.troubles.under_way && self.step != Step::Fetch;
        if storing && link < self.publishers.len() && !self.publishers[link].done {
            self.fill(net, link);
        }
    }
}
