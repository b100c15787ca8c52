//! A client's side of the listeners: TCP, TLS by rustls, WebSocket by hand.

use super::{DEADLINE, Net};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate with its key.
pub(super) struct Device {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivatePkcs8KeyDer<'static>,
}

impl Device {
    pub(super) fn new(issuer: &Issuer<'_, KeyPair>, usage: ExtendedKeyUsagePurpose) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
        Self {
            certificate,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }
}

impl Net {
    pub(super) fn tls_config(
        &self,
        version: &'static SupportedProtocolVersion,
        device: Option<&Device>,
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        self.tls_config_of(aws_lc_rs::default_provider(), version, device, alpn)
    }

    /// The same with cipher suites of the test's choice.
    pub(super) fn tls_config_of(
        &self,
        provider: CryptoProvider,
        version: &'static SupportedProtocolVersion,
        device: Option<&Device>,
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match device {
            Some(Device { certificate, key }) => {
                let key = PrivateKeyDer::from(key.clone_key());
                let chain = vec![certificate.clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

pub(super) async fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub(super) async fn tls(port: u16, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, tcp(port).await).await
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Something that moves bytes of MQTT.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    websocket: bool,
}

impl Client {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            websocket: false,
        }
    }

    /// Upgrades to WebSocket; `early` goes out together with the request.
    pub(super) async fn upgrade(mut self, early: &[u8]) -> Self {
        let request = "GET /mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fus-east-1%2Fiotdevicegateway%2Faws4_request\
            &X-Amz-Date=20260101T000000Z&X-Amz-Signature=00 HTTP/1.1\r\nHost: localhost\r\n\
            Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: mqtt\r\n\r\n";
        self.websocket = true;
        let mut bytes = request.as_bytes().to_vec();
        if !early.is_empty() {
            bytes.extend(masked(0x82, early));
        }
        self.stream.write_all(&bytes).await.unwrap();
        self.stream.flush().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
        self
    }

    /// Sends bytes as they are, whatever is below.
    pub(super) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends bytes of MQTT.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        if self.websocket {
            self.send_raw(&masked(0x82, bytes)).await;
        } else {
            self.send_raw(bytes).await;
        }
    }

    /// Receives so many bytes of MQTT.
    pub(super) async fn receive(&mut self, length: usize) -> Vec<u8> {
        let receive = async {
            let mut received = Vec::new();
            while received.len() < length {
                if self.websocket {
                    let (first, payload) = self.frame().await;
                    assert_eq!(first, 0x82, "a whole binary frame");
                    received.extend(payload);
                } else {
                    self.stream.read_buf(&mut received).await.unwrap();
                }
            }
            received
        };
        tokio::time::timeout(DEADLINE, receive).await.unwrap()
    }

    /// Receives one frame of the server: its first byte and its payload.
    pub(super) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let length = match self.stream.read_u8().await.unwrap() {
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    /// Receives until the server has closed; an error counts as the end.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = self.stream.read_to_end(&mut rest);
        let _ = tokio::time::timeout(DEADLINE, read).await.unwrap();
        rest
    }

    pub(super) async fn shutdown(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

/// A client's frame.
pub(in crate::net) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}
