//! Servers in this process, one for each profile.

use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;
use thingcore::{Config, ProfileName, Running, Server};

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where bytes go.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)]
pub enum Port {
    Api,
    Aws,
    Mqtt,
}

fn server(profile: ProfileName) -> &'static Running {
    static AWS: OnceLock<Running> = OnceLock::new();
    static MQTT: OnceLock<Running> = OnceLock::new();
    let place = match profile {
        ProfileName::Aws => &AWS,
        ProfileName::Mqtt => &MQTT,
    };
    place.get_or_init(|| {
        let config = Config {
            memory: true,
            profile,
            mqtt_port: Some(0),
            mqtts_port: 0,
            https_port: 0,
            api_port: 0,
            ..Config::default()
        };
        Server::start(config).expect("ports are to be had")
    })
}

/// Sends bytes, closes our side, and reads until the server has closed its own.
pub fn send(port: Port, bytes: &[u8]) {
    let (server, port) = match port {
        Port::Api => (server(ProfileName::Aws), None),
        Port::Aws => (server(ProfileName::Aws), Some(())),
        Port::Mqtt => (server(ProfileName::Mqtt), Some(())),
    };
    let ports = server.ports();
    let port = match port {
        None => ports.api_port,
        Some(()) => ports.mqtt_port.expect("it was asked for"),
    };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // Closed with a reset, so that ports can be used again at once.
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
    socket.set_read_timeout(Some(PATIENCE)).expect("an option");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect(&address.into()).expect("the server accepts");
    // It may have closed before it has everything.
    let mut stream = socket;
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
