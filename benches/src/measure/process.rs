//! What the broker's processes use, read from the kernel.

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// The processes that a broker consists of.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pids: Vec<i32>,
    clocks: Vec<ClockId>,
}

/// A reading.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time since the process began, to the nanosecond.
    pub(crate) cpu_ns: u64,
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
}

/// Why a process cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("process {0} of --pid does not exist; give the broker's pid, as `pidof` prints it")]
    Missing(i32),
    #[error("cannot read the CPU clock of process {0}: {1}")]
    Clock(i32, nix::Error),
}

impl Process {
    pub(crate) fn watch(pids: &[i32]) -> Result<Option<Self>, ProcessError> {
        if pids.is_empty() {
            return Ok(None);
        }
        let clock = |&pid: &i32| {
            if fs::metadata(format!("/proc/{pid}/status")).is_err() {
                return Err(ProcessError::Missing(pid));
            }
            clock_getcpuclockid(Pid::from_raw(pid)).map_err(|error| ProcessError::Clock(pid, error))
        };
        Ok(Some(Process {
            pids: pids.to_vec(),
            clocks: pids.iter().map(clock).collect::<Result<_, _>>()?,
        }))
    }

    /// CPU time alone; cheap enough to be read many times a second.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.clocks
            .iter()
            .filter_map(|clock| clock.now().ok())
            .map(|time| Duration::from(time).as_nanos() as u64)
            .sum()
    }

    pub(crate) fn usage(&self) -> Usage {
        let mut usage = Usage {
            cpu_ns: self.cpu_ns(),
            ..Usage::default()
        };
        for pid in &self.pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            usage.resident_kib += field(&status, "VmRSS:");
            usage.peak_kib += field(&status, "VmHWM:");
            usage.threads += field(&status, "Threads:");
        }
        usage
    }

    /// Starts the peak of resident memory afresh. False if the kernel does not let us: then the
    /// peak is that of the process's whole life.
    pub(crate) fn reset_peak(&self) -> bool {
        self.pids
            .iter()
            .all(|pid| fs::write(format!("/proc/{pid}/clear_refs"), "5").is_ok())
    }
}

fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_watched() {
        let pid = std::process::id() as i32;
        let process = Process::watch(&[pid]).unwrap().unwrap();
        let before = process.usage();
        assert!(before.resident_kib > 100 && before.peak_kib >= before.resident_kib);
        while process.cpu_ns() == before.cpu_ns {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_missing_process_is_named() {
        let error = Process::watch(&[i32::MAX]).unwrap_err().to_string();
        assert!(error.contains("process 2147483647"), "{error}");
        assert!(Process::watch(&[]).unwrap().is_none());
    }

    #[test]
    fn fields_of_a_status_are_found_by_name() {
        let status = "Name:\tx\nVmHWM:\t    1404 kB\nVmRSS:\t    1400 kB\nThreads:\t3\n";
        assert_eq!(field(status, "VmRSS:"), 1400);
        assert_eq!(field(status, "Threads:"), 3);
        assert_eq!(field(status, "VmSwap:"), 0);
    }
}
