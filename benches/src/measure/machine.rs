//! Who used the machine during a stretch of time: the broker, this generator, others.

use super::{Clock, Process, Usage};
use nix::time::ClockId;
use serde::Serialize;
use std::fs;
use std::time::Duration;

/// Ticks of /proc/stat in a second; fixed by Linux's user interface.
const TICKS_PER_SECOND: f64 = 100.0;

/// A reading of everything that uses CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    at_ns: u64,
    own_cpu_ns: u64,
    busy_ticks: Option<u64>,
    /// The broker's part, if its pid was given.
    pub(crate) broker: Option<Usage>,
}

/// Cores in use between two readings.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cpu {
    /// How long it was.
    pub(crate) seconds: f64,
    /// The broker's CPU time in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker_cores: Option<f64>,
    /// This program's share.
    pub(crate) generator_cores: f64,
    /// Everybody else's: above a tenth of a core the run was disturbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_cores: Option<f64>,
}

impl Machine {
    pub(crate) fn read(clock: &Clock, broker: Option<&Process>) -> Self {
        Machine {
            at_ns: clock.now_ns(),
            own_cpu_ns: own_cpu_ns(),
            busy_ticks: fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|text| busy_ticks(&text)),
            broker: broker.map(Process::usage),
        }
    }

    /// The time of the reading.
    pub(crate) fn at_ns(&self) -> u64 {
        self.at_ns
    }

    /// What happened since `before`.
    pub(crate) fn since(&self, before: &Machine) -> Cpu {
        let seconds = (self.at_ns - before.at_ns) as f64 / 1e9;
        let own = self.own_cpu_ns.saturating_sub(before.own_cpu_ns) as f64 / 1e9;
        let broker = self.broker.zip(before.broker);
        let broker = broker.map(|(b, a)| b.cpu_ns.saturating_sub(a.cpu_ns) as f64 / 1e9);
        let busy = self.busy_ticks.zip(before.busy_ticks);
        let busy = busy.map(|(b, a)| b.saturating_sub(a) as f64 / TICKS_PER_SECOND);
        Cpu {
            seconds,
            broker_seconds: broker,
            broker_cores: broker.map(|cpu| cpu / seconds),
            generator_cores: own / seconds,
            // Without the broker's share nobody can tell it from others.
            other_cores: busy
                .zip(broker)
                .map(|(busy, broker)| ((busy - broker - own) / seconds).max(0.0)),
        }
    }
}

/// Cores, model and kernel of this machine, as far as they are known.
pub(crate) fn machine_in_words() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let models = cpus.lines().filter(|line| line.starts_with("model name"));
    let models: Vec<&str> = models
        .filter_map(|line| Some(line.split_once(':')?.1.trim()))
        .collect();
    let kernel = read("/proc/sys/kernel/osrelease");
    match models.first() {
        Some(model) => format!("{} x {model}, Linux {}", models.len(), kernel.trim()),
        None => std::env::consts::OS.to_owned(),
    }
}

fn own_cpu_ns() -> u64 {
    ClockId::CLOCK_PROCESS_CPUTIME_ID
        .now()
        .map_or(0, |time| Duration::from(time).as_nanos() as u64)
}

/// User, nice, system, irq and softirq time of all CPUs.
fn busy_ticks(stat: &str) -> Option<u64> {
    let mut columns = stat.lines().next()?.split_whitespace().skip(1);
    let columns: Vec<u64> = columns
        .by_ref()
        .map_while(|text| text.parse().ok())
        .collect();
    [0, 1, 2, 5, 6].iter().map(|&at| columns.get(at)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_taken_apart() {
        let reading = |at_ns, own_cpu_ns, ticks, cpu_ns| Machine {
            at_ns,
            own_cpu_ns,
            busy_ticks: Some(ticks),
            broker: Some(Usage {
                cpu_ns,
                ..Usage::default()
            }),
        };
        let cpu = reading(3_000_000_000, 700_000_000, 350, 1_500_000_000).since(&reading(
            1_000_000_000,
            200_000_000,
            100,
            500_000_000,
        ));
        assert_eq!(cpu.seconds, 2.0);
        assert_eq!(cpu.broker_seconds, Some(1.0));
        assert_eq!(cpu.broker_cores, Some(0.5));
        assert_eq!(cpu.generator_cores, 0.25);
        assert_eq!(cpu.other_cores, Some(0.5));
    }

    #[test]
    fn idle_time_is_not_busy() {
        assert_eq!(
            busy_ticks("cpu  1 2 3 1000 500 4 5 9 0 0\ncpu0 1"),
            Some(15)
        );
        assert_eq!(busy_ticks(""), None);
    }
}
