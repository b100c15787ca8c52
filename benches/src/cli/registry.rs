//! `thingcore-bench registry`.

use super::Usage;
use crate::api::Api;
use crate::measure::Process;
use crate::registry::{Asked, Server, ask, certificates, fill};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a registry of many things costs.
#[derive(Args, Clone, Debug)]
pub(super) struct Registry {
    /// The program; it is started without and with a data directory
    #[arg(long, value_name = "PATH", default_value = "thingcore")]
    server: PathBuf,

    /// Things, each with a certificate of its own
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    things: usize,

    /// Connections that create at the same time, in memory
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,

    /// The same on disk, where each answer waits for it
    #[arg(long, value_name = "N", default_value_t = 64)]
    disk_connections: usize,

    /// The data directory to fill, which stays; a temporary one unless given
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A figure and the goal that it is held to.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(goal) => value >= goal,
            Goal::AtMost(goal) => value <= goal,
        }
    }
}

/// Measures; false if a goal is missed.
pub(super) fn registry(args: &Registry) -> anyhow::Result<bool> {
    if [args.things, args.connections, args.disk_connections].contains(&0) {
        let why = "--things, --connections and --disk-connections must be 1 or more";
        return Err(Usage(why.to_owned()).into());
    }
    let certificates = certificates(args.things)?;
    let mut figures = in_memory(args, &certificates)?;
    figures.extend(on_disk(args, &certificates)?);
    let ok = figures
        .iter()
        .all(|figure| figure.goal.is_none_or(|goal| goal.holds(figure.value)));
    show(&figures, args.json)?;
    Ok(ok)
}

fn in_memory(args: &Registry, certificates: &[String]) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(&args.server, None)?;
    let api = Api::new(&server.api_url, "us-east-1")?;
    let process = Process::watch(&[server.pid()])?;
    let resident = || {
        let usage = process.as_ref().map(Process::usage).unwrap_or_default();
        usage.resident_kib as f64 * 1024.0
    };
    // What the first requests allocate is not the things'.
    fill(&api, &certificates[..1], 1)?;
    let before = resident();
    let filled = fill(&api, &certificates[1..], args.connections);
    let filled = filled?;
    let grown = resident() - before;
    let each = args.things as f64;
    let mut figures = vec![
        figure(
            "created in memory",
            each / filled.seconds,
            "things/s",
            Goal::AtLeast(2000.0),
        ),
        plain(
            "requests for it",
            filled.requests as f64 / filled.seconds,
            "a second",
        ),
        figure(
            "memory of a thing with its certificate",
            grown / each,
            "B",
            Goal::AtMost(2048.0),
        ),
    ];
    for asked in ask(&api, args.things)? {
        figures.extend(of_pages(&asked));
    }
    server.stop()?;
    Ok(figures)
}

fn of_pages(asked: &Asked) -> [Figure; 2] {
    let (what, pages, items) = (asked.what, asked.pages, asked.items);
    [
        plain(
            &format!("{what}, p50 of {pages} pages, {items} items"),
            asked.p50_ms,
            "ms",
        ),
        figure(
            &format!("{what}, slowest"),
            asked.max_ms,
            "ms",
            Goal::AtMost(20.0),
        ),
    ]
}

fn on_disk(args: &Registry, certificates: &[String]) -> anyhow::Result<Vec<Figure>> {
    if let Some(data) = &args.data_dir {
        return measure_disk(args, certificates, data);
    }
    let data = std::env::temp_dir().join(format!("thingcore-bench-{}", std::process::id()));
    let measured = measure_disk(args, certificates, &data);
    // What is left of it is only in the way.
    let _ = fs::remove_dir_all(&data);
    measured
}

fn measure_disk(
    args: &Registry,
    certificates: &[String],
    data: &Path,
) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(&args.server, Some(data))?;
    let api = Api::new(&server.api_url, "us-east-1")?;
    let filled = fill(&api, certificates, args.disk_connections)?;
    let empty_s = server.started_s;
    server.stop()?;
    let bytes = bytes_below(data)?;
    let again = Server::start(&args.server, Some(data))?;
    let started_s = again.started_s;
    again.stop()?;
    let each = args.things as f64;
    Ok(vec![
        figure(
            "created on disk",
            each / filled.seconds,
            "things/s",
            Goal::AtLeast(2000.0),
        ),
        plain(
            "disk of a thing with its certificate",
            bytes as f64 / each,
            "B",
        ),
        plain("start with nothing", empty_s, "s"),
        figure(
            "start with all of them on disk",
            started_s,
            "s",
            Goal::AtMost(1.0),
        ),
    ])
}

fn bytes_below(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() {
            bytes_below(&entry.path())?
        } else {
            about.len()
        };
    }
    Ok(bytes)
}

fn plain(name: &str, value: f64, unit: &'static str) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        goal: None,
    }
}

fn figure(name: &str, value: f64, unit: &'static str, goal: Goal) -> Figure {
    let goal = Some(goal);
    Figure {
        goal,
        ..plain(name, value, unit)
    }
}

fn show(figures: &[Figure], as_json: bool) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    if as_json {
        let row = |figure: &Figure| json!({"name": figure.name, "value": figure.value, "unit": figure.unit});
        let rows: Vec<_> = figures.iter().map(row).collect();
        writeln!(stdout, "{}", serde_json::to_string(&rows)?)?;
        return Ok(());
    }
    let width = figures
        .iter()
        .map(|figure| figure.name.len())
        .max()
        .unwrap_or(0);
    for figure in figures {
        let Figure {
            name,
            value,
            unit,
            goal,
        } = figure;
        let goal = match goal {
            None => String::new(),
            Some(goal) => {
                let (word, limit) = match goal {
                    Goal::AtLeast(limit) => ("at least", limit),
                    Goal::AtMost(limit) => ("at most", limit),
                };
                let missed = if goal.holds(*value) { "" } else { ", MISSED" };
                format!("  ({word} {limit}{missed})")
            }
        };
        writeln!(stdout, "  {name:width$}  {value:>10.2} {unit}{goal}")?;
    }
    Ok(())
}
