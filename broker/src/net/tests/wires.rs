//! What holds for a wire, whatever it is made of.

use super::client::{Client, tcp, tls};
use super::{Arrival, DEADLINE, Net};
use crate::net::Wire;
use rustls::version::{TLS12, TLS13};
use std::io::ErrorKind;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Tls12,
    Tls13,
    WebSocket,
    WebSocketTls,
}

const KINDS: [Kind; 5] = [
    Kind::Plain,
    Kind::Tls12,
    Kind::Tls13,
    Kind::WebSocket,
    Kind::WebSocketTls,
];

/// A client and the wire that the server has with it.
async fn pair(net: &mut Net, kind: Kind) -> (Client, Wire) {
    let tls_config = |version| net.tls_config(version, Some(&net.registered), &[]);
    let ports = net.ports;
    let client = match kind {
        Kind::Plain => Client::new(tcp(ports.mqtt_port.unwrap()).await),
        Kind::Tls12 => Client::new(tls(ports.mqtts_port, &tls_config(&TLS12)).await.unwrap()),
        Kind::Tls13 => Client::new(tls(ports.mqtts_port, &tls_config(&TLS13)).await.unwrap()),
        Kind::WebSocket => Client::new(tcp(ports.api_port).await).upgrade(b"").await,
        Kind::WebSocketTls => {
            let config = net.tls_config(&TLS13, None, &["http/1.1"]);
            let client = Client::new(tls(ports.https_port, &config).await.unwrap());
            client.upgrade(b"").await
        }
    };
    (client, net.arrival().await.wire)
}

/// Bytes that show where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at % 251) as u8 ^ (at >> 8) as u8)
        .collect()
}

/// Reads so many bytes through a buffer of a given size.
async fn read(wire: &Wire, length: usize, buffer_bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; buffer_bytes];
    let read = async {
        let mut all = Vec::new();
        while all.len() < length {
            wire.readable().await.unwrap();
            match wire.try_read(&mut buffer) {
                Ok(0) => panic!("the end after {} bytes", all.len()),
                Ok(read) => all.extend_from_slice(&buffer[..read]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        all
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap()
}

/// Waits for the end and says how it came.
async fn read_end(wire: &Wire) -> Result<(), String> {
    let mut buffer = [0; 64];
    let read = async {
        loop {
            wire.readable().await.unwrap();
            match wire.try_read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => panic!("{read} bytes before the end"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap()
}

/// Writes everything, and counts how often the wire would have blocked.
async fn write(wire: &Wire, mut bytes: &[u8]) -> usize {
    let mut blocked = 0;
    while !bytes.is_empty() {
        match wire.try_write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                blocked += 1;
                wire.writable().await.unwrap();
            }
        }
    }
    while let Err(error) = wire.try_flush() {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        wire.writable().await.unwrap();
    }
    blocked
}

#[tokio::test]
async fn every_wire_moves_bytes_both_ways() {
    let mut net = Net::start();
    for kind in KINDS {
        let (mut client, wire) = pair(&mut net, kind).await;
        let nothing = wire.try_read(&mut [0; 64]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "{kind:?}");
        for (length, buffer_bytes) in [(1, 64), (300, 7), (100_000, 65_536), (100_000, 1000)] {
            let bytes = pattern(length);
            client.send(&bytes).await;
            let received = read(&wire, length, buffer_bytes).await;
            assert!(received == bytes, "{kind:?} {length}");
            write(&wire, &bytes).await;
            assert!(client.receive(length).await == bytes, "{kind:?} {length}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_blocks_its_wire_and_loses_nothing() {
    let mut net = Net::start();
    for kind in KINDS {
        let (mut client, wire) = pair(&mut net, kind).await;
        let bytes = pattern(16 * 1024 * 1024);
        let mut sent = 0;
        let error = loop {
            match wire.try_write(&bytes[sent..]) {
                Ok(taken) => sent += taken,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{kind:?}");
        let (received, _) = tokio::join!(client.receive(bytes.len()), write(&wire, &bytes[sent..]));
        assert!(received == bytes, "{kind:?}");
    }
}

#[tokio::test]
async fn a_wire_tells_the_end_again_and_again() {
    let mut net = Net::start();
    for kind in KINDS {
        let (mut client, wire) = pair(&mut net, kind).await;
        client.shutdown().await;
        for _ in 0..3 {
            assert_eq!(read_end(&wire).await, Ok(()), "{kind:?}");
        }
        assert!(!wire.ended_cleanly(), "{kind:?}");
    }
}

#[tokio::test]
async fn closing_a_wire_delivers_what_was_written_before() {
    let mut net = Net::start();
    for kind in KINDS {
        let (mut client, wire) = pair(&mut net, kind).await;
        // Unread by the server, so that a careless close would reset the connection.
        client.send(&pattern(5000)).await;
        wire.try_write(b"last words").unwrap();
        let reading = async {
            let last_words = client.receive(10).await;
            let rest = client.rest().await;
            client.shutdown().await;
            (last_words, rest)
        };
        let ((last_words, rest), ()) = tokio::join!(reading, wire.close());
        assert_eq!(last_words, b"last words", "{kind:?}");
        let expected: &[u8] = match kind {
            Kind::Plain | Kind::Tls12 | Kind::Tls13 => b"",
            Kind::WebSocket | Kind::WebSocketTls => b"\x88\x02\x03\xE8",
        };
        assert_eq!(rest, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn frames_that_come_with_the_upgrade_are_read() {
    let mut net = Net::start();
    let client = Client::new(tcp(net.ports.api_port).await);
    let _client = client.upgrade(b"CONNECT").await;
    let Arrival { wire, .. } = net.arrival().await;
    assert_eq!(read(&wire, 7, 3).await, b"CONNECT");
}

/// The client sends frames; what the server reads, what it answers, how it ends.
async fn check_frames(
    net: &mut Net,
    frames: &[u8],
    read_first: &[u8],
    answer: &[u8],
    end: Result<(), &str>,
) {
    let (mut client, wire) = pair(net, Kind::WebSocket).await;
    client.send_raw(frames).await;
    let received = read(&wire, read_first.len(), 1000).await;
    assert_eq!(received, read_first, "{frames:?}");
    assert_eq!(
        read_end(&wire).await,
        end.map_err(str::to_owned),
        "{frames:?}"
    );
    assert_eq!(wire.ended_cleanly(), end.is_ok(), "{frames:?}");
    assert!(wire.try_write(b"too late").is_err());
    let ((), rest) = tokio::join!(wire.close(), async {
        let mut rest = vec![];
        while rest.len() < answer.len() {
            let (first, payload) = client.frame().await;
            rest.extend([first, u8::try_from(payload.len()).unwrap()]);
            rest.extend(payload);
        }
        client.shutdown().await;
        rest
    });
    assert_eq!(rest, answer, "{frames:?}");
}

#[tokio::test]
async fn control_frames_are_answered() {
    use super::client::masked;
    let mut net = Net::start();
    let frames = |list: &[(u8, &[u8])]| -> Vec<u8> {
        let frames = list
            .iter()
            .flat_map(|(first, payload)| masked(*first, payload));
        frames.collect()
    };
    // A ping between two fragments, a pong, and Close in good order.
    let good = frames(&[
        (0x02, b"spl"),
        (0x89, b"are you there"),
        (0x8A, b"unasked"),
        (0x80, b"it"),
        (0x88, &[0x03, 0xE8]),
        (0x82, b"after the end"),
    ]);
    let mut answer = b"\x8A\x0Dare you there".to_vec();
    answer.extend([0x88, 2, 0x03, 0xE8]);
    check_frames(&mut net, &good, b"split", &answer, Ok(())).await;
    let empty_close = frames(&[(0x88, b"")]);
    check_frames(&mut net, &empty_close, b"", &[0x88, 0], Ok(())).await;
    let text = frames(&[(0x82, b"good"), (0x81, b"text")]);
    let answer = [0x88, 2, 0x03, 0xEB];
    let end = Err("MQTT needs binary frames");
    check_frames(&mut net, &text, b"good", &answer, end).await;
}
