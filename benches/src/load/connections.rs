//! Connections without messages: a storm of short ones, or many that stay.

use super::client::{ClientSettings, Reply};
use super::course::Watch;
use super::error::LoadError;
use super::troubles::Troubles;
use crate::measure::{Clock, Histogram, Machine, Process, ns};
use crate::net::{Endpoint, Handler, LinkId, Net, NetError, Wait};
use crate::wire::{Packet, put_disconnect};
use std::time::Duration;

/// How many connections there are and what becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) client: ClientSettings,
    pub(crate) connections: usize,
    /// Filters that each subscribes to.
    pub(crate) filters: usize,
    /// How long they stay; none for those that leave as soon as they are in.
    pub(crate) hold_s: Option<f64>,
}

/// What the connections have shown.
pub(crate) struct ConnectionOutcome {
    pub(crate) made: u64,
    pub(crate) failed: u64,
    pub(crate) latency: Histogram,
    pub(crate) begin: Machine,
    pub(crate) connected: Machine,
    pub(crate) held: Option<Held>,
    pub(crate) errors: Vec<String>,
    pub(crate) peak_is_of_run: bool,
}

/// What connections cost that stay.
pub(crate) struct Held {
    pub(crate) begin: Machine,
    pub(crate) end: Machine,
    /// After all have left.
    pub(crate) left: Machine,
}

/// Time for the broker to settle before memory and CPU are read.
const SETTLE: f64 = 1.0;

/// What has become of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Arriving,
    In,
    Leaving,
}

struct Connections<'a> {
    settings: &'a ConnectionSettings,
    /// Of each link.
    states: Vec<State>,
    subacks: Vec<usize>,
    names: Vec<usize>,
    begun: usize,
    made: u64,
    failed: u64,
    latency: Histogram,
    troubles: Troubles,
    /// Links that are free for the next connection.
    idle: Vec<LinkId>,
}

/// Makes connections and measures what they cost.
pub(crate) fn run_connections(
    endpoint: &Endpoint,
    settings: &ConnectionSettings,
    watch: &Watch<'_>,
) -> Result<ConnectionOutcome, LoadError> {
    let clock = Clock::start();
    let mut net = Net::new(endpoint.clone(), clock)?;
    let peak_is_of_run = watch.broker.is_some_and(Process::reset_peak);
    let mut load = Connections::new(settings, &mut net);
    watch.progress.say("connecting");
    let begin = Machine::read(&clock, watch.broker);
    load.connect(&mut net, watch)?;
    let connected = Machine::read(&clock, watch.broker);
    let held = match settings.hold_s {
        None => None,
        Some(seconds) => {
            watch.progress.say("holding");
            load.hold(&mut net, SETTLE)?;
            let begin = Machine::read(&clock, watch.broker);
            load.hold(&mut net, seconds)?;
            let end = Machine::read(&clock, watch.broker);
            load.leave(&mut net)?;
            let left = Machine::read(&clock, watch.broker);
            Some(Held { begin, end, left })
        }
    };
    watch.progress.clear();
    Ok(ConnectionOutcome {
        made: load.made,
        failed: load.failed,
        latency: load.latency,
        begin,
        connected,
        held,
        errors: load.troubles.errors,
        peak_is_of_run,
    })
}

impl<'a> Connections<'a> {
    fn new(settings: &'a ConnectionSettings, net: &mut Net) -> Self {
        let links = match settings.hold_s {
            Some(_) => settings.connections,
            None => settings.client.at_once.clamp(1, settings.connections),
        };
        Connections {
            settings,
            states: vec![State::Arriving; links],
            subacks: vec![0; links],
            names: vec![0; links],
            begun: 0,
            made: 0,
            failed: 0,
            latency: Histogram::default(),
            troubles: Troubles::default(),
            idle: (0..links).map(|_| net.add_link()).rev().collect(),
        }
    }

    fn done(&self) -> usize {
        (self.made + self.failed) as usize
    }

    fn connect(&mut self, net: &mut Net, watch: &Watch<'_>) -> Result<(), LoadError> {
        let wanted = self.settings.connections;
        let until_ns = net.clock.now_ns() + ns(self.settings.client.set_up_s);
        let mut shown_ns = 0;
        while self.done() < wanted {
            while self.begun < wanted && self.begun - self.done() < self.settings.client.at_once {
                let Some(link) = self.idle.pop() else {
                    break;
                };
                self.begin(net, link)?;
            }
            net.round(self, Wait::Coarse(Duration::from_millis(5)))?;
            let now_ns = net.clock.now_ns();
            if self.made == 0 && self.failed > 0 {
                // Nothing works: the first error tells why.
                return Err(LoadError::Nothing(
                    self.troubles.errors.first().cloned().unwrap_or_default(),
                ));
            }
            if now_ns > until_ns {
                let done = self.done();
                self.troubles
                    .report(format!("time was up after {done} connections"));
                break;
            }
            if now_ns > shown_ns + 200_000_000 {
                shown_ns = now_ns;
                let rate = self.made as f64 * 1e9 / now_ns as f64;
                watch
                    .progress
                    .advance(self.done() as f64 / wanted as f64, rate);
            }
        }
        // The last goodbyes.
        net.flush(self);
        Ok(())
    }

    fn begin(&mut self, net: &mut Net, link: LinkId) -> Result<(), LoadError> {
        self.names[link] = self.begun;
        self.states[link] = State::Arriving;
        self.begun += 1;
        Ok(net.open(link)?)
    }

    fn hold(&mut self, net: &mut Net, seconds: f64) -> Result<(), LoadError> {
        let until_ns = net.clock.now_ns() + ns(seconds);
        while net.clock.now_ns() < until_ns {
            net.round(self, Wait::Coarse(Duration::from_millis(20)))?;
        }
        Ok(())
    }

    fn leave(&mut self, net: &mut Net) -> Result<(), LoadError> {
        for link in 0..self.states.len() {
            if self.states[link] == State::In {
                self.states[link] = State::Leaving;
                put_disconnect(net.out(link));
            }
        }
        self.hold(net, SETTLE)
    }

    fn answer(&mut self, net: &mut Net, link: LinkId, packet: &[u8]) -> Result<(), LoadError> {
        match self.settings.client.reply(packet, self.names[link])? {
            Reply::Connected { .. } => {
                let prefix = &self.settings.client.topic_prefix;
                let name = self.names[link];
                let filters = 0..self.settings.filters;
                let filters: Vec<String> = filters
                    .map(|nth| format!("{prefix}/idle/{name}/{nth}"))
                    .collect();
                self.subacks[link] = self
                    .settings
                    .client
                    .put_subscribes(net.out(link), &filters)?;
                if self.subacks[link] == 0 {
                    self.is_in(net, link);
                }
            }
            Reply::Subscribed { .. } => {
                self.subacks[link] = self.subacks[link].saturating_sub(1);
                if self.subacks[link] == 0 {
                    self.is_in(net, link);
                }
            }
            Reply::Unsubscribed { .. } | Reply::Disconnected(_) | Reply::Pong | Reply::Nothing => {}
        }
        Ok(())
    }

    fn is_in(&mut self, net: &mut Net, link: LinkId) {
        self.made += 1;
        self.latency
            .add(net.clock.now_ns() - net.opened_at_ns(link));
        self.states[link] = State::In;
        if self.settings.hold_s.is_none() {
            self.states[link] = State::Leaving;
            put_disconnect(net.out(link));
        }
    }

    fn failed(&mut self, net: &mut Net, link: LinkId, error: String) {
        match self.states[link] {
            State::Arriving => self.failed += 1,
            State::In => {}
            // It went before we did.
            State::Leaving => return self.free(net, link),
        }
        self.troubles.report(error);
        self.free(net, link);
    }

    fn free(&mut self, net: &mut Net, link: LinkId) {
        net.close(link);
        if self.settings.hold_s.is_none() {
            self.idle.push(link);
        }
    }
}

impl Handler for Connections<'_> {
    fn opened(&mut self, net: &mut Net, link: LinkId) {
        let name = self.names[link];
        let put = self.settings.client.put_connect(net.out(link), name);
        if let Err(error) = put {
            self.failed(net, link, error.to_string());
        }
    }

    fn packet(&mut self, net: &mut Net, link: LinkId, packet: Packet<'_>, _now_ns: u64) {
        if let Packet::Other(packet) = packet
            && let Err(error) = self.answer(net, link, packet)
        {
            self.failed(net, link, error.to_string());
        }
    }

    fn closed(&mut self, net: &mut Net, link: LinkId, why: NetError) {
        let client = self.settings.client.client_id(self.names[link]);
        let ready = self.states[link] != State::Arriving;
        let error = LoadError::lost(client, why, ready);
        self.failed(net, link, error.to_string());
    }

    fn drained(&mut self, net: &mut Net, link: LinkId) {
        if self.states[link] == State::Leaving {
            self.free(net, link);
        }
    }
}
