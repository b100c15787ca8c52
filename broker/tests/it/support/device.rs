//! A device that speaks through another codec than the server, mqttbytes.

use super::server::{Keys, TestServer};
use bytes::{Bytes, BytesMut};
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V311,
    V5,
}

/// A message that the device was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
}

/// A packet of a server, in terms of both versions. Reasons are MQTT 5's; 3.1.1 has fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    ConnAck {
        session_present: bool,
        code: u8,
    },
    Publish(Message, u16),
    PubAck {
        id: u16,
        reason: u8,
    },
    SubAck {
        id: u16,
        reasons: Vec<u8>,
    },
    Disconnect,
    /// The connection is over.
    Closed,
}

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
        let tcp = TcpStream::connect(("127.0.0.1", server.ports().mqtts)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(tls(server, keys)), name).unwrap();
        let mut device = Self {
            version,
            stream: Box::new(StreamOwned::new(tls, tcp)),
            buffer: BytesMut::new(),
            messages: VecDeque::new(),
            packet_id: 0,
        };
        let mut out = BytesMut::new();
        match version {
            Version::V311 => v4::Connect::new(id).write(&mut out).unwrap(),
            Version::V5 => v5::Connect::new(id).write(&mut out).unwrap(),
        };
        // A server that refuses the certificate may be gone before that is written.
        let answer = match device.send(&out) {
            Ok(()) => device.next(),
            Err(_) => Packet::Closed,
        };
        (device, answer)
    }

    /// Subscribes at QoS 1 and gives the reason.
    pub(crate) fn subscribe(&mut self, filter: &str) -> u8 {
        let id = self.next_packet_id();
        let mut out = BytesMut::new();
        match self.version {
            Version::V311 => {
                let mut subscribe = v4::Subscribe::new(filter, QoS::AtLeastOnce);
                subscribe.pkid = id;
                subscribe.write(&mut out).unwrap();
            }
            Version::V5 => {
                let mut subscribe = v5::Subscribe::new(filter, QoS::AtLeastOnce);
                subscribe.pkid = id;
                subscribe.write(&mut out).unwrap();
            }
        }
        self.send(&out).unwrap();
        match self.answer() {
            Packet::SubAck {
                id: answered,
                reasons,
            } if answered == id => reasons[0],
            other => panic!("{filter}: {other:?}"),
        }
    }

    /// Publishes at QoS 1 and gives the reason in the answer, or what came instead of one.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<u8, Packet> {
        let id = self.next_packet_id();
        let mut out = BytesMut::new();
        match self.version {
            Version::V311 => {
                let mut publish = v4::Publish::new(topic, QoS::AtLeastOnce, payload);
                publish.pkid = id;
                publish.write(&mut out).unwrap();
            }
            Version::V5 => {
                let mut publish = v5::Publish::new(topic, QoS::AtLeastOnce, payload);
                publish.pkid = id;
                publish.write(&mut out).unwrap();
            }
        }
        self.send(&out).unwrap();
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
            // PUBACK is the same in both versions when it says success.
            let mut out = BytesMut::new();
            v4::PubAck::new(id).write(&mut out).unwrap();
            self.send(&out).unwrap();
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
            Version::V311 => v4::read(&mut self.buffer, 1 << 20).map(of_v4),
            Version::V5 => v5::read(&mut self.buffer, 1 << 20).map(of_v5),
        };
        match read {
            Ok(packet) => Some(packet),
            Err(mqttbytes::Error::InsufficientBytes(_)) => None,
            Err(error) => panic!("{error}: {:02x?}", &self.buffer[..]),
        }
    }
}

fn of_v4(packet: v4::Packet) -> Packet {
    match packet {
        v4::Packet::ConnAck(ack) => Packet::ConnAck {
            session_present: ack.session_present,
            code: ack.code as u8,
        },
        v4::Packet::Publish(publish) => Packet::Publish(
            Message {
                topic: publish.topic,
                payload: publish.payload,
                qos: publish.qos as u8,
            },
            publish.pkid,
        ),
        v4::Packet::PubAck(ack) => Packet::PubAck {
            id: ack.pkid,
            reason: 0,
        },
        v4::Packet::SubAck(ack) => Packet::SubAck {
            id: ack.pkid,
            reasons: ack
                .return_codes
                .iter()
                .map(|code| match code {
                    v4::SubscribeReasonCode::Success(qos) => *qos as u8,
                    v4::SubscribeReasonCode::Failure => 0x80,
                })
                .collect(),
        },
        other => panic!("{other:?}"),
    }
}

fn of_v5(packet: v5::Packet) -> Packet {
    match packet {
        v5::Packet::ConnAck(ack) => Packet::ConnAck {
            session_present: ack.session_present,
            code: ack.code as u8,
        },
        v5::Packet::Publish(publish) => Packet::Publish(
            Message {
                topic: publish.topic,
                payload: publish.payload,
                qos: publish.qos as u8,
            },
            publish.pkid,
        ),
        v5::Packet::PubAck(ack) => Packet::PubAck {
            id: ack.pkid,
            reason: ack.reason as u8,
        },
        v5::Packet::SubAck(ack) => Packet::SubAck {
            id: ack.pkid,
            reasons: ack
                .return_codes
                .iter()
                .map(|code| match code {
                    v5::SubscribeReasonCode::QoS0 => 0,
                    v5::SubscribeReasonCode::QoS1 => 1,
                    v5::SubscribeReasonCode::QoS2 => 2,
                    v5::SubscribeReasonCode::NotAuthorized => 0x87,
                    _ => 0x80,
                })
                .collect(),
        },
        other => panic!("{other:?}"),
    }
}

fn tls(server: &TestServer, keys: &Keys) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(server.ca_file()).unwrap())
        .unwrap();
    let chain = CertificateDer::pem_slice_iter(keys.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(keys.private_key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap()
}
