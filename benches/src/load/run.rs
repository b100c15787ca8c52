//! One load with messages from beginning to end.

use super::course::{Course, Measured, Watch};
use super::error::LoadError;
use super::flow::{Flow, FlowSettings};
use super::ledger::Totals;
use super::plan::Plan;
use crate::measure::{Clock, Histogram, Process};
use crate::net::{Endpoint, Net};
use serde::Serialize;

/// What a load with messages has shown.
pub(crate) struct FlowOutcome {
    pub(crate) set_up_s: f64,
    pub(crate) measured: Measured,
    pub(crate) latency: Histogram,
    pub(crate) totals: Totals,
    /// Messages that left more than a millisecond after they were due.
    pub(crate) late: u64,
    /// Messages that were due and never left.
    pub(crate) unsent: u64,
    /// Whether nothing moved for so long that what was in flight was given up.
    pub(crate) stalled: bool,
    pub(crate) stalled_readers: Option<StalledReaders>,
    pub(crate) changes: Option<Changes>,
    pub(crate) errors: Vec<String>,
    /// Whether the broker's peak memory is that of the run alone.
    pub(crate) peak_is_of_run: bool,
}

/// What became of the subscribers that stopped reading.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct StalledReaders {
    pub(crate) count: usize,
    /// Messages that each would have got.
    pub(crate) published: u64,
    /// Messages that they found in all when they read again.
    pub(crate) read_afterwards: u64,
    /// How many the broker had disconnected.
    pub(crate) disconnected: usize,
}

/// Subscriptions that came and went meanwhile.
pub(crate) struct Changes {
    pub(crate) count: u64,
    /// From each request to its answer.
    pub(crate) latency: Histogram,
}

impl FlowOutcome {
    /// Whether everything that was due has come, once.
    pub(crate) fn is_clean(&self) -> bool {
        let Totals {
            published,
            lost,
            duplicates,
            out_of_order,
            astray,
            refused,
            ..
        } = self.totals;
        let faults = lost + duplicates + out_of_order + astray + refused;
        published > 0 && faults == 0 && !self.stalled && self.errors.is_empty()
    }
}

/// Runs a plan against a broker.
pub(crate) fn run_flow(
    endpoint: &Endpoint,
    plan: &Plan,
    settings: &FlowSettings,
    watch: &Watch<'_>,
) -> Result<FlowOutcome, LoadError> {
    let clock = Clock::start();
    let mut net = Net::new(endpoint.clone(), clock)?;
    let peak_is_of_run = watch.broker.is_some_and(Process::reset_peak);
    let mut flow = Flow::new(plan, settings, &mut net);
    watch.progress.say("connecting");
    flow.set_up(&mut net)?;
    let set_up_s = clock.now_ns() as f64 / 1e9;
    watch.progress.say("running");
    let mut course = Course::new(clock, watch, settings.warm_up_s, settings.seconds);
    flow.run(&mut net, &mut course)?;
    let stalled_readers = match plan.stalled.len() {
        0 => None,
        count => {
            flow.release_stalled(&mut net)?;
            Some(StalledReaders {
                count,
                published: flow.ledger.published(),
                read_afterwards: flow.stalled_read,
                disconnected: flow.stalled_lost,
            })
        }
    };
    let unsent = flow.unsent();
    flow.leave(&mut net);
    watch.progress.clear();
    let totals = flow.ledger.totals();
    let measured = course.measured();
    Ok(FlowOutcome {
        set_up_s,
        measured,
        latency: flow.latency.clone(),
        totals,
        late: flow.late,
        unsent,
        stalled: flow.stalled,
        stalled_readers,
        changes: flow.churn.take().map(|churn| Changes {
            count: churn.changes,
            latency: churn.latency,
        }),
        errors: flow.into_errors(),
        peak_is_of_run,
    })
}
