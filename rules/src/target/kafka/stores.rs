//! Truststores and keystores: PEM, or PKCS#12 as `keytool` makes them.

use super::record::Tls;
use crate::target::tls::{tls_builder, with_system_roots};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use p12_keystore::{KeyStore, Pkcs12Archive, Pkcs12ImportPolicy};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Developer guide, "Apache Kafka": the largest `ssl.truststore`, 65 KB.
const STORE_BYTES_MAX: usize = 65 * 1024;
const PEM: &str = "-----BEGIN";
/// How a Java KeyStore of the older kind begins.
const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];

/// Whether a text can be a store.
///
/// # Errors
/// Why not, in words.
pub(crate) fn check_store(text: &str) -> Result<(), String> {
    bytes_of(text).map(|_| ())
}

/// The store in a property: PEM, or anything in base64 (`get_secret` of a `SecretBinary` gives
/// that).
///
/// # Errors
/// It is neither, too long, or of a kind that is not read.
pub(crate) fn bytes_of(text: &str) -> Result<Bytes, String> {
    if text.len() > STORE_BYTES_MAX {
        return Err(format!("must have at most {STORE_BYTES_MAX} characters"));
    }
    if text.trim_start().starts_with(PEM) {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let packed: String = text.split_ascii_whitespace().collect();
    let store = BASE64
        .decode(packed)
        .map_err(|_| "is neither PEM nor base64".to_owned())?;
    if store.starts_with(&JKS) {
        return Err(
            "is a Java KeyStore of the older kind: convert it with `keytool -importkeystore \
             -deststoretype pkcs12`"
                .to_owned(),
        );
    }
    Ok(store.into())
}

/// What TLS needs of these stores.
///
/// # Errors
/// A store that cannot be read, in words.
pub(super) fn tls_config(tls: &Tls) -> Result<ClientConfig, String> {
    let builder = match &tls.truststore {
        None => with_system_roots(tls_builder()),
        Some(store) => {
            let mut roots = RootCertStore::empty();
            for certificate in authorities(store, &tls.truststore_password)
                .map_err(|why| format!("`ssl.truststore`: {why}"))?
            {
                roots
                    .add(certificate)
                    .map_err(|why| format!("`ssl.truststore`: {why}"))?;
            }
            tls_builder().with_root_certificates(roots)
        }
    };
    let Some(store) = &tls.keystore else {
        return Ok(builder.with_no_client_auth());
    };
    let refused = |why: String| format!("`ssl.keystore`: {why}");
    let (chain, key) = identity(store, &tls.keystore_password).map_err(refused)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|why| refused(why.to_string()))
}

fn is_pem(store: &[u8]) -> bool {
    store.trim_ascii_start().starts_with(PEM.as_bytes())
}

fn authorities(store: &[u8], password: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<CertificateDer<'static>> = if is_pem(store) {
        CertificateDer::pem_slice_iter(store)
            .collect::<Result<_, _>>()
            .map_err(|why| why.to_string())?
    } else {
        let archive = Pkcs12Archive::from_pkcs12(store, password).map_err(|why| why.to_string())?;
        let certificates = archive.certs.iter();
        certificates
            .map(|bag| bag.cert.as_der().to_vec().into())
            .collect()
    };
    match found.is_empty() {
        true => Err("has no certificate".to_owned()),
        false => Ok(found),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(store: &[u8], password: &str) -> Result<Identity, String> {
    if is_pem(store) {
        let chain = authorities(store, password)?;
        let key = PrivateKeyDer::from_pem_slice(store).map_err(|why| why.to_string())?;
        return Ok((chain, key));
    }
    let store = KeyStore::from_pkcs12(store, password, Pkcs12ImportPolicy::Relaxed)
        .map_err(|why| why.to_string())?;
    let (_, chain) = store
        .private_key_chain()
        .ok_or("has no private key with its certificate")?;
    let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
    let certificates = chain.certs().iter();
    let certificates = certificates.map(|certificate| certificate.as_der().to_vec().into());
    Ok((certificates.collect(), key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[u8], &str>) {
        let got = bytes_of(text);
        let got = got.as_deref().map_err(String::as_str);
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_store_is_pem_or_base64() {
        check(
            "\n-----BEGIN CERTIFICATE-----",
            Ok(b"\n-----BEGIN CERTIFICATE-----"),
        );
        check("MAMC\nAQM=\n", Ok(&[0x30, 3, 2, 1, 3]));
        check("password!", Err("is neither PEM nor base64"));
        let jks = "is a Java KeyStore of the older kind: convert it with `keytool \
                   -importkeystore -deststoretype pkcs12`";
        check("/u3+7QAAAAI=", Err(jks));
        let long = "A".repeat(STORE_BYTES_MAX + 1);
        check(&long, Err("must have at most 66560 characters"));
    }

    #[test]
    fn a_store_that_cannot_be_read_is_named() {
        let tls = |truststore: Option<&'static [u8]>, keystore: Option<&'static [u8]>| Tls {
            truststore: truststore.map(Bytes::from_static),
            keystore: keystore.map(Bytes::from_static),
            ..Tls::default()
        };
        assert!(tls_config(&tls(None, None)).is_ok());
        let rows = [
            (tls(Some(b"-----BEGIN X-----"), None), "`ssl.truststore`: "),
            (tls(Some(&[0x30, 0]), None), "`ssl.truststore`: "),
            (tls(None, Some(&[0x30, 0])), "`ssl.keystore`: "),
        ];
        for (tls, begin) in rows {
            let why = tls_config(&tls).map(|_| ()).unwrap_err();
            assert!(why.starts_with(begin), "{why}");
        }
    }
}
