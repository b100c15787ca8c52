//! The certificate that the TLS ports show: one by the root CA here, or one of the user's own.

use super::tls::{ClientCertificate, DeviceCertificates, Registry};
use crate::config::ServerCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, CipherSuite, Error, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;

/// Why a user's certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("{flag} `{path}`: {reason}")]
pub(crate) struct ServerCertRefused {
    flag: &'static str,
    path: String,
    reason: String,
}

impl ServerCertRefused {
    fn new(flag: &'static str, path: &Path, reason: impl Into<String>) -> Self {
        Self {
            flag,
            path: path.display().to_string(),
            reason: reason.into(),
        }
    }

    fn chain(path: &Path, reason: impl Into<String>) -> Self {
        Self::new("--server-cert", path, reason)
    }

    fn key(path: &Path, reason: impl Into<String>) -> Self {
        Self::new("--server-key", path, reason)
    }
}

/// Suites of AES-128, of TLS 1.3 and 1.2.
const AES_128: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Whose order of cipher suites decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuiteOrder {
    Ours,
    Clients,
}

/// The certificate chain and key that clients are shown.
#[derive(Debug)]
pub(crate) struct ServerIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ServerIdentity {
    /// From DER: the chain with the server's certificate first, and the key in PKCS#8.
    pub(crate) fn new(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Self {
        Self {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            key: PrivatePkcs8KeyDer::from(key).into(),
        }
    }

    /// From a user's files.
    ///
    /// # Errors
    /// A file that cannot be read or has something else in it, or a key that is not the
    /// certificate's.
    pub(crate) fn read(files: &ServerCert) -> Result<Self, ServerCertRefused> {
        let chain = read_chain(&files.chain).map_err(|why| {
            let wanted = "it has no certificate: it must be PEM with `BEGIN CERTIFICATE`";
            ServerCertRefused::chain(&files.chain, reason(why, wanted))
        })?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| {
            let wanted = "it has no private key: it must be PEM with `BEGIN PRIVATE KEY`, and not \
                          encrypted";
            ServerCertRefused::key(&files.key, reason(why, wanted))
        })?;
        let identity = Self { chain, key };
        identity.check(files)?;
        Ok(identity)
    }

    fn check(&self, files: &ServerCert) -> Result<(), ServerCertRefused> {
        let provider = aws_lc_rs::default_provider().key_provider;
        let signing = provider.load_private_key(self.key.clone_key());
        let signing = signing.map_err(|why| {
            ServerCertRefused::key(&files.key, format!("the key cannot be used: {why}"))
        })?;
        let pair = CertifiedKey::new(self.chain.clone(), signing);
        pair.keys_match().map_err(|why| match why {
            Error::InconsistentKeys(_) => ServerCertRefused::key(
                &files.key,
                format!(
                    "it is not the key of the first certificate in `{}`: name the key that was \
                     made with it, and put the server's own certificate first",
                    files.chain.display()
                ),
            ),
            Error::InvalidCertificate(CertificateError::BadEncoding) => {
                ServerCertRefused::chain(&files.chain, "its first certificate is damaged")
            }
            other => ServerCertRefused::chain(&files.chain, other.to_string()),
        })
    }

    /// How a listener shakes hands: with the cipher suites in AWS's order, or in the client's.
    ///
    /// # Errors
    /// A certificate or key that cannot be used.
    pub(super) fn config(
        &self,
        registry: &Registry,
        wanted: ClientCertificate,
        protocols: &[&[u8]],
        order: SuiteOrder,
    ) -> Result<Arc<ServerConfig>, Error> {
        let mut provider = aws_lc_rs::default_provider();
        // AWS lists AES-128 with SHA-256 first ("Transport security in AWS IoT Core" in the
        // guide): SHA-384, which has no instructions of its own, is a sixth of a handshake.
        provider
            .cipher_suites
            .sort_by_key(|suite| !AES_128.contains(&suite.suite()));
        let provider = Arc::new(provider);
        let verifier = Arc::new(DeviceCertificates::new(
            Arc::clone(registry),
            wanted,
            &provider,
        ));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.ignore_client_order = order == SuiteOrder::Ours;
        // Tickets hold the client's certificate: a session resumed is looked up again at CONNECT.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok(chain)
}

/// Why a file has not what is `wanted` of it.
fn reason(why: pem::Error, wanted: &str) -> String {
    match why {
        pem::Error::Io(why) => why.to_string(),
        pem::Error::NoItemsFound => wanted.to_owned(),
        damaged => format!("it is damaged: {damaged}"),
    }
}
