//! Runs a mode and shows what came of it.

use super::flags::TargetFlags;
use super::mode::{FlowFlags, Mode};
use crate::load::{Plan, Watch, run_flow};
use crate::measure::Process;
use crate::report::Report;
use crate::show::{Progress, table};
use crate::wire::Form;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::Write;

/// Runs a mode and shows the report. False if it is not clean.
pub(crate) fn run_and_show(mode: &Mode) -> anyhow::Result<bool> {
    let output = mode.output();
    let progress = Progress::new(output.quiet);
    let report = run(mode, &progress)?;
    let mut stdout = std::io::stdout().lock();
    if output.json {
        writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(stdout, "{}", table(&report))?;
    }
    Ok(report.ok)
}

/// Runs a mode.
pub(crate) fn run(mode: &Mode, progress: &Progress) -> anyhow::Result<Report> {
    raise_descriptors();
    let broker = Process::watch(&mode.target().pid)?;
    progress.begin(mode.name());
    let context = Context {
        mode,
        watch: Watch {
            broker: broker.as_ref(),
            progress,
        },
    };
    match mode {
        Mode::FanOut(m) => {
            let (publishers, subscribers) = (m.publishers as usize, m.subscribers as usize);
            let clients = format!("{publishers} to {subscribers}");
            context.flow(&m.flow, &clients, |prefix| {
                Plan::fan_out(prefix, publishers, subscribers)
            })
        }
        Mode::FanIn(m) => {
            let (publishers, subscribers) = (m.publishers as usize, m.subscribers as usize);
            let clients = format!("{publishers} to {subscribers}");
            context.flow(&m.flow, &clients, |prefix| {
                Plan::fan_in(prefix, publishers, subscribers)
            })
        }
        Mode::Pairs(m) => {
            let clients = format!("{} pairs", m.pairs);
            context.flow(&m.flow, &clients, |prefix| {
                Plan::pairs(prefix, m.pairs as usize)
            })
        }
        Mode::Shared(m) => {
            let (publishers, subscribers) = (m.publishers as usize, m.subscribers as usize);
            let clients = format!("{publishers} to a group of {subscribers}");
            context.flow(&m.flow, &clients, |prefix| {
                Plan::shared(prefix, publishers, subscribers)
            })
        }
        Mode::Wildcards(m) => {
            let (publishers, subscribers) = (m.publishers as usize, m.subscribers as usize);
            let clients = format!(
                "{publishers} to {subscribers} over {}^3 topics",
                m.dimension
            );
            context.flow(&m.flow, &clients, |prefix| {
                Plan::wildcards(prefix, publishers, subscribers, m.dimension)
            })
        }
    }
}

struct Context<'a> {
    mode: &'a Mode,
    watch: Watch<'a>,
}

impl Context<'_> {
    fn flow(
        &self,
        flags: &FlowFlags,
        clients: &str,
        plan: impl Fn(&str) -> Plan,
    ) -> anyhow::Result<Report> {
        let target = self.mode.target();
        let settings = flags.settings(target, Form::Bytes)?;
        let plan = plan(&settings.client.topic_prefix);
        let outcome = run_flow(&target.endpoint()?, &plan, &settings, &self.watch)?;
        let load = flags.describe(clients, target);
        Ok(Report::of_flow(
            self.mode.name(),
            self.label(target),
            load,
            outcome,
        ))
    }

    fn label<'b>(&'b self, target: &'b TargetFlags) -> &'b str {
        self.mode
            .output()
            .label
            .as_deref()
            .unwrap_or(&target.target)
    }
}

/// Lets the process have as many connections as it may.
fn raise_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // If that is refused, the connection that is one too many says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
