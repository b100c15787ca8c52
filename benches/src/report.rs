//! What a run has shown, as it is printed, drawn and written as JSON.

use crate::load::{FlowOutcome, Sample, StalledReaders, Totals};
use crate::measure::{Cpu, Histogram, Machine};
use serde::Serialize;

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The case, or the mode if it is none of the known cases.
    pub(crate) case: String,
    pub(crate) target: String,
    /// The load in words.
    pub(crate) load: String,
    /// Whether everything that was due happened, once and in order.
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<Messages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connections: Option<Connections>,
    pub(crate) latency: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker: Option<Broker>,
    pub(crate) cpu: Cpu,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stalled_readers: Option<StalledReaders>,
    /// Further figures of the mode.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) figures: Vec<Figure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) samples: Vec<Sample>,
    pub(crate) errors: Vec<String>,
}

/// Messages of the measured time, and the account of the whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Messages {
    pub(crate) set_up_s: f64,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) published_per_s: f64,
    pub(crate) delivered_per_s: f64,
    pub(crate) total: Totals,
    pub(crate) late: u64,
    pub(crate) unsent: u64,
    pub(crate) stalled: bool,
}

/// Connections made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Connections {
    pub(crate) wanted: u64,
    pub(crate) made: u64,
    pub(crate) failed: u64,
    pub(crate) per_s: f64,
    /// The broker's memory for each, of connections that stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_each: Option<f64>,
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
    /// (share of all, microseconds): the curve that is drawn.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// What the broker's processes used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Broker {
    /// CPU for each delivered message, or for each connection.
    pub(crate) us_per_unit: f64,
    /// What a unit is.
    pub(crate) unit: &'static str,
    pub(crate) peak_kib: u64,
    /// Whether the peak is that of this run alone.
    pub(crate) peak_is_of_run: bool,
    pub(crate) resident_before_kib: u64,
    pub(crate) resident_after_kib: u64,
    pub(crate) threads: u64,
}

/// A figure that only one mode has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

impl Report {
    /// The report of a load with messages.
    pub(crate) fn of_flow(case: &str, target: &str, load: String, outcome: FlowOutcome) -> Self {
        let ok = outcome.is_clean();
        let measured = outcome.measured;
        let counts = measured.counts;
        let per_s = |count: u64| count as f64 / measured.cpu.seconds;
        Report {
            case: case.to_owned(),
            target: target.to_owned(),
            load,
            ok,
            messages: Some(Messages {
                set_up_s: outcome.set_up_s,
                published: counts.published,
                delivered: counts.delivered,
                published_per_s: per_s(counts.published),
                delivered_per_s: per_s(counts.delivered),
                total: outcome.totals,
                late: outcome.late,
                unsent: outcome.unsent,
                stalled: outcome.stalled,
            }),
            connections: None,
            latency: Latency::of(&outcome.latency),
            broker: Broker::between(
                &measured.begin,
                &measured.end,
                counts.delivered,
                "delivered message",
                outcome.peak_is_of_run,
            ),
            cpu: measured.cpu,
            stalled_readers: outcome.stalled_readers,
            figures: Vec::new(),
            samples: measured.samples,
            errors: outcome.errors,
        }
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure {
            name: name.into(),
            value,
            unit,
        });
    }
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let us = |q| histogram.quantile(q) as f64 / 1e3;
        // Evenly spaced by nines, as the curve is drawn: 0, 0.9, 0.99, 0.999...
        let shares = (0..=40).map(|step| 1.0 - 10f64.powf(-f64::from(step) / 10.0));
        Latency {
            count: histogram.count(),
            mean_us: histogram.mean() / 1e3,
            p50_us: us(0.5),
            p90_us: us(0.9),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: histogram.max() as f64 / 1e3,
            curve: shares.map(|share| (share, us(share))).collect(),
        }
    }
}

impl Broker {
    /// What it used between two readings in which `units` things happened.
    pub(crate) fn between(
        begin: &Machine,
        end: &Machine,
        units: u64,
        unit: &'static str,
        peak_is_of_run: bool,
    ) -> Option<Self> {
        let (before, after) = begin.broker.zip(end.broker)?;
        let us = after.cpu_ns.saturating_sub(before.cpu_ns) as f64 / 1e3;
        Some(Broker {
            us_per_unit: if units == 0 { 0.0 } else { us / units as f64 },
            unit,
            peak_kib: after.peak_kib,
            peak_is_of_run,
            resident_before_kib: before.resident_kib,
            resident_after_kib: after.resident_kib,
            threads: after.threads,
        })
    }
}
