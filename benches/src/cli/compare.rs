//! `thingcore-bench compare`.

use super::cases::{CASES, SHORT, command_line};
use super::run::{run, write_page};
use super::{Cli, Command, Usage};
use crate::compare::{Comparison, Failure};
use crate::show::{Progress, comparison_table, html};
use clap::{Args, Parser};
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

/// `compare`
#[derive(Args, Clone, Debug)]
pub(crate) struct Compare {
    /// A broker: NAME=HOST:PORT, its pid, and its other ports. Repeat it for each broker
    #[arg(
        long,
        value_name = "NAME=HOST:PORT[,PID][,tls=PORT][,v5=PORT]",
        required = true
    )]
    pub(crate) target: Vec<Target>,

    /// A case (`thingcore-bench cases` lists them), or `short`, or `all`. Repeat it for more
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
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

    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a page with charts as well
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// No progress bar
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Flags for all runs, as --cafile ca.pem
    #[arg(last = true, value_name = "FLAGS")]
    pub(crate) flags: Vec<String>,
}

/// A broker to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    name: String,
    host: String,
    port: u16,
    pids: Vec<i32>,
    tls_port: Option<u16>,
    v5_port: Option<u16>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write NAME=HOST:PORT,PID, as in mosquitto=127.0.0.1:1883,4242,tls=8883";
        let (name, rest) = text.split_once('=').ok_or(example)?;
        let mut parts = rest.split(',');
        let address = parts.next().unwrap_or_default();
        let (host, port) = address.rsplit_once(':').ok_or(example)?;
        let mut target = Target {
            name: name.to_owned(),
            host: host.to_owned(),
            port: port.parse().map_err(|_| example)?,
            pids: Vec::new(),
            tls_port: None,
            v5_port: None,
        };
        for part in parts {
            let number = |text: &str| text.parse().map_err(|_| format!("`{part}`: {example}"));
            match part.split_once('=') {
                Some(("tls", port)) => target.tls_port = Some(number(port)?),
                Some(("v5", port)) => target.v5_port = Some(number(port)?),
                Some(("pid", pid)) => target.pids.push(pid.parse().map_err(|_| example)?),
                Some(_) => return Err(format!("`{part}`: {example}")),
                None => target.pids.push(part.parse().map_err(|_| example)?),
            }
        }
        Ok(target)
    }
}

/// Runs every case against every broker in turn. False if a run was not clean.
pub(super) fn compare(args: &Compare) -> anyhow::Result<bool> {
    let cases = chosen(&args.case)?;
    let progress = Progress::new(args.quiet);
    let (mut runs, mut failures) = (Vec::new(), Vec::new());
    for repeat in 0..usize::from(args.repeats) {
        for case in &cases {
            // In an order that turns, so that no broker always comes first.
            let first = repeat % args.target.len();
            let (late, early) = args.target.split_at(first);
            for target in early.iter().chain(late) {
                match run_case(args, case, target, &progress) {
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
    let names: Vec<String> = args
        .target
        .iter()
        .map(|target| target.name.clone())
        .collect();
    let repeats = usize::from(args.repeats);
    let comparison = Comparison::of(&cases, &names, repeats, runs, &failures);
    if let Some(path) = &args.html {
        write_page(path, &html::comparison_page(&comparison))?;
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string(&comparison)?)?;
    } else {
        write!(stdout, "{}", comparison_table(&comparison))?;
    }
    Ok(comparison.is_clean())
}

fn run_case(
    args: &Compare,
    case: &str,
    target: &Target,
    progress: &Progress,
) -> anyhow::Result<crate::report::Report> {
    let line = arguments(args, case, target);
    let cli = Cli::try_parse_from(line).map_err(|error| Usage(error.to_string()))?;
    match cli.command {
        Command::Mode(mode) => run(&mode, progress),
        Command::Case(_) | Command::Cases | Command::Compare(_) => {
            Err(Usage(format!("`{case}` is no load")).into())
        }
    }
}

/// The command line of one run.
fn arguments(args: &Compare, case: &str, target: &Target) -> Vec<String> {
    let line = command_line(case).unwrap_or_default();
    let mut words = vec!["thingcore-bench".to_owned()];
    words.extend(line.split(' ').map(str::to_owned));
    let is = |flag: &str| line.contains(flag);
    let port = match (is("--tls"), is("--mqtt 5")) {
        (true, _) => target.tls_port.unwrap_or(target.port),
        (false, true) => target.v5_port.unwrap_or(target.port),
        (false, false) => target.port,
    };
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    add("--target", format!("{}:{port}", target.host));
    for pid in &target.pids {
        add("--pid", pid.to_string());
    }
    add("--label", target.name.clone());
    add("--case", case.to_owned());
    let timed = ["storm", "idle", "retained"];
    if !timed.iter().any(|mode| line.starts_with(mode)) {
        add("--seconds", args.seconds.to_string());
        add("--warm-up", args.warm_up.to_string());
    }
    words.extend(args.flags.iter().cloned());
    words
}

fn chosen(names: &[String]) -> Result<Vec<String>, Usage> {
    let mut cases = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => cases.extend(CASES.iter().map(|(case, _)| (*case).to_owned())),
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

    #[test]
    fn targets_are_read() {
        let target = |pids: &[i32], tls_port, v5_port| Target {
            name: "a".into(),
            host: "127.0.0.1".into(),
            port: 1883,
            pids: pids.to_vec(),
            tls_port,
            v5_port,
        };
        for (text, expected) in [
            ("a=127.0.0.1:1883", target(&[], None, None)),
            ("a=127.0.0.1:1883,42", target(&[42], None, None)),
            (
                "a=127.0.0.1:1883,42,43,tls=8883",
                target(&[42, 43], Some(8883), None),
            ),
            (
                "a=127.0.0.1:1883,pid=42,v5=1885",
                target(&[42], None, Some(1885)),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["a", "a=b", "a=b:x", "a=b:1,c", "a=b:1,ssl=3"] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(
                error.contains("mosquitto=127.0.0.1:1883"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn every_case_is_a_command_line_that_parses() {
        let args = Compare {
            target: Vec::new(),
            case: Vec::new(),
            repeats: 1,
            seconds: 1.5,
            warm_up: 0.0,
            json: false,
            html: None,
            quiet: true,
            flags: Vec::new(),
        };
        let target: Target = "a=h:1,2,tls=3,v5=4".parse().unwrap();
        for (case, line) in CASES {
            let cli = Cli::try_parse_from(arguments(&args, case, &target)).unwrap();
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
        }
        assert!(SHORT.iter().all(|case| command_line(case).is_some()));
    }
}
