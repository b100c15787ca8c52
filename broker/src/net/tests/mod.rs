//! The listeners with doors that keep what comes in for the test to look at.

mod client;
mod doors;
mod wires;

pub(in crate::net) use client::masked;

use super::doors::Doors;
use super::identity::ServerIdentity;
use super::listen::{Listeners, Listening, open};
use super::tls::{Handshakes, Registry, Standing, certificate_id};
use super::{Arrival, Peer};
use crate::api::Door;
use crate::api::sigv4::{SignatureError, SignedRequest};
use crate::budget::Budget;
use crate::config::Config;
use crate::shards::Shards;
use axum::body::Body;
use client::Device;
use http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// No test waits longer for something that must happen.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came through the gate.
#[derive(Debug)]
enum Event {
    Mqtt(Arrival),
    Http(Door, Arc<Peer>),
    HandshakeFailed(String),
}

struct TestDoors(mpsc::UnboundedSender<Event>, Arc<Budget>);

impl Doors for TestDoors {
    async fn mqtt(self: Arc<Self>, arrival: Arrival) {
        self.0.send(Event::Mqtt(arrival)).unwrap();
    }

    async fn http(
        self: Arc<Self>,
        peer: Arc<Peer>,
        door: Door,
        _: Request<Body>,
    ) -> Response<Body> {
        self.0.send(Event::Http(door, peer)).unwrap();
        Response::new(Body::from("answered"))
    }

    fn admits(&self, _: &SignedRequest<'_>) -> Result<(), SignatureError> {
        Ok(())
    }

    fn budget(&self) -> &Arc<Budget> {
        &self.1
    }

    fn handshake_failed(&self, _: SocketAddr, why: &str) {
        self.0.send(Event::HandshakeFailed(why.to_owned())).unwrap();
    }
}

/// Running listeners on ports of the system's choice, and three devices' certificates.
struct Net {
    ports: Listening,
    events: mpsc::UnboundedReceiver<Event>,
    ca: CertificateDer<'static>,
    registered: Device,
    expired: Device,
    unknown: Device,
    stop: watch::Sender<bool>,
    _shards: Shards,
}

impl Net {
    fn start() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        let server = Device::new(&issuer, ExtendedKeyUsagePurpose::ServerAuth);
        let device = || Device::new(&issuer, ExtendedKeyUsagePurpose::ClientAuth);
        let (registered, expired, unknown) = (device(), device(), device());
        let registry = registry(&registered, &expired);
        let identity = ServerIdentity::new(
            vec![server.certificate.to_vec(), ca.to_vec()],
            server.key.secret_pkcs8_der().to_vec(),
        );
        let config = Config {
            mqtt_port: Some(0),
            mqtts_port: 0,
            https_port: 0,
            api_port: 0,
            ..Config::default()
        };
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let shards = Shards::start(2).unwrap();
        let ports = open(
            Arc::new(TestDoors(sender, Budget::new(usize::MAX))),
            &shards,
            Listeners::bind(&config).unwrap(),
            Handshakes::for_mqtt(&identity, &registry, true).unwrap(),
            Handshakes::for_all(&identity, &registry).unwrap(),
            stopped,
        );
        Self {
            ports,
            events,
            ca,
            registered,
            expired,
            unknown,
            stop,
            _shards: shards,
        }
    }

    async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        event.expect("something happens in time").unwrap()
    }

    async fn arrival(&mut self) -> Arrival {
        match self.event().await {
            Event::Mqtt(arrival) => arrival,
            other => panic!("{other:?}"),
        }
    }
}

fn registry(registered: &Device, expired: &Device) -> Registry {
    let known = certificate_id(&registered.certificate);
    let over = certificate_id(&expired.certificate);
    Arc::new(move |id: &str, _: &CertificateDer<'_>| match id {
        id if id == known => Standing::Registered,
        id if id == over => Standing::Expired,
        _ => Standing::Unknown,
    })
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_flag() {
    let net = Net::start();
    let config = Config {
        mqtts_port: 0,
        https_port: 0,
        api_port: net.ports.api_port,
        ..Config::default()
    };
    let error = Listeners::bind(&config).unwrap_err().to_string();
    let expected = format!(
        "port {} on 127.0.0.1 is in use: stop the program that has it, or choose another with \
         --api-port (0 lets the system choose)",
        net.ports.api_port
    );
    assert_eq!(error, expected);
}
