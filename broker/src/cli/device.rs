//! A device: an MQTT 5 client over mutual TLS, for commands that act as one. It knows nothing of
//! the server but what a device knows: an address and its files.

use crate::certs_folder::CertsFolder;
use anyhow::{Context, anyhow, bail};
use mqtt::QoS;
use mqtt::codec::{
    Connect, Packet, Properties, PublishBody, PublishHead, ReasonCode, Version, decode, frame,
    put_connect, put_disconnect, put_puback, put_publish, put_subscribe,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Larger packets are nothing that these commands ask for.
const PACKET_BYTES_MAX: usize = 1024 * 1024;

/// The files that a device connects with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    /// The root CA of the server.
    pub(crate) ca: &'a Path,
    /// The device's certificate.
    pub(crate) certificate: &'a Path,
    /// Its private key.
    pub(crate) key: &'a Path,
}

impl<'a> Identity<'a> {
    /// The files of a folder.
    pub(crate) fn of(files: &'a CertsFolder) -> Self {
        Self {
            ca: &files.ca,
            certificate: &files.certificate,
            key: &files.private_key,
        }
    }
}

/// A message that the device was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// A connected device.
pub(crate) struct Device {
    stream: TlsStream<TcpStream>,
    /// What was read and not understood yet.
    buffer: Vec<u8>,
    /// Messages that came while something else was waited for.
    messages: VecDeque<Received>,
    packet_id: u16,
}

/// What a server sends.
enum Incoming {
    Connected(ReasonCode),
    Published(u16, ReasonCode),
    Subscribed(u16, ReasonCode),
    Message(Received, Option<u16>),
    Ended(ReasonCode),
}

impl Device {
    /// Connects with a client id to an address, where `host` is the name of the server.
    ///
    /// # Errors
    /// Files that cannot be read, a server that is not there or not the one of the CA, a refusal.
    pub(crate) async fn connect(
        address: SocketAddr,
        host: &str,
        identity: Identity<'_>,
        client_id: &str,
    ) -> anyhow::Result<Self> {
        let connector = TlsConnector::from(Arc::new(tls(identity)?));
        let name = ServerName::try_from(host.to_owned())?;
        let opening = async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            connector.connect(name, tcp).await
        };
        let stream = answered(opening)
            .await?
            .with_context(|| format!("cannot connect to {host} at {address}"))?;
        let mut device = Self {
            stream,
            buffer: Vec::new(),
            messages: VecDeque::new(),
            packet_id: 0,
        };
        let mut out = Vec::new();
        put_connect(
            &mut out,
            &Connect {
                version: Version::V5,
                client_id,
                clean_start: true,
                keep_alive_s: 60,
                username: None,
                password: None,
                will: None,
                properties: Properties::default(),
            },
        );
        device.send(&out).await?;
        match device.next().await? {
            Incoming::Connected(ReasonCode::Success) => Ok(device),
            Incoming::Connected(reason) => bail!("`{client_id}` may not connect: {reason:?}"),
            Incoming::Published(..)
            | Incoming::Subscribed(..)
            | Incoming::Message(..)
            | Incoming::Ended(_) => bail!("the server does not begin with CONNACK"),
        }
    }

    /// Subscribes at QoS 1.
    ///
    /// # Errors
    /// A refusal, or a connection that is lost.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        let id = self.next_packet_id();
        let mut out = Vec::new();
        put_subscribe(&mut out, Version::V5, id, &[(filter, QoS::AtLeastOnce)]);
        self.send(&out).await?;
        loop {
            match self.next().await? {
                Incoming::Subscribed(answered, reason) if answered == id => {
                    if reason.is_error() {
                        bail!("`{filter}` may not be subscribed to: {reason:?}");
                    }
                    return Ok(());
                }
                other => self.keep(other).await?,
            }
        }
    }

    /// Publishes at QoS 1 and gives the server's answer.
    ///
    /// # Errors
    /// A connection that is lost.
    pub(crate) async fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
    ) -> anyhow::Result<ReasonCode> {
        let id = self.next_packet_id();
        let head = PublishHead {
            qos: QoS::AtLeastOnce,
            dup: false,
            retain: false,
            packet_id: Some(id),
        };
        let body = PublishBody {
            topic,
            payload,
            ..PublishBody::default()
        };
        let mut out = Vec::new();
        put_publish(&mut out, Version::V5, head, &body);
        self.send(&out).await?;
        loop {
            match self.next().await? {
                Incoming::Published(answered, reason) if answered == id => return Ok(reason),
                other => self.keep(other).await?,
            }
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// None came in time, or the connection is lost.
    pub(crate) async fn message(&mut self) -> anyhow::Result<Received> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            let incoming = self.next().await?;
            self.keep(incoming).await?;
        }
    }

    /// Says goodbye.
    pub(crate) async fn disconnect(mut self) -> anyhow::Result<()> {
        let mut out = Vec::new();
        put_disconnect(&mut out, ReasonCode::Success, None);
        self.send(&out).await?;
        // The server may be gone before TLS is closed.
        let _ = self.stream.shutdown().await;
        Ok(())
    }

    /// Acknowledges and keeps a message; anything else was not asked for.
    async fn keep(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        match incoming {
            Incoming::Message(message, packet_id) => {
                self.messages.push_back(message);
                if let Some(id) = packet_id {
                    let mut out = Vec::new();
                    put_puback(&mut out, Version::V5, id, ReasonCode::Success);
                    self.send(&out).await?;
                }
                Ok(())
            }
            Incoming::Ended(reason) => Err(anyhow!("the server ended the connection: {reason:?}")),
            Incoming::Connected(_) | Incoming::Published(..) | Incoming::Subscribed(..) => {
                Err(anyhow!("the server answers what was not asked"))
            }
        }
    }

    fn next_packet_id(&mut self) -> u16 {
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        self.packet_id
    }

    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    async fn next(&mut self) -> anyhow::Result<Incoming> {
        loop {
            if let Some((incoming, used)) = first(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(incoming);
            }
            let read = answered(self.stream.read_buf(&mut self.buffer)).await??;
            if read == 0 {
                bail!("the server closed the connection");
            }
        }
    }
}

/// The first whole packet and its length.
fn first(bytes: &[u8]) -> anyhow::Result<Option<(Incoming, usize)>> {
    let Some(frame) = frame(bytes, PACKET_BYTES_MAX)? else {
        return Ok(None);
    };
    let incoming = match decode(&frame, Version::V5)? {
        Packet::ConnAck(ack) => Incoming::Connected(ack.reason),
        Packet::PubAck(ack) => Incoming::Published(ack.packet_id, ack.reason),
        Packet::SubAck(ack) => {
            let reason = ack.reasons().next().context("a SUBACK without a reason")?;
            Incoming::Subscribed(ack.packet_id, reason)
        }
        Packet::Publish(publish) => {
            let received = Received {
                topic: publish.topic.to_owned(),
                payload: publish.payload.to_vec(),
            };
            Incoming::Message(received, publish.packet_id)
        }
        Packet::Disconnect(end) => Incoming::Ended(end.reason),
        other => bail!("the server sent what only clients send: {other:?}"),
    };
    Ok(Some((incoming, frame.bytes.len())))
}

async fn answered<T>(waiting: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))
}

fn tls(identity: Identity<'_>) -> anyhow::Result<ClientConfig> {
    let shown = |path: &Path| format!("cannot read `{}`", path.display());
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(identity.ca).with_context(|| shown(identity.ca))?;
    roots.add(ca)?;
    let chain = CertificateDer::pem_file_iter(identity.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| shown(identity.certificate))?;
    let key = PrivateKeyDer::from_pem_file(identity.key).with_context(|| shown(identity.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?)
}
