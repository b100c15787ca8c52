//! A device that speaks through another codec than the server, mqttbytes.

use super::packet::{self, Message, Packet, Version};
use super::server::{Keys, TestServer};
use bytes::BytesMut;
use mqttbytes::{QoS, v4, v5};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take for an answer before the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a session outlives its connection if a test does not say.
const SESSION_S: u32 = 3600;

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A device.
pub(crate) struct Device {
    version: Version,
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    messages: VecDeque<Message>,
    packet_id: u16,
}

impl Device {
    /// Connects over mutual TLS; the connection must be accepted.
    pub(crate) fn connect(server: &TestServer, keys: &Keys, id: &str, version: Version) -> Self {
        let (device, answer) = Self::try_connect(server, keys, id, version);
        let accepted = Packet::ConnAck {
            session_present: false,
            code: 0,
        };
        assert_eq!(answer, accepted, "{id}");
        device
    }

    /// Connects over mutual TLS and gives the first packet, which may be `Closed`.
    pub(crate) fn try_connect(
        server: &TestServer,
        keys: &Keys,
        id: &str,
        version: Version,
    ) -> (Self, Packet) {
        Self::open(
            tls_stream(server, keys),
            version,
            &packet::connect(version, id),
        )
    }

    /// The same with TLS of the test's choice.
    pub(crate) fn try_connect_with(
        port: u16,
        tls: ClientConfig,
        id: &str,
        version: Version,
    ) -> (Self, Packet) {
        Self::open(
            stream_with(port, tls),
            version,
            &packet::connect(version, id),
        )
    }

    /// Connects over mutual TLS to a session that outlives the connection; says whether it was
    /// there.
    pub(crate) fn resume(
        server: &TestServer,
        keys: &Keys,
        id: &str,
        version: Version,
    ) -> (Self, bool) {
        let connect = packet::persistent_connect(version, id, SESSION_S, None);
        accepted(Self::open(tls_stream(server, keys), version, &connect))
    }

    /// The same without TLS, as nobody in particular; MQTT 5 sessions end `expiry_s` after their
    /// connections.
    pub(crate) fn resume_plain(
        port: u16,
        id: &str,
        version: Version,
        expiry_s: u32,
    ) -> (Self, bool) {
        let connect = packet::persistent_connect(version, id, expiry_s, None);
        accepted(Self::open(plain_stream(port), version, &connect))
    }

    /// Connects without TLS and without a session that stays.
    pub(crate) fn clean_plain(port: u16, id: &str) -> Self {
        let connect = packet::connect(Version::V311, id);
        let (device, present) = accepted(Self::open(plain_stream(port), Version::V311, &connect));
        assert!(!present, "{id}");
        device
    }

    fn open(stream: Box<dyn Stream>, version: Version, connect: &[u8]) -> (Self, Packet) {
        let mut device = Self {
            version,
            stream,
            buffer: BytesMut::new(),
            messages: VecDeque::new(),
            packet_id: 0,
        };
        // A server that refuses the certificate may be gone before that is written.
        let answer = match device.send(connect) {
            Ok(()) => device.next(),
            Err(_) => Packet::Closed,
        };
        (device, answer)
    }

    /// Disconnects in good order and waits until the server has noticed.
    pub(crate) fn disconnect(mut self) {
        self.send(&[0xE0, 0]).unwrap();
        self.wait_closed();
    }

    /// The next message, which is not acknowledged.
    pub(crate) fn unacknowledged(&mut self) -> Message {
        match self.next() {
            Packet::Publish(message, _) => message,
            other => panic!("no message but {other:?}"),
        }
    }

    /// Sends topics and payloads at QoS 1 at once; they must be acknowledged in order.
    pub(crate) fn publish_all(&mut self, messages: &[(&str, &str)]) {
        let mut out = BytesMut::new();
        let mut expected = Vec::new();
        for (topic, payload) in messages {
            let id = self.next_packet_id();
            out.extend(packet::publish(self.version, id, topic, payload.as_bytes()));
            expected.push(Packet::PubAck { id, reason: 0 });
        }
        self.send(&out).unwrap();
        let answers: Vec<_> = messages.iter().map(|_| self.answer()).collect();
        assert_eq!(answers, expected);
    }

    /// Connects over MQTT 5 without TLS to a session that stays, with a will that waits.
    pub(crate) fn with_will(port: u16, id: &str, topic: &str, payload: &str, delay_s: u32) -> Self {
        let mut will = v5::LastWill::new(topic, payload.as_bytes(), QoS::AtLeastOnce, false);
        will.properties = Some(v5::WillProperties {
            delay_interval: Some(delay_s),
            payload_format_indicator: None,
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        });
        let connect = packet::persistent_connect(Version::V5, id, SESSION_S, Some(will));
        let (device, present) = accepted(Self::open(plain_stream(port), Version::V5, &connect));
        assert!(!present, "{id}");
        device
    }

    /// Subscribes at QoS 1 and gives the reason.
    pub(crate) fn subscribe(&mut self, filter: &str) -> u8 {
        let id = self.next_packet_id();
        self.send(&packet::subscribe(self.version, id, filter))
            .unwrap();
        match self.answer() {
            Packet::SubAck {
                id: answered,
                reasons,
            } if answered == id => reasons[0],
            other => panic!("{filter}: {other:?}"),
        }
    }

    /// Unsubscribes and gives the reason; MQTT 3.1.1 has none.
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> u8 {
        let id = self.next_packet_id();
        self.send(&packet::unsubscribe(self.version, id, filter))
            .unwrap();
        match self.answer() {
            Packet::UnsubAck {
                id: answered,
                reason,
            } if answered == id => reason,
            other => panic!("{filter}: {other:?}"),
        }
    }

    /// Publishes at QoS 1 and gives the reason in the answer, or what came instead of one.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<u8, Packet> {
        let id = self.next_packet_id();
        self.send(&packet::publish(self.version, id, topic, payload))
            .unwrap();
        match self.answer() {
            Packet::PubAck {
                id: answered,
                reason,
            } if answered == id => Ok(reason),
            other => Err(other),
        }
    }

    /// The next message.
    pub(crate) fn message(&mut self) -> Message {
        if let Some(message) = self.messages.pop_front() {
            return message;
        }
        match self.next() {
            Packet::Publish(message, id) => {
                self.acknowledge(id);
                message
            }
            other => panic!("no message but {other:?}"),
        }
    }

    /// The next packet that is no message.
    pub(crate) fn answer(&mut self) -> Packet {
        loop {
            match self.next() {
                Packet::Publish(message, id) => {
                    self.acknowledge(id);
                    self.messages.push_back(message);
                }
                other => return other,
            }
        }
    }

    /// Waits until the server has ended the connection.
    pub(crate) fn wait_closed(&mut self) {
        while self.answer() != Packet::Closed {}
    }

    fn acknowledge(&mut self, id: u16) {
        if id != 0 {
            self.send(&packet::puback(id)).unwrap();
        }
    }

    fn next_packet_id(&mut self) -> u16 {
        self.packet_id += 1;
        self.packet_id
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    fn next(&mut self) -> Packet {
        loop {
            if !self.buffer.is_empty()
                && let Some(packet) = self.decode()
            {
                return packet;
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Packet::Closed,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("no answer within {PATIENCE:?}")
                }
                // A TLS alert, a reset, or an end without close_notify.
                Err(_) => return Packet::Closed,
            }
        }
    }

    /// The first whole packet. MQTT 5's DISCONNECT is recognised by its first byte: mqttbytes
    /// does not read `E0 00`.
    fn decode(&mut self) -> Option<Packet> {
        if self.buffer[0] == 0xE0 {
            self.buffer.clear();
            return Some(Packet::Disconnect);
        }
        let read = match self.version {
            Version::V311 => v4::read(&mut self.buffer, 1 << 20).map(Packet::from),
            Version::V5 => v5::read(&mut self.buffer, 1 << 20).map(Packet::from),
        };
        match read {
            Ok(packet) => Some(packet),
            Err(mqttbytes::Error::InsufficientBytes(_)) => None,
            Err(error) => panic!("{error}: {:02x?}", &self.buffer[..]),
        }
    }
}

fn tls_stream(server: &TestServer, keys: &Keys) -> Box<dyn Stream> {
    let ca = CertificateDer::from_pem_file(server.ca_file()).unwrap();
    stream_with(server.ports().mqtts, tls(ca, Some(keys)))
}

fn stream_with(port: u16, tls: ClientConfig) -> Box<dyn Stream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(tls), name).unwrap();
    Box::new(StreamOwned::new(tls, tcp))
}

fn plain_stream(port: u16) -> Box<dyn Stream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    Box::new(tcp)
}

/// Whether the session that an accepted connection got was there before.
fn accepted((device, answer): (Device, Packet)) -> (Device, bool) {
    match answer {
        Packet::ConnAck {
            session_present,
            code: 0,
        } => (device, session_present),
        other => panic!("not accepted: {other:?}"),
    }
}

/// TLS of a client that trusts a CA and shows the certificate in `keys`, or none.
pub(crate) fn tls(ca: CertificateDer<'static>, keys: Option<&Keys>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let Some(keys) = keys else {
        return client.with_no_client_auth();
    };
    let chain = CertificateDer::pem_slice_iter(keys.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(keys.private_key.as_bytes()).unwrap();
    client.with_client_auth_cert(chain, key).unwrap()
}
