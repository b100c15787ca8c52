//! The brokers to compare: such as run already, and such as are started for each run.

use std::str::FromStr;

/// A broker to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Running(Address),
    /// The command that starts it.
    Start(String),
}

/// A broker that runs, and its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) pids: Vec<i32>,
    pub(crate) tls_port: Option<u16>,
    pub(crate) v5_port: Option<u16>,
    pub(crate) v5_tls_port: Option<u16>,
}

impl Address {
    /// The listener that speaks so.
    pub(crate) fn port_for(&self, tls: bool, v5: bool) -> u16 {
        let port = match (tls, v5) {
            (true, true) => self.v5_tls_port.or(self.tls_port),
            (true, false) => self.tls_port,
            (false, true) => self.v5_port,
            (false, false) => None,
        };
        port.unwrap_or(self.port)
    }
}

/// Reads a target as `--target` has it.
pub(super) fn running(text: &str) -> Result<Target, String> {
    let example = "write NAME=HOST:PORT,PID, as in mosquitto=127.0.0.1:1883,4242,tls=8883";
    let (name, rest) = text.split_once('=').ok_or(example)?;
    let mut parts = rest.split(',');
    let address = parts.next().unwrap_or_default();
    let (host, port) = address.rsplit_once(':').ok_or(example)?;
    let mut address = Address {
        host: host.to_owned(),
        port: port.parse().map_err(|_| example)?,
        pids: Vec::new(),
        tls_port: None,
        v5_port: None,
        v5_tls_port: None,
    };
    for part in parts {
        let number = |text: &str| text.parse().map_err(|_| format!("`{part}`: {example}"));
        match part.split_once('=') {
            Some(("tls", port)) => address.tls_port = Some(number(port)?),
            Some(("v5", port)) => address.v5_port = Some(number(port)?),
            Some(("v5-tls", port)) => address.v5_tls_port = Some(number(port)?),
            Some(("pid", pid)) => address.pids.push(pid.parse().map_err(|_| example)?),
            Some(_) => return Err(format!("`{part}`: {example}")),
            None => address.pids.push(part.parse().map_err(|_| example)?),
        }
    }
    Ok(Target {
        name: name.to_owned(),
        place: Place::Running(address),
    })
}

/// Reads a target as `--start` has it.
pub(super) fn started(text: &str) -> Result<Target, String> {
    let example = "write NAME=COMMAND, as in 'mosquitto=mosquitto -p {port}'";
    let (name, command) = text.split_once('=').ok_or(example)?;
    if !command.contains("{port}") {
        return Err(format!("the command has no {{port}}; {example}"));
    }
    Ok(Target {
        name: name.to_owned(),
        place: Place::Start(command.to_owned()),
    })
}

/// The CPUs of brokers that are started, and those of this program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) brokers: Vec<usize>,
    pub(crate) generator: Vec<usize>,
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = || "write BROKERS:GENERATOR, as in 0:1 or 0,1:2,3".to_owned();
        let (brokers, generator) = text.split_once(':').ok_or_else(example)?;
        let list = |text: &str| {
            let cpus = text.split(',').map(str::parse);
            cpus.collect::<Result<_, _>>().map_err(|_| example())
        };
        Ok(Pin {
            brokers: list(brokers)?,
            generator: list(generator)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_targets_are_read() {
        let target = |pids: &[i32], tls_port, v5_port| Target {
            name: "a".into(),
            place: Place::Running(Address {
                host: "127.0.0.1".into(),
                port: 1883,
                pids: pids.to_vec(),
                tls_port,
                v5_port,
                v5_tls_port: None,
            }),
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
            assert_eq!(running(text), Ok(expected), "{text}");
        }
        for text in ["a", "a=b", "a=b:x", "a=b:1,c", "a=b:1,ssl=3"] {
            let error = running(text).unwrap_err();
            assert!(
                error.contains("mosquitto=127.0.0.1:1883"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn commands_say_where_the_port_goes() {
        let target = started("a=b --port={port}").unwrap();
        assert_eq!(target.place, Place::Start("b --port={port}".into()));
        for text in ["a", "a=b -p 1883"] {
            assert!(started(text).unwrap_err().contains("-p {port}"), "{text}");
        }
    }

    #[test]
    fn a_listener_is_chosen_by_protocol_and_version() {
        let Place::Running(address) = running("a=h:1,tls=2,v5=3,v5-tls=4").unwrap().place else {
            panic!("it runs");
        };
        let ports = [(false, false), (true, false), (false, true), (true, true)];
        assert_eq!(
            ports.map(|(tls, v5)| address.port_for(tls, v5)),
            [1, 2, 3, 4]
        );
        let plain = Address {
            tls_port: None,
            v5_port: None,
            v5_tls_port: None,
            ..address
        };
        assert_eq!(ports.map(|(tls, v5)| plain.port_for(tls, v5)), [1; 4]);
    }

    #[test]
    fn pins_are_two_lists_of_cpus() {
        let pin = "0,2:1".parse::<Pin>().unwrap();
        assert_eq!((pin.brokers, pin.generator), (vec![0, 2], vec![1]));
        for text in ["", "0", "0:", "a:1"] {
            assert!(text.parse::<Pin>().unwrap_err().contains("0:1"), "{text}");
        }
    }
}
