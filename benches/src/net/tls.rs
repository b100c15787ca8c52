//! TLS as a client.

use super::error::NetError;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A client's certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What all connections share. Sessions are not resumed, so that every connection costs the
/// broker a whole handshake.
pub(crate) fn tls_client(
    ca: &Path,
    identity: Option<&Identity>,
    alpn: Option<&str>,
) -> Result<Arc<ClientConfig>, NetError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| refused(ca, error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::tls(&error))?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, error))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, secret)
                .map_err(|error| refused(certificate, error))?
        }
    };
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// Decrypts what came from the socket and appends it to `plain`.
pub(super) fn decrypt(
    tls: &mut ClientConnection,
    mut cipher: &[u8],
    plain: &mut Vec<u8>,
) -> Result<(), NetError> {
    while !cipher.is_empty() {
        tls.read_tls(&mut cipher).map_err(NetError::Broken)?;
        let state = tls
            .process_new_packets()
            .map_err(|error| NetError::tls(&error))?;
        let ready = state.plaintext_bytes_to_read();
        if ready > 0 {
            let from = plain.len();
            plain.resize(from + ready, 0);
            let read = tls.reader().read_exact(&mut plain[from..]);
            read.map_err(NetError::Broken)?;
        }
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(path, error))?;
    if found.is_empty() {
        return Err(refused(path, "no certificate in it"));
    }
    Ok(found)
}

fn refused(path: &Path, error: impl Display) -> NetError {
    NetError::File(path.display().to_string(), error.to_string())
}
