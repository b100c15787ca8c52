//! Runs a mode and shows what came of it.

use super::flags::TargetFlags;
use super::mode::{FlowFlags, Mode};
use super::{Usage, growth, messages, others};
use crate::load::{FlowOutcome, Plan, Watch, run_flow};
use crate::measure::Process;
use crate::report::Report;
use crate::show::{Progress, html, table};
use crate::wire::Form;
use anyhow::Context as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::Write;
use std::path::Path;

/// Runs a mode and shows the report. False if it is not clean.
pub(crate) fn run_and_show(mode: &Mode) -> anyhow::Result<bool> {
    let output = mode.output();
    let progress = Progress::new(output.quiet);
    let report = run(mode, &progress)?;
    if let Some(path) = &output.html {
        write_page(path, &html::report_page(&report))?;
    }
    let mut stdout = std::io::stdout().lock();
    if output.json {
        writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(stdout, "{}", table(&report))?;
    }
    Ok(report.ok)
}

pub(crate) fn write_page(path: &Path, page: &str) -> anyhow::Result<()> {
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs a mode.
pub(crate) fn run(mode: &Mode, progress: &Progress) -> anyhow::Result<Report> {
    raise_descriptors();
    let target = mode.target();
    let broker = Process::watch(&target.pid).map_err(|error| Usage(error.to_string()))?;
    let output = mode.output();
    let context = Context {
        case: output.case.as_deref().unwrap_or(mode.name()),
        target,
        label: output.label.as_deref().unwrap_or(&target.target),
        watch: Watch {
            broker: broker.as_ref(),
            progress,
        },
    };
    progress.begin(&format!("{} {}", context.label, context.case));
    match mode {
        Mode::FanOut(mode) => messages::fan_out(&context, mode),
        Mode::FanIn(mode) => messages::fan_in(&context, mode),
        Mode::Pairs(mode) => messages::pairs(&context, mode),
        Mode::Shared(mode) => messages::shared(&context, mode),
        Mode::Wildcards(mode) => messages::wildcards(&context, mode),
        Mode::SlowReader(mode) => messages::slow_reader(&context, mode),
        Mode::Rules(mode) => messages::rules(&context, mode),
        Mode::Growth(mode) => growth::growth(&context, mode),
        Mode::Retained(mode) => others::retained(&context, mode),
        Mode::Storm(mode) => others::storm(&context, mode),
        Mode::Idle(mode) => others::idle(&context, mode),
    }
}

/// What all modes need to run.
pub(super) struct Context<'a> {
    pub(super) case: &'a str,
    pub(super) target: &'a TargetFlags,
    /// The broker's name in the report.
    pub(super) label: &'a str,
    pub(super) watch: Watch<'a>,
}

impl Context<'_> {
    pub(super) fn prefix(&self) -> String {
        self.target.topic_prefix()
    }

    pub(super) fn outcome(
        &self,
        flags: &FlowFlags,
        form: Form,
        plan: &Plan,
    ) -> anyhow::Result<FlowOutcome> {
        let settings = flags.settings(self.target, form)?;
        let endpoint = self.target.endpoint()?;
        Ok(run_flow(&endpoint, plan, &settings, &self.watch)?)
    }

    pub(super) fn report(&self, flags: &FlowFlags, clients: &str, outcome: FlowOutcome) -> Report {
        let load = flags.describe(clients, self.target);
        Report::of_flow(self.case, self.label, load, outcome)
    }
}

/// Lets the process have as many connections as it may.
pub(super) fn raise_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If that is refused, the connection that is one too many says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
