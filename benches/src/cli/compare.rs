//! `thingcore-bench compare`.

use super::cases::{CASES, GOALS, SHORT, command_line, goal};
use super::flags::TlsFiles;
use super::run::{raise_descriptors, run, write_page};
use super::target::{Address, Pin, Place, Target, running, started};
use super::{Cli, Command, Usage};
use crate::compare::{CaseName, Comparison, Failure};
use crate::launch::{Launched, Ports, pin};
use crate::measure::machine_in_words;
use crate::report::Report;
use crate::show::{Progress, comparison_table, html, markdown, run_line};
use clap::{Args, Parser};
use std::io::Write;
use std::path::PathBuf;

/// `compare`
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Compare {
    /// A broker that is started anew for each run, so that none is measured with the memory of the
    /// run before: NAME=COMMAND, in which {port} stands for its MQTT port, {tls_port} for the one
    /// with TLS, and {v5_port} and {v5_tls_port} for those of MQTT 5 if it has ports of its own for
    /// that. The command must become the broker: a script ends in `exec`. Repeat it for each broker
    #[arg(
        long,
        value_name = "NAME=COMMAND",
        value_parser = started,
        required_unless_present = "target"
    )]
    pub(crate) start: Vec<Target>,

    /// A broker that runs already: NAME=HOST:PORT, its pid, and its other ports. Repeat it for
    /// each broker
    #[arg(
        long,
        value_name = "NAME=HOST:PORT[,PID][,tls=PORT][,v5=PORT][,v5-tls=PORT]",
        value_parser = running
    )]
    pub(crate) target: Vec<Target>,

    /// A case (`thingcore-bench cases` lists them), or `short`, or `goals` (those with a goal for
    /// the first broker), or `all`. Repeat it for more
    #[arg(
        long,
        visible_alias = "cases",
        value_name = "NAME",
        required = true,
        value_delimiter = ','
    )]
    pub(crate) case: Vec<String>,

    /// Runs of each case against each broker
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) repeats: u16,

    /// How long to measure in each run
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) seconds: f64,

    /// How long to run before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    pub(crate) warm_up: f64,

    /// CPUs for the brokers of --start, and those for this program: 0:1, or 0,1:2. Brokers that run
    /// already are pinned by whoever starts them, with `taskset -c 0 COMMAND`
    #[arg(long, value_name = "BROKERS:GENERATOR")]
    pub(crate) pin: Option<Pin>,

    #[command(flatten)]
    pub(crate) tls: TlsFiles,

    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a page with charts as well
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Write tables in Markdown as well
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// No progress bar, no line for each run
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Flags for all runs, as --qos 1
    #[arg(last = true, value_name = "FLAGS")]
    pub(crate) flags: Vec<String>,
}

const EXAMPLE: &str = "Example:
  thingcore-bench compare --case goals --pin 0:1 --cafile ca.pem \\
    --html compared.html --markdown compared.md --json \\
    --start 'thingcore=thingcore serve --memory --mqtt-port {port} --mqtts-port {tls_port} ...' \\
    --start 'mosquitto=./mosquitto.sh {port} {tls_port}' \\
    --start 'rumqttd=./rumqttd.sh {port} {tls_port} {v5_port}' > compared.json";

/// Runs every case against every broker in turn. False if a run was not clean.
pub(super) fn compare(args: &Compare) -> anyhow::Result<bool> {
    let cases = chosen(&args.case)?;
    let targets: Vec<&Target> = args.start.iter().chain(&args.target).collect();
    if args.tls.cafile.is_none() && cases.iter().any(|case| is_over_tls(case)) {
        let text = "a case over TLS needs --cafile, the CA of the brokers' certificates";
        return Err(Usage(text.to_owned()).into());
    }
    raise_descriptors();
    let progress = Progress::new(args.quiet);
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    let mut turn = std::process::id() as u16;
    for repeat in 0..usize::from(args.repeats) {
        for case in &cases {
            // In an order that turns, so that no broker always comes first.
            let first = repeat % targets.len();
            let (late, early) = targets.split_at(first);
            for target in early.iter().chain(late) {
                let result = run_case(args, case, target, &mut turn, &progress);
                if !args.quiet {
                    progress.line(&run_line(case, &target.name, &result));
                }
                match result {
                    Ok(report) => runs.push(report),
                    Err(error) if error.is::<Usage>() => return Err(error),
                    Err(error) => failures.push(Failure {
                        case: case.clone(),
                        target: target.name.clone(),
                        error: format!("{error:#}"),
                    }),
                }
            }
        }
    }
    show(args, &summary(args, &cases, &targets, runs, &failures))
}

fn summary(
    args: &Compare,
    cases: &[String],
    targets: &[&Target],
    runs: Vec<Report>,
    failures: &[Failure],
) -> Comparison {
    let named = |case: &String| CaseName {
        name: case.clone(),
        goal: goal(case),
    };
    let cases: Vec<CaseName> = cases.iter().map(named).collect();
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    let repeats = usize::from(args.repeats);
    Comparison {
        machine: machine_in_words(),
        ..Comparison::of(&cases, &names, repeats, runs, failures)
    }
}

fn show(args: &Compare, comparison: &Comparison) -> anyhow::Result<bool> {
    if let Some(path) = &args.html {
        write_page(path, &html::comparison_page(comparison))?;
    }
    if let Some(path) = &args.markdown {
        write_page(path, &markdown(comparison))?;
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string(comparison)?)?;
    } else {
        write!(stdout, "{}", comparison_table(comparison))?;
    }
    Ok(comparison.is_clean())
}

fn run_case(
    args: &Compare,
    case: &str,
    target: &Target,
    turn: &mut u16,
    progress: &Progress,
) -> anyhow::Result<Report> {
    let cpus = args.pin.clone().unwrap_or_default();
    let (broker, address) = match &target.place {
        Place::Running(address) => (None, address.clone()),
        Place::Start(command) => {
            let ports = Ports::free(turn)?;
            pin(&cpus.brokers)?;
            let broker = Launched::start(command, ports)?;
            let v5 = command.contains("{v5_port}");
            let address = Address {
                host: "127.0.0.1".to_owned(),
                port: ports.plain,
                pids: vec![broker.pid()],
                tls_port: Some(ports.tls()),
                v5_port: v5.then_some(ports.v5()),
                v5_tls_port: v5.then_some(ports.v5_tls()),
            };
            (Some(broker), address)
        }
    };
    pin(&cpus.generator)?;
    let line = arguments(args, case, &target.name, &address);
    let cli = Cli::try_parse_from(line).map_err(|error| Usage(error.to_string()))?;
    let report = match cli.command {
        Command::Mode(mode) => run(&mode, progress),
        Command::Case(_) | Command::Cases | Command::Compare(_) => {
            Err(Usage(format!("`{case}` is no load")).into())
        }
    };
    if let Some(broker) = broker {
        broker.stop();
    }
    report
}

/// Modes that end when they are done, and not after a time.
const UNTIMED: [&str; 3] = ["storm", "idle", "retained"];

/// The command line of one run.
fn arguments(args: &Compare, case: &str, name: &str, address: &Address) -> Vec<String> {
    let line = command_line(case).unwrap_or_default();
    let mut words = vec!["thingcore-bench".to_owned()];
    words.extend(line.split(' ').map(str::to_owned));
    let tls = is_over_tls(case);
    let port = address.port_for(tls, line.contains("--mqtt 5"));
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    add("--target", format!("{}:{port}", address.host));
    for pid in &address.pids {
        add("--pid", pid.to_string());
    }
    add("--label", name.to_owned());
    add("--case", case.to_owned());
    // Runs follow each other at once, and a port that has been used is not free for a minute.
    add("--source-addresses", "4".to_owned());
    if !UNTIMED.iter().any(|mode| line.starts_with(mode)) {
        add("--seconds", args.seconds.to_string());
        add("--warm-up", args.warm_up.to_string());
    }
    if tls {
        words.extend(args.tls.arguments());
    }
    words.extend(args.flags.iter().cloned());
    words
}

fn is_over_tls(case: &str) -> bool {
    command_line(case).is_some_and(|line| line.contains("--tls"))
}

fn chosen(names: &[String]) -> Result<Vec<String>, Usage> {
    let mut cases = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => cases.extend(CASES.iter().map(|(case, _)| (*case).to_owned())),
            "goals" => cases.extend(GOALS.iter().map(|(case, _)| (*case).to_owned())),
            "short" => cases.extend(SHORT.iter().map(|case| (*case).to_owned())),
            name if command_line(name).is_some() => cases.push(name.to_owned()),
            name => return Err(super::unknown_case(name)),
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        compare: Compare,
    }

    #[test]
    fn every_case_is_a_command_line_that_parses() {
        let words = [
            "x",
            "--case",
            "all",
            "--cafile",
            "f",
            "--start",
            "a=b {port}",
        ];
        let args = Alone::try_parse_from(words).unwrap().compare;
        let target = running("a=h:1,2,tls=3,v5=4").unwrap();
        let Place::Running(address) = target.place else {
            panic!("it runs");
        };
        for (case, line) in CASES {
            let cli = Cli::try_parse_from(arguments(&args, case, "a", &address)).unwrap();
            let Command::Mode(mode) = cli.command else {
                panic!("{case}");
            };
            let port = match () {
                () if line.contains("--tls") => "h:3",
                () if line.contains("--mqtt 5") => "h:4",
                () => "h:1",
            };
            assert_eq!(
                (mode.target().target.as_str(), mode.output().case.as_deref()),
                (port, Some(*case))
            );
            assert_eq!(mode.target().pid, [2]);
            assert_eq!(mode.target().files.cafile.is_some(), line.contains("--tls"));
        }
        let sets = SHORT.iter().chain(GOALS.iter().map(|(case, _)| case));
        sets.for_each(|case| assert!(command_line(case).is_some(), "{case}"));
    }
}
