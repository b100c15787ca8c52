//! Servers in this process.

use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;
use thingcore::{Config, ProfileName, Running, Server};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys for the server that verifies signatures.
const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = secret\n";

/// Where bytes go.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)]
pub enum Port {
    /// HTTP, any signature is good.
    Api,
    /// HTTP, signatures are verified.
    VerifiedApi,
    /// MQTT as AWS has it.
    Aws,
    /// MQTT by the standard.
    Mqtt,
}

fn started(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config {
        memory: true,
        mqtt_port: Some(0),
        mqtts_port: 0,
        https_port: 0,
        api_port: 0,
        ..Config::default()
    };
    change(&mut config);
    Server::start(config).expect("ports are to be had")
}

impl Port {
    fn number(self) -> u16 {
        static AWS: OnceLock<Running> = OnceLock::new();
        static MQTT: OnceLock<Running> = OnceLock::new();
        static VERIFIED: OnceLock<Running> = OnceLock::new();
        let aws = || AWS.get_or_init(|| started(|_| {})).ports();
        let mqtt = || MQTT.get_or_init(|| started(|config| config.profile = ProfileName::Mqtt));
        let verified = || {
            VERIFIED.get_or_init(|| {
                let name = format!("thingcore-fuzz-{}", std::process::id());
                let file = std::env::temp_dir().join(name);
                std::fs::write(&file, CREDENTIALS).expect("a file can be written");
                let running = started(|config| config.credentials = Some(file.clone()));
                std::fs::remove_file(file).expect("it is there");
                running
            })
        };
        match self {
            Port::Api => aws().api,
            Port::VerifiedApi => verified().ports().api,
            Port::Aws => aws().mqtt.expect("it was asked for"),
            Port::Mqtt => mqtt().ports().mqtt.expect("it was asked for"),
        }
    }
}

fn connected(port: Port) -> Socket {
    let address = SocketAddr::from(([127, 0, 0, 1], port.number()));
    loop {
        let stream = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // Closed with a reset, so that ports can be used again at once.
        stream.set_linger(Some(Duration::ZERO)).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        match stream.connect(&address.into()) {
            Ok(()) => return stream,
            // libFuzzer's timer is a signal.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the server does not accept: {error}"),
        }
    }
}

/// Sends bytes, closes our side, and reads until the server has closed its own.
pub fn send(port: Port, bytes: &[u8]) {
    let mut stream = connected(port);
    // It may have closed before it has everything.
    if stream.write_all(bytes).is_ok() {
        drop(stream.shutdown(Shutdown::Write));
    }
    let mut scrap = [0; 4096];
    loop {
        match stream.read(&mut scrap) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("the server neither answers nor closes")
            }
            Err(_) => return,
        }
    }
}
