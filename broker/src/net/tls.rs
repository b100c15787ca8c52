//! TLS: which certificates are shown and asked for, and the handshake.

use super::identity::{ServerIdentity, SuiteOrder};
use super::possession::{verify_tls12, verify_tls13};
use super::turns::Turns;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{Acceptor, ClientHello};
use rustls::{
    AlertDescription, CertificateError, CipherSuite, DigitallySignedStruct, DistinguishedName,
    ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::warn;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How many handshakes are under way at a time; with one more, the one that has taken longest ends.
const HANDSHAKES_MAX: usize = 1024;

/// MQTT with a client certificate, as AWS names it on port 443.
const MQTT_CA: &[u8] = b"x-amzn-mqtt-ca";
/// HTTP with a client certificate, likewise.
const HTTP_CA: &[u8] = b"x-amzn-http-ca";
/// MQTT, for AWS with a custom authorizer.
const MQTT: &[u8] = b"mqtt";
/// WebSocket, and HTTP by signature or certificate.
const HTTP: &[u8] = b"http/1.1";

const NOT_REGISTERED: &str = "the client certificate is not registered here; another server or an \
    earlier data directory may have created it, or a reset removed it: create a new one, or register \
    it with RegisterCertificate";

const EXPIRED: &str =
    "the client certificate has expired: create a new one with CreateKeysAndCertificate";

const NOT_YET: &str =
    "the client certificate is not valid yet: wait, or set the clock of whoever made it right";

/// What the registry says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is registered, whatever its status, or will be when it connects.
    Registered,
    /// It is registered, and its time is over.
    Expired,
    /// It is registered, and its time has not come.
    NotYet,
    /// Nobody registered it here.
    Unknown,
}

/// Asks the registry, by certificate id.
pub(crate) type Registry = Arc<dyn Fn(&str, &CertificateDer<'_>) -> Standing + Send + Sync>;

/// What a handshake wants of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientCertificate {
    Required,
    Optional,
    /// It is not asked for one.
    Unasked,
}

/// What is spoken inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Mqtt,
    Http,
    /// ALPN did not say.
    Unsaid,
}

/// Does the handshakes of one TLS listener.
#[derive(Clone)]
pub(crate) struct Handshakes {
    /// For devices: clients that speak MQTT, or HTTP with a certificate.
    devices: Configs,
    /// For clients that may sign their requests instead of showing a certificate.
    signers: Configs,
    /// For web pages. Chromium ends the handshake of a WebSocket in which it is asked for a
    /// certificate (`ERR_SSL_CLIENT_AUTH_CERT_NEEDED`), and on AWS's port 443 it is not asked.
    browsers: Configs,
    /// What a client without ALPN speaks.
    default: Speech,
    running: Arc<Turns>,
}

/// The same in both orders of cipher suites.
#[derive(Clone)]
struct Configs {
    ours: Arc<ServerConfig>,
    clients: Arc<ServerConfig>,
}

impl Configs {
    fn for_client(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let mut known = hello.cipher_suites().iter();
        // Who names it first has no instructions for AES.
        let is_chacha = |name: &str| name.contains("CHACHA20");
        let first = known.find_map(CipherSuite::as_str);
        Arc::clone(if first.is_some_and(is_chacha) {
            &self.clients
        } else {
            &self.ours
        })
    }
}

impl Handshakes {
    /// For a listener that speaks MQTT and nothing else. Clients are always asked for a
    /// certificate; `mandatory` refuses those that have none.
    ///
    /// # Errors
    /// A server certificate or key that cannot be used.
    pub(crate) fn for_mqtt(
        identity: &ServerIdentity,
        registry: &Registry,
        mandatory: bool,
    ) -> Result<Self, rustls::Error> {
        let protocols = &[MQTT_CA, MQTT];
        let wanted = if mandatory {
            ClientCertificate::Required
        } else {
            ClientCertificate::Optional
        };
        Self::new(identity, registry, protocols, Speech::Mqtt, wanted)
    }

    /// For a listener where ALPN, or the first byte, decides.
    ///
    /// # Errors
    /// A server certificate or key that cannot be used.
    pub(crate) fn for_all(
        identity: &ServerIdentity,
        registry: &Registry,
    ) -> Result<Self, rustls::Error> {
        let protocols = &[MQTT_CA, HTTP_CA, MQTT, HTTP];
        let wanted = ClientCertificate::Required;
        Self::new(identity, registry, protocols, Speech::Unsaid, wanted)
    }

    fn new(
        identity: &ServerIdentity,
        registry: &Registry,
        protocols: &[&[u8]],
        default: Speech,
        devices: ClientCertificate,
    ) -> Result<Self, rustls::Error> {
        let configs = |wanted| {
            let config = |order| identity.config(registry, wanted, protocols, order);
            Ok::<_, rustls::Error>(Configs {
                ours: config(SuiteOrder::Ours)?,
                clients: config(SuiteOrder::Clients)?,
            })
        };
        Ok(Self {
            devices: configs(devices)?,
            signers: configs(ClientCertificate::Optional)?,
            browsers: configs(ClientCertificate::Unasked)?,
            default,
            running: Turns::new(HANDSHAKES_MAX),
        })
    }

    /// Does one handshake within its time.
    ///
    /// # Errors
    /// What went wrong; the client has been told as TLS allows.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Speech)> {
        let handshake = async {
            let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let config = self.config_for(&start.client_hello());
            start.into_stream(config).await
        };
        let timed_out = |why| io::Error::new(io::ErrorKind::TimedOut, why);
        // Clients that stall must not keep those out that do not.
        let turn = self.running.take().run(handshake);
        let stream = tokio::time::timeout(HANDSHAKE, turn)
            .await
            .map_err(|_| timed_out("the handshake took too long"))?
            .ok_or_else(|| timed_out("too many handshakes, and this one was the longest"))??;
        let speech = match stream.get_ref().1.alpn_protocol() {
            Some(MQTT_CA | MQTT) => Speech::Mqtt,
            Some(_) => Speech::Http,
            None => self.default,
        };
        Ok((stream, speech))
    }

    fn config_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let mut offered = hello.alpn().into_iter().flatten().peekable();
        let is_device = match offered.peek() {
            Some(_) => offered.any(|name| [MQTT_CA, HTTP_CA, MQTT].contains(&name)),
            None => self.default == Speech::Mqtt,
        };
        let configs = if is_device {
            &self.devices
        } else if is_browser(hello) {
            &self.browsers
        } else {
            &self.signers
        };
        configs.for_client(hello)
    }
}

/// Whether a browser says hello: those that mind being asked for a certificate name a cipher suite
/// that does not exist (GREASE, RFC 8701), which no device and no SDK of AWS does. ALPN and SNI do
/// not tell them apart from programs that come to the same port with a certificate.
fn is_browser(hello: &ClientHello<'_>) -> bool {
    let mut suites = hello.cipher_suites().iter();
    suites.any(|suite| is_grease(u16::from(*suite)))
}

/// The values 0x0a0a, 0x1a1a and so on to 0xfafa.
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// Lets in the certificates that are registered here, whoever signed them: AWS too compares
/// with its registry and knows certificates without a CA. One that is not active passes the
/// handshake and is refused at CONNECT.
pub(super) struct DeviceCertificates {
    registry: Registry,
    wanted: ClientCertificate,
    algorithms: WebPkiSupportedAlgorithms,
}

impl DeviceCertificates {
    pub(super) fn new(
        registry: Registry,
        wanted: ClientCertificate,
        provider: &CryptoProvider,
    ) -> Self {
        Self {
            registry,
            wanted,
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for DeviceCertificates {
    fn offer_client_auth(&self) -> bool {
        self.wanted != ClientCertificate::Unasked
    }

    fn client_auth_mandatory(&self) -> bool {
        self.wanted == ClientCertificate::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let certificate_id = certificate_id(certificate);
        match (self.registry)(&certificate_id, certificate) {
            Standing::Registered => Ok(ClientCertVerified::assertion()),
            Standing::Expired => {
                warn!(%certificate_id, hint = EXPIRED, "client certificate has expired");
                Err(CertificateError::Expired.into())
            }
            Standing::NotYet => {
                warn!(%certificate_id, hint = NOT_YET, "client certificate is not valid yet");
                Err(CertificateError::NotValidYet.into())
            }
            Standing::Unknown => {
                let hint = NOT_REGISTERED;
                warn!(%certificate_id, hint, "client certificate is not registered here");
                Err(CertificateError::UnknownIssuer.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls12(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for DeviceCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCertificates").finish_non_exhaustive()
    }
}

/// Why a handshake failed, in words that say what to do; `None` when only the two programs can
/// make something of it.
pub(super) fn hint(error: &io::Error) -> Option<&'static str> {
    match rustls_error(error)? {
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown,
        ) => Some(
            "the client does not trust the server certificate: give it this server's root CA, or \
             that of --server-cert, and connect to a name that the certificate has (--hostname)",
        ),
        rustls::Error::NoCertificatesPresented => {
            Some("the client sent no certificate: give it one with its private key")
        }
        rustls::Error::NoApplicationProtocol => Some(
            "the client offers by ALPN what is not spoken here: offer x-amzn-mqtt-ca for MQTT, \
             http/1.1 on --https-port, or nothing",
        ),
        rustls::Error::InvalidMessage(_) => {
            Some("the client does not speak TLS: plaintext MQTT has its own --mqtt-port")
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Some(NOT_REGISTERED),
        rustls::Error::InvalidCertificate(CertificateError::Expired) => Some(EXPIRED),
        rustls::Error::InvalidCertificate(CertificateError::NotValidYet) => Some(NOT_YET),
        _ => None,
    }
}

/// Whether the verifier has logged why a handshake failed, with the certificate's id.
pub(super) fn is_logged(error: &io::Error) -> bool {
    matches!(
        rustls_error(error),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::Expired
                | CertificateError::NotValidYet
        ))
    )
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The id that AWS gives a certificate: SHA-256 of its DER in lower-case hex.
pub(crate) fn certificate_id(certificate: &CertificateDer<'_>) -> String {
    hex(&Sha256::digest(certificate))
}

/// The name that AWS would give an account's endpoint; the prefix comes from the account id.
pub(super) fn endpoint_name(account_id: &str, region: &str) -> String {
    let digest = hex(&Sha256::digest(account_id));
    format!("a{}-ats.iot.{region}.amazonaws.com", &digest[..13])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_values_are_grease_and_no_cipher_suite_is() {
        let all = (0..=u16::MAX).filter(|value| is_grease(*value));
        let all: Vec<u16> = all.collect();
        assert_eq!(all.len(), 16);
        assert_eq!((all[0], all[1], all[15]), (0x0a0a, 0x1a1a, 0xfafa));
        for suite in &rustls::crypto::aws_lc_rs::default_provider().cipher_suites {
            assert!(!is_grease(u16::from(suite.suite())), "{suite:?}");
        }
    }
}
