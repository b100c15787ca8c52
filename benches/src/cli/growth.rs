//! What other subscriptions cost a load that has nothing to do with them.

use super::messages::Costs;
use super::mode::{FlowFlags, Growth};
use super::run::Context;
use crate::load::{FlowOutcome, Plan};
use crate::report::Report;
use crate::show::count;
use crate::wire::Form;

/// Beside few filters and beside many, as fast as it goes; then at a fixed rate beside many, without
/// and with filters that come and go.
pub(super) fn growth(context: &Context<'_>, mode: &Growth) -> anyhow::Result<Report> {
    let (flags, ends) = (&mode.ends.flow, &mode.ends);
    let prefix = context.prefix();
    let plan = || {
        let (publishers, subscribers) = (ends.publishers as usize, ends.subscribers as usize);
        Plan::fan_out(&prefix, publishers, subscribers)
    };
    let beside =
        |filters: u32| plan().with_bystanders(&prefix, filters as usize, mode.holders as usize);
    let paced = FlowFlags {
        rate: Some(flags.rate.unwrap_or(mode.changing_rate)),
        ..flags.clone()
    };
    let few = context.outcome(flags, Form::Bytes, &beside(mode.few))?;
    let many = context.outcome(flags, Form::Bytes, &beside(mode.filters))?;
    let calm = context.outcome(&paced, Form::Bytes, &beside(mode.filters))?;
    let changing = beside(mode.filters).with_churn(&prefix, usize::from(mode.changing));
    let changing = context.outcome(&paced, Form::Bytes, &changing)?;
    let clients = format!(
        "{} to {}, beside {} other filters",
        ends.publishers,
        ends.subscribers,
        count(u64::from(mode.filters))
    );
    let (before, after) = (Costs::of(&few), Costs::of(&many));
    let ok = [&few, &calm, &changing]
        .iter()
        .all(|outcome| outcome.is_clean());
    let errors = [&few, &calm, &changing].map(|outcome| outcome.errors.clone());
    let mut report = context.report(flags, &clients, many);
    report.ok &= ok;
    report.errors.extend(errors.into_iter().flatten());
    let few = format!("beside {} filters", count(u64::from(mode.few)));
    before.compare(&mut report, &few);
    if let Some((after, before)) = after.us_per_delivered.zip(before.us_per_delivered) {
        report.figure("broker CPU, compared with that", after / before, "times");
    }
    changes(&mut report, &calm, &changing);
    Ok(report)
}

/// What subscribing and unsubscribing costs, and how long it holds up messages.
fn changes(report: &mut Report, calm: &FlowOutcome, changing: &FlowOutcome) {
    let us = |ns: u64| ns as f64 / 1e3;
    for (outcome, when) in [
        (calm, "at a fixed rate"),
        (changing, "while filters come and go"),
    ] {
        let latency = &outcome.latency;
        report.figure(
            format!("latency p99 {when}"),
            us(latency.quantile(0.99)),
            "us",
        );
        report.figure(format!("latency max {when}"), us(latency.max()), "us");
    }
    let Some(changes) = &changing.changes else {
        return;
    };
    let (quiet, busy) = (&calm.measured.cpu, &changing.measured.cpu);
    let per_s = changes.count as f64 / busy.seconds;
    report.figure("filters that came or went", per_s, "a second");
    let latency = &changes.latency;
    report.figure("answer to a change, p50", us(latency.quantile(0.5)), "us");
    report.figure("answer to a change, p99", us(latency.quantile(0.99)), "us");
    report.figure("answer to a change, max", us(latency.max()), "us");
    if let Some((quiet, busy)) = quiet.broker_cores.zip(busy.broker_cores)
        && changes.count > 0
    {
        let each = (busy - quiet) * 1e6 / per_s;
        report.figure("broker CPU of a change", each, "us");
    }
}
