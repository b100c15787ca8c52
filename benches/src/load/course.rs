//! The course of a run: warm-up, the measured time, and the wait for what is still in flight.

use crate::measure::{Clock, Cpu, Machine, Process, ns};
use crate::show::Progress;
use serde::Serialize;
use std::ops::Range;

/// How often the time line gets a point.
const SAMPLE_NS: u64 = 200_000_000;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    WarmUp,
    Measured,
    Drain,
}

/// A point of the time line.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// Seconds since the measured time began.
    pub(crate) at_s: f64,
    pub(crate) delivered_per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker_cores: Option<f64>,
}

/// The broker's process, if it is known, and where progress is shown.
pub(crate) struct Watch<'a> {
    pub(crate) broker: Option<&'a Process>,
    pub(crate) progress: &'a Progress,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) delivered: u64,
}

/// The clock of a run and what it has seen.
pub(crate) struct Course<'a> {
    clock: Clock,
    watch: &'a Watch<'a>,
    phase: Phase,
    warm_until_ns: u64,
    measured_ns: u64,
    end_ns: u64,
    begin: (Machine, Counts),
    end: (Machine, Counts),
    sampled: (u64, u64, u64),
    samples: Vec<Sample>,
}

/// The measured time.
pub(crate) struct Measured {
    pub(crate) cpu: Cpu,
    pub(crate) counts: Counts,
    pub(crate) begin: Machine,
    pub(crate) end: Machine,
    pub(crate) samples: Vec<Sample>,
}

impl<'a> Course<'a> {
    pub(crate) fn new(clock: Clock, watch: &'a Watch<'a>, warm_up_s: f64, seconds: f64) -> Self {
        let warm_until_ns = clock.now_ns() + ns(warm_up_s);
        let reading = (Machine::read(&clock, watch.broker), Counts::default());
        Course {
            clock,
            watch,
            phase: Phase::WarmUp,
            warm_until_ns,
            measured_ns: ns(seconds),
            end_ns: warm_until_ns + ns(seconds),
            begin: reading,
            end: reading,
            sampled: (0, 0, 0),
            samples: Vec::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Goes on to the phase that it is time for.
    #[inline]
    pub(crate) fn advance(&mut self, now_ns: u64, counts: Counts) {
        if self.phase == Phase::WarmUp && now_ns >= self.warm_until_ns {
            self.phase = Phase::Measured;
            self.begin = self.reading(counts);
            self.end_ns = self.clock.now_ns() + self.measured_ns;
            self.sampled = (now_ns, counts.delivered, self.broker_cpu_ns());
        } else if self.phase == Phase::Measured && now_ns >= self.sampled.0 + SAMPLE_NS {
            self.sample(now_ns, counts.delivered);
        }
        if self.phase == Phase::Measured && now_ns >= self.end_ns {
            self.finish(counts);
        }
    }

    /// Ends the measured time now.
    pub(crate) fn finish(&mut self, counts: Counts) {
        if self.phase != Phase::Drain {
            self.end = self.reading(counts);
            self.phase = Phase::Drain;
        }
    }

    /// When the measured time began and, once it is over, when it ended.
    pub(crate) fn measured_ns(&self) -> Range<u64> {
        match self.phase {
            Phase::WarmUp => 0..0,
            Phase::Measured => self.begin.0.at_ns()..u64::MAX,
            Phase::Drain => self.begin.0.at_ns()..self.end.0.at_ns(),
        }
    }

    pub(crate) fn measured(self) -> Measured {
        let ((begin, first), (end, last)) = (self.begin, self.end);
        Measured {
            cpu: end.since(&begin),
            counts: Counts {
                published: last.published - first.published,
                delivered: last.delivered - first.delivered,
            },
            begin,
            end,
            samples: self.samples,
        }
    }

    fn reading(&self, counts: Counts) -> (Machine, Counts) {
        (Machine::read(&self.clock, self.watch.broker), counts)
    }

    fn broker_cpu_ns(&self) -> u64 {
        self.watch.broker.map_or(0, Process::cpu_ns)
    }

    fn sample(&mut self, now_ns: u64, delivered: u64) {
        let (then_ns, before, cpu_before_ns) = self.sampled;
        let cpu_ns = self.broker_cpu_ns();
        let seconds = (now_ns - then_ns) as f64 / 1e9;
        let done_ns = self
            .measured_ns
            .saturating_sub(self.end_ns.saturating_sub(now_ns));
        let sample = Sample {
            at_s: done_ns as f64 / 1e9,
            delivered_per_s: (delivered - before) as f64 / seconds,
            broker_cores: self
                .watch
                .broker
                .map(|_| (cpu_ns - cpu_before_ns) as f64 / 1e9 / seconds),
        };
        self.samples.push(sample);
        self.sampled = (now_ns, delivered, cpu_ns);
        let done = done_ns as f64 / self.measured_ns.max(1) as f64;
        self.watch.progress.advance(done, sample.delivered_per_s);
    }
}
