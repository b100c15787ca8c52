//! Retained messages, and connections without messages.

use super::Usage;
use super::mode::{Idle, Retained, Storm};
use super::run::Context;
use crate::load::{
    ConnectionOutcome, ConnectionSettings, RetainedOutcome, RetainedSettings, run_connections,
    run_retained,
};
use crate::report::{Broker, Connections, Latency, Messages, Report};
use crate::wire::{Form, QoS};

pub(super) fn storm(context: &Context<'_>, mode: &Storm) -> anyhow::Result<Report> {
    let settings = ConnectionSettings {
        client: context.target.client(QoS::AtMostOnce),
        connections: mode.connections as usize,
        filters: 0,
        hold_s: None,
    };
    let load = format!(
        "{} connections over {}, {} at a time",
        mode.connections,
        context.target.transport(),
        context.target.at_once
    );
    let endpoint = context.target.endpoint()?;
    let outcome = run_connections(&endpoint, &settings, &context.watch)?;
    Ok(of_connections(context, load, &settings, outcome))
}

pub(super) fn idle(context: &Context<'_>, mode: &Idle) -> anyhow::Result<Report> {
    let settings = ConnectionSettings {
        client: context.target.client(QoS::AtMostOnce),
        connections: mode.connections as usize,
        filters: mode.filters as usize,
        hold_s: Some(mode.seconds),
    };
    let load = format!(
        "{} connections over {} with {} filters each, held for {} s",
        mode.connections,
        context.target.transport(),
        mode.filters,
        mode.seconds
    );
    let endpoint = context.target.endpoint()?;
    let outcome = run_connections(&endpoint, &settings, &context.watch)?;
    Ok(of_connections(context, load, &settings, outcome))
}

fn of_connections(
    context: &Context<'_>,
    load: String,
    settings: &ConnectionSettings,
    outcome: ConnectionOutcome,
) -> Report {
    let cpu = outcome.connected.since(&outcome.begin);
    let wanted = settings.connections as u64;
    let mut report = Report {
        case: context.case.to_owned(),
        target: context.label.to_owned(),
        load,
        ok: outcome.made == wanted && outcome.errors.is_empty(),
        messages: None,
        connections: Some(Connections {
            wanted,
            made: outcome.made,
            failed: outcome.failed,
            per_s: outcome.made as f64 / cpu.seconds,
            bytes_each: None,
        }),
        latency: Latency::of(&outcome.latency),
        broker: Broker::between(
            &outcome.begin,
            &outcome.connected,
            outcome.made,
            "connection",
            outcome.peak_is_of_run,
        ),
        cpu,
        stalled_readers: None,
        figures: Vec::new(),
        samples: Vec::new(),
        errors: outcome.errors,
    };
    if let Some(held) = &outcome.held
        && let Some((before, after)) = outcome.begin.broker.zip(held.end.broker)
    {
        let grown = after.resident_kib.saturating_sub(before.resident_kib) as f64 * 1024.0;
        let each = grown / outcome.made.max(1) as f64;
        if let Some(connections) = &mut report.connections {
            connections.bytes_each = Some(each);
        }
        let idle = held.end.since(&held.begin);
        report.figure(
            "broker CPU while idle",
            idle.broker_cores.unwrap_or(0.0),
            "cores",
        );
        let left = held.left.broker.map_or(0, |broker| broker.resident_kib);
        report.figure("broker memory after all have left", left as f64, "KiB");
    }
    report
}

pub(super) fn retained(context: &Context<'_>, mode: &Retained) -> anyhow::Result<Report> {
    let least = Form::Bytes.bytes_min();
    if mode.size < least {
        let text = format!("--size is {least} at least, for the stamp in the payload");
        return Err(Usage(text).into());
    }
    let settings = RetainedSettings {
        client: context.target.client(mode.qos),
        topics: mode.topics as usize,
        publishers: mode.publishers as usize,
        subscribers: mode.subscribers as usize,
        exact: mode.exact,
        payload_bytes: mode.size,
        stall_s: mode.stall,
    };
    let how = if mode.exact {
        "by name"
    } else {
        "by one wildcard"
    };
    let load = format!(
        "{} retained messages of {} B, fetched by {} subscribers {how}, over {}",
        mode.topics,
        mode.size,
        mode.subscribers,
        context.target.transport()
    );
    let outcome = run_retained(&context.target.endpoint()?, &settings, &context.watch)?;
    Ok(of_retained(context, load, outcome))
}

fn of_retained(context: &Context<'_>, load: String, outcome: RetainedOutcome) -> Report {
    let totals = outcome.totals;
    let storing = outcome.stored.since(&outcome.begin);
    let fetching = outcome.fetched.since(&outcome.fetching);
    let faults = totals.lost + totals.duplicates + totals.astray + totals.refused;
    let stored_per_s = totals.published as f64 / storing.seconds;
    let mut report = Report {
        case: context.case.to_owned(),
        target: context.label.to_owned(),
        load,
        ok: faults == 0 && !outcome.stalled && outcome.errors.is_empty(),
        messages: Some(Messages {
            set_up_s: 0.0,
            published: totals.published,
            delivered: totals.delivered,
            published_per_s: stored_per_s,
            delivered_per_s: totals.delivered as f64 / fetching.seconds,
            total: totals,
            late: 0,
            unsent: 0,
            stalled: outcome.stalled,
        }),
        connections: None,
        latency: Latency::of(&outcome.latency),
        broker: Broker::between(
            &outcome.fetching,
            &outcome.fetched,
            totals.delivered,
            "retained message delivered",
            outcome.peak_is_of_run,
        ),
        cpu: fetching,
        stalled_readers: None,
        figures: Vec::new(),
        samples: Vec::new(),
        errors: outcome.errors,
    };
    if let Some(seconds) = storing.broker_seconds {
        let each = seconds * 1e6 / totals.published.max(1) as f64;
        report.figure("broker CPU of storing", each, "us for each message");
    }
    let grown = outcome.begin.broker.zip(outcome.stored.broker);
    if let Some((before, after)) = grown {
        let bytes = after.resident_kib.saturating_sub(before.resident_kib) as f64 * 1024.0;
        let each = bytes / totals.published.max(1) as f64;
        report.figure("broker memory of a retained message", each, "bytes");
    }
    report
}
