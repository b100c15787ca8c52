//! Brokers that a comparison starts and ends itself, so that none is measured with the memory of
//! what it did before.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

/// A broker's process.
pub(crate) struct Launched {
    child: Child,
    /// What it has written.
    log: PathBuf,
}

/// Why a broker could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("cannot start `{0}`: {1}")]
    Start(String, io::Error),
    #[error("cannot write {0}: {1}")]
    Log(PathBuf, io::Error),
    #[error("the broker ended before it listened on port {0}; what it wrote is in {1}")]
    Ended(u16, PathBuf),
    #[error("the broker did not listen on port {0} within {1} s; what it wrote is in {2}")]
    Silent(u16, u64, PathBuf),
    #[error("no four free ports in a row between {0} and {1}")]
    Ports(u16, u16),
    #[error("cannot run on the CPUs {0:?} of --pin: {1}")]
    Affinity(Vec<usize>, nix::Error),
}

/// Four ports in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
}

/// Ports below those that the kernel gives to clients, so that no client is in the way.
const FIRST: u16 = 21_000;
const LAST: u16 = 29_000;

const START_S: u64 = 15;
const STOP: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// Time for the rest of a broker's start, which would be measured otherwise.
const SETTLE: Duration = Duration::from_millis(300);

impl Ports {
    pub(crate) fn tls(self) -> u16 {
        self.plain + 1
    }

    pub(crate) fn v5(self) -> u16 {
        self.plain + 2
    }

    pub(crate) fn v5_tls(self) -> u16 {
        self.plain + 3
    }

    /// The next ports after `turn` that can be bound even by a broker that does not set
    /// SO_REUSEADDR: one that has closed a connection keeps its port busy for a minute.
    pub(crate) fn free(turn: &mut u16) -> Result<Self, LaunchError> {
        let groups = (LAST - FIRST) / 4;
        for _ in 0..groups {
            *turn = (*turn + 1) % groups;
            let plain = FIRST + 4 * *turn;
            if (plain..plain + 4).all(|port| can_bind(port).is_ok()) {
                return Ok(Ports { plain });
            }
        }
        Err(LaunchError::Ports(FIRST, LAST))
    }

    /// A command with these ports in their places.
    fn fill(self, command: &str) -> String {
        [
            ("{port}", self.plain),
            ("{tls_port}", self.tls()),
            ("{v5_port}", self.v5()),
            ("{v5_tls_port}", self.v5_tls()),
        ]
        .iter()
        .fold(command.to_owned(), |text, (place, port)| {
            text.replace(place, &port.to_string())
        })
    }
}

fn can_bind(port: u16) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&loopback(port).into())
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Lets this thread, and what it starts, run on these CPUs only; on all if there are none.
pub(crate) fn pin(cpus: &[usize]) -> Result<(), LaunchError> {
    let failed = |error| LaunchError::Affinity(cpus.to_vec(), error);
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu).map_err(failed)?;
    }
    if cpus.is_empty() {
        return Ok(());
    }
    sched_setaffinity(Pid::from_raw(0), &set).map_err(failed)
}

impl Launched {
    /// Starts a broker by a command and waits until it listens on every port that the command
    /// names.
    pub(crate) fn start(command: &str, ports: Ports) -> Result<Self, LaunchError> {
        let log = env::temp_dir().join(format!(
            "thingcore-bench-{}-{}.log",
            process::id(),
            ports.plain
        ));
        let line = ports.fill(command);
        let failed = |error| LaunchError::Log(log.clone(), error);
        let out = File::create(&log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        // `exec`, so that the process is the broker and not a shell in front of it.
        let child = Command::new("sh")
            .args(["-c", &format!("exec {line}")])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|error| LaunchError::Start(line, error))?;
        let mut launched = Launched { child, log };
        launched.wait_for(ports.plain)?;
        for (place, port) in [
            ("{tls_port}", ports.tls()),
            ("{v5_port}", ports.v5()),
            ("{v5_tls_port}", ports.v5_tls()),
        ] {
            if command.contains(place) {
                launched.wait_for(port)?;
            }
        }
        thread::sleep(SETTLE);
        Ok(launched)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    fn wait_for(&mut self, port: u16) -> Result<(), LaunchError> {
        let until = Instant::now() + Duration::from_secs(START_S);
        while Instant::now() < until {
            if TcpStream::connect(loopback(port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(LaunchError::Ended(port, self.log.clone()));
            }
            thread::sleep(POLL);
        }
        Err(LaunchError::Silent(port, START_S, self.log.clone()))
    }

    /// Ends the broker in good order.
    pub(crate) fn stop(mut self) {
        self.end();
        // Nobody asks for it after a run that went well, and it may be gone already.
        let _ = fs::remove_file(&self.log);
    }

    fn end(&mut self) {
        // A process that is gone already needs no signal.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_where_the_command_says() {
        let ports = Ports { plain: 21_000 };
        let line = ports.fill("b -p {port} --tls {tls_port} --v5 {v5_port},{v5_tls_port}");
        assert_eq!(line, "b -p 21000 --tls 21001 --v5 21002,21003");
    }

    #[test]
    fn a_broker_that_ends_at_once_is_told_from_one_that_listens() {
        let mut turn = (process::id() % 1000) as u16;
        let ports = Ports::free(&mut turn).unwrap();
        let error = Launched::start("echo no such option {port}", ports)
            .err()
            .unwrap();
        let LaunchError::Ended(port, log) = error else {
            panic!("{error}");
        };
        assert_eq!(port, ports.plain);
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text, format!("no such option {port}\n"));
        fs::remove_file(log).unwrap();
    }
}
