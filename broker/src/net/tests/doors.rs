//! Which door a connection is led to, and who gets in.

use super::client::{Client, tcp, tls};
use super::{DEADLINE, Device, Event, Net};
use crate::api::Door;
use crate::net::Credential;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone, Copy, Debug)]
enum Port {
    Mqtts,
    Https,
}

#[derive(Clone, Copy, Debug)]
enum Shown {
    Registered,
    Expired,
    Unknown,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Mqtt,
    Http,
    /// With a reason that has these words.
    HandshakeFailed(&'static str),
    /// The server hangs up behind the handshake.
    Closed,
}

use Outcome::{Closed, HandshakeFailed, Http, Mqtt};
use Port::{Https, Mqtts};
use Shown::{Expired, Nothing, Registered, Unknown};

const CONNECT: &[u8] = b"\x10\x00";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

type Row = (Port, &'static [&'static str], Shown, &'static [u8], Outcome);

const NO_CERTIFICATE: Outcome = HandshakeFailed("sent no certificate");
const NOT_REGISTERED: Outcome = HandshakeFailed("not registered here");
const WRONG_ALPN: Outcome = HandshakeFailed("ALPN");

const ROWS: &[Row] = &[
    (Mqtts, &[], Registered, CONNECT, Mqtt),
    (Mqtts, &[], Nothing, CONNECT, NO_CERTIFICATE),
    (Mqtts, &[], Unknown, CONNECT, NOT_REGISTERED),
    (Mqtts, &[], Expired, CONNECT, HandshakeFailed("expired")),
    (Mqtts, &["x-amzn-mqtt-ca"], Registered, CONNECT, Mqtt),
    (Mqtts, &["mqtt"], Registered, CONNECT, Mqtt),
    (Mqtts, &["http/1.1"], Registered, GET, WRONG_ALPN),
    (Https, &["x-amzn-mqtt-ca"], Registered, CONNECT, Mqtt),
    (Https, &["x-amzn-mqtt-ca"], Nothing, CONNECT, NO_CERTIFICATE),
    (Https, &["x-amzn-mqtt-ca"], Unknown, CONNECT, NOT_REGISTERED),
    (Https, &["x-amzn-http-ca"], Registered, GET, Http),
    (Https, &["x-amzn-http-ca"], Nothing, GET, NO_CERTIFICATE),
    (Https, &["h2", "http/1.1"], Nothing, GET, Http),
    (Https, &["http/1.1"], Unknown, GET, NOT_REGISTERED),
    (Https, &["h2"], Registered, GET, WRONG_ALPN),
    (Https, &[], Registered, CONNECT, Mqtt),
    (Https, &[], Registered, GET, Http),
    (Https, &[], Nothing, GET, Http),
    (
        Https,
        &[],
        Nothing,
        CONNECT,
        HandshakeFailed("needs a client certificate"),
    ),
    (Https, &[], Registered, b"\x00\x00", Closed),
];

async fn check(net: &mut Net, version: &'static SupportedProtocolVersion, row: &Row) {
    let (port, alpn, shown, first, expected) = row;
    let device: Option<&Device> = match shown {
        Registered => Some(&net.registered),
        Expired => Some(&net.expired),
        Unknown => Some(&net.unknown),
        Nothing => None,
    };
    let certificate = device.map(|device| device.certificate.clone());
    let config = net.tls_config(version, device, alpn);
    let port = match port {
        Mqtts => net.ports.mqtts_port,
        Https => net.ports.https_port,
    };
    // With TLS 1.3 the client learns of a refusal only when it reads.
    let mut stream = tls(port, &config).await.ok();
    if let Some(stream) = &mut stream {
        let _ = stream.write_all(first).await;
        let _ = stream.flush().await;
    }
    if *expected == Closed {
        let mut stream = stream.expect("a handshake");
        let end = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 16])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{row:?}: {end:?}");
        return;
    }
    let (outcome, peer) = match net.event().await {
        Event::Mqtt(arrival) => {
            assert!(matches!(arrival.credential, Credential::Certificate));
            (Mqtt, arrival.peer)
        }
        Event::Http(door, peer) => {
            assert_eq!(door, Door::Data, "{row:?}");
            (Http, (*peer).clone())
        }
        Event::HandshakeFailed(why) => match expected {
            HandshakeFailed(words) if why.contains(words) => return,
            _ => panic!("{row:?} {version:?}: {why}"),
        },
    };
    assert_eq!(outcome, *expected, "{row:?} {version:?}");
    assert_eq!(peer.certificate, certificate, "{row:?}");
    assert_eq!(peer.server_name.as_deref(), Some("localhost"), "{row:?}");
}

#[tokio::test]
async fn port_alpn_certificate_and_first_byte_choose_the_door() {
    let mut net = Net::start();
    for row in ROWS {
        check(&mut net, &TLS12, row).await;
        check(&mut net, &TLS13, row).await;
    }
}

#[tokio::test]
async fn what_is_not_tls_fails_the_handshake() {
    let mut net = Net::start();
    for port in [net.ports.mqtts_port, net.ports.https_port] {
        let mut stream = tcp(port).await;
        stream
            .write_all(b"\x10\x0C\x00\x04MQTT\x04\x02")
            .await
            .unwrap();
        let event = net.event().await;
        let plaintext = "--mqtt-port";
        assert!(matches!(event, Event::HandshakeFailed(why) if why.contains(plaintext)));
    }
}

#[tokio::test]
async fn a_resumed_session_shows_its_certificate() {
    let mut net = Net::start();
    for version in [&TLS12, &TLS13] {
        let config = net.tls_config(version, Some(&net.registered), &[]);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let stream = tls(net.ports.mqtts_port, &config).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(expected), "{version:?}");
            let mut client = Client::new(stream);
            let arrival = net.arrival().await;
            let certificate = arrival.peer.certificate;
            assert_eq!(certificate.as_ref(), Some(&net.registered.certificate));
            // The ticket of TLS 1.3 comes behind the handshake.
            arrival.wire.try_write(b"CONNACK").unwrap();
            assert_eq!(client.receive(7).await, b"CONNACK");
        }
    }
}

#[tokio::test]
async fn aes_128_is_spoken_unless_the_client_would_rather_not_have_aes() {
    let mut net = Net::start();
    for version in [&TLS12, &TLS13] {
        for (first, expected) in [("AES_256", "AES_128"), ("CHACHA20", "CHACHA20")] {
            let mut provider = aws_lc_rs::default_provider();
            let has = |suite: CipherSuite, text: &str| suite.as_str().unwrap().contains(text);
            let suites = &mut provider.cipher_suites;
            suites.sort_by_key(|suite| !has(suite.suite(), first));
            let config = net.tls_config_of(provider, version, Some(&net.registered), &[]);
            let stream = tls(net.ports.mqtts_port, &config).await.unwrap();
            let suite = stream.get_ref().1.negotiated_cipher_suite().unwrap();
            let suite = suite.suite();
            assert!(has(suite, expected), "{first} {version:?}: {suite:?}");
            net.arrival().await;
        }
    }
}

#[tokio::test]
async fn the_plaintext_listener_is_for_anybody() {
    let mut net = Net::start();
    let _client = tcp(net.ports.mqtt_port.unwrap()).await;
    let arrival = net.arrival().await;
    assert!(matches!(arrival.credential, Credential::Anonymous));
}

#[tokio::test]
async fn the_api_port_answers_requests_one_after_another() {
    let mut net = Net::start();
    let mut client = tcp(net.ports.api_port).await;
    for _ in 0..2 {
        client.write_all(GET).await.unwrap();
        assert!(matches!(net.event().await, Event::Http(Door::Api, _)));
        let mut answer = String::new();
        while !answer.ends_with("answered") {
            answer.push(client.read_u8().await.unwrap().into());
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

/// MQTT's hostile row L04: 64 KiB of headers, an endless line.
#[tokio::test]
async fn the_head_of_a_request_is_bounded() {
    let net = Net::start();
    for line in [format!("X: {}\r\n", "x".repeat(1000)), "x".repeat(1000)] {
        let mut client = Client::new(tcp(net.ports.api_port).await);
        let mut head = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\n".to_vec();
        head.extend(line.repeat(80).as_bytes());
        client.send_raw(&head).await;
        let answer = client.rest().await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn listeners_stop_when_told() {
    let net = Net::start();
    net.stop.send_replace(true);
    let ports = net.ports;
    for port in [
        ports.mqtt_port.unwrap(),
        ports.mqtts_port,
        ports.https_port,
        ports.api_port,
    ] {
        let refused = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, refused).await.unwrap();
    }
}
