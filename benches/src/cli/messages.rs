//! The modes in which messages flow.

use super::mode::{Ends, FlowFlags, Pairs, Rules, SlowReader, Wildcards};
use super::run::Context;
use crate::api::{Api, ApiError};
use crate::load::{FlowOutcome, Plan, Subscriber};
use crate::report::Report;
use crate::wire::Form;

pub(super) fn fan_out(context: &Context<'_>, mode: &Ends) -> anyhow::Result<Report> {
    let clients = format!("{} to {}", mode.publishers, mode.subscribers);
    ends(context, mode, &clients, Plan::fan_out)
}

pub(super) fn fan_in(context: &Context<'_>, mode: &Ends) -> anyhow::Result<Report> {
    let clients = format!("{} to {}", mode.publishers, mode.subscribers);
    ends(context, mode, &clients, Plan::fan_in)
}

pub(super) fn shared(context: &Context<'_>, mode: &Ends) -> anyhow::Result<Report> {
    let clients = format!("{} to a group of {}", mode.publishers, mode.subscribers);
    ends(context, mode, &clients, Plan::shared)
}

fn ends(
    context: &Context<'_>,
    mode: &Ends,
    clients: &str,
    plan: fn(&str, usize, usize) -> Plan,
) -> anyhow::Result<Report> {
    let (publishers, subscribers) = (mode.publishers as usize, mode.subscribers as usize);
    let plan = plan(&context.prefix(), publishers, subscribers);
    flow(context, &mode.flow, clients, &plan)
}

pub(super) fn pairs(context: &Context<'_>, mode: &Pairs) -> anyhow::Result<Report> {
    let clients = format!("{} pairs", mode.pairs);
    let plan = Plan::pairs(&context.prefix(), mode.pairs as usize);
    flow(context, &mode.flow, &clients, &plan)
}

pub(super) fn wildcards(context: &Context<'_>, mode: &Wildcards) -> anyhow::Result<Report> {
    let Wildcards { dimension, ends } = mode;
    let (publishers, subscribers) = (ends.publishers as usize, ends.subscribers as usize);
    let plan = Plan::wildcards(&context.prefix(), publishers, subscribers, *dimension);
    let clients = format!(
        "{publishers} to {subscribers} with {} filters over {} topics",
        plan.filters(),
        dimension.pow(3)
    );
    flow(context, &ends.flow, &clients, &plan)
}

fn flow(
    context: &Context<'_>,
    flags: &FlowFlags,
    clients: &str,
    plan: &Plan,
) -> anyhow::Result<Report> {
    let outcome = context.outcome(flags, Form::Bytes, plan)?;
    Ok(context.report(flags, clients, outcome))
}

/// Once without those that stop reading, once with them.
pub(super) fn slow_reader(context: &Context<'_>, mode: &SlowReader) -> anyhow::Result<Report> {
    let mut plan = Plan::fan_out(&context.prefix(), 1, mode.subscribers as usize);
    let alone = context.outcome(&mode.flow, Form::Bytes, &plan)?;
    plan.stalled = vec![Subscriber::one(plan.topics[0].text.clone()); mode.slow as usize];
    let beside = context.outcome(&mode.flow, Form::Bytes, &plan)?;
    let clients = format!(
        "1 to {}, beside {} that stop reading",
        mode.subscribers, mode.slow
    );
    let before = Costs::of(&alone);
    let mut report = context.report(&mode.flow, &clients, beside);
    before.compare(&mut report, "without slow readers");
    report.ok &= alone.is_clean();
    Ok(report)
}

/// Once without rules, once with them.
pub(super) fn rules(context: &Context<'_>, mode: &Rules) -> anyhow::Result<Report> {
    // A load of bytes would be cheaper, but rules look into JSON.
    let api = Api::new(&mode.api_url, &mode.region)?;
    let plan = Plan::fan_out(&context.prefix(), 1, mode.subscribers as usize);
    let topic = plan.topics[0].text.as_str();
    let mut flags = mode.flow.clone();
    flags.size = flags.size.max(Form::Json.bytes_min());
    let names: Vec<String> = (0..mode.rules)
        .map(|nth| format!("thingcore_bench_{}_{nth}", std::process::id()))
        .collect();
    let sql = format!("SELECT * FROM '{topic}' WHERE {}", mode.condition);
    // The first shows whether there is an API before anything is measured.
    api.create_rule(&names[0], &sql, &format!("{topic}/republished"))?;
    api.delete_rule(&names[0])?;
    let alone = context.outcome(&flags, Form::Json, &plan)?;
    let created: Result<(), ApiError> = names
        .iter()
        .try_for_each(|name| api.create_rule(name, &sql, &format!("{topic}/republished")));
    let beside = created
        .map_err(anyhow::Error::from)
        .and_then(|()| context.outcome(&flags, Form::Json, &plan));
    // Those that were not created need no deletion, which is all that can go wrong here.
    names.iter().for_each(|name| drop(api.delete_rule(name)));
    let beside = beside?;
    let (before, after) = (Costs::of(&alone), Costs::of(&beside));
    let clients = format!(
        "1 to {}, beside {} rules WHERE {}",
        mode.subscribers, mode.rules, mode.condition
    );
    let mut report = context.report(&flags, &clients, beside);
    before.compare(&mut report, "without rules");
    if let Some((after, before)) = after.us_per_published.zip(before.us_per_published) {
        let each = (after - before) / f64::from(mode.rules);
        report.figure(
            "broker CPU of a rule",
            each,
            "us for each published message",
        );
    }
    report.ok &= alone.is_clean();
    Ok(report)
}

/// What the first of two runs has shown.
pub(super) struct Costs {
    delivered_per_s: f64,
    p99_us: f64,
    pub(super) us_per_delivered: Option<f64>,
    us_per_published: Option<f64>,
}

impl Costs {
    pub(super) fn of(outcome: &FlowOutcome) -> Self {
        let measured = &outcome.measured;
        let us = measured.cpu.broker_seconds.map(|seconds| seconds * 1e6);
        let each = |count: u64| us.map(|us| us / count.max(1) as f64);
        Costs {
            delivered_per_s: measured.counts.delivered as f64 / measured.cpu.seconds,
            p99_us: outcome.latency.quantile(0.99) as f64 / 1e3,
            us_per_delivered: each(measured.counts.delivered),
            us_per_published: each(measured.counts.published),
        }
    }

    pub(super) fn compare(&self, report: &mut Report, without: &str) {
        report.figure(
            format!("delivered {without}"),
            self.delivered_per_s,
            "messages/s",
        );
        report.figure(format!("latency p99 {without}"), self.p99_us, "us");
        if let Some(us) = self.us_per_delivered {
            let unit = "us for each delivered message";
            report.figure(format!("broker CPU {without}"), us, unit);
        }
    }
}
