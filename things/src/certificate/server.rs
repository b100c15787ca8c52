//! The server's own certificate and the root CA that signs it.

use super::authority::{Authorities, signing_failed};
use super::files;
use super::parsed::ParsedCertificate;
use crate::{Things, ThingsError};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use time::OffsetDateTime;

/// The server's certificate and its key.
#[derive(Clone)]
pub(super) struct ServerPair {
    pem: String,
    key_pem: String,
}

impl Things {
    /// The root CA that signs server certificates, as PEM.
    pub fn root_ca_pem(&self) -> String {
        self.authorities.root.pem.clone()
    }

    /// A server certificate for these DNS names and addresses, and for the loopback names, with
    /// its key: DER chain and PKCS#8. It is kept and given again while the names are the same and
    /// it is good for another month.
    ///
    /// # Errors
    /// InvalidRequest (a name that cannot stand in a certificate), Internal.
    pub fn server_certificate(
        &self,
        names: &[String],
        now_ms: u64,
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), ThingsError> {
        let authorities = &self.authorities;
        let names = with_loopback(names);
        let mut kept = authorities.server.lock();
        if kept.is_none() {
            *kept = authorities.read_server_pair();
        }
        if let Some(pair) = &*kept
            && pair.serves(&names, &authorities.root.pem, now_ms)
            && let Ok(ders) = pair.ders(&authorities.root.pem)
        {
            return Ok(ders);
        }
        let pair = authorities.issue_server_pair(&names, now_ms)?;
        let ders = pair.ders(&authorities.root.pem);
        *kept = Some(pair);
        ders
    }

    /// A certificate by the same root for a custom domain alone, with its key; not kept. What
    /// `serverCertificateArns` name lies in ACM, which is not here.
    ///
    /// # Errors
    /// InvalidRequest (no DNS name), Internal.
    pub fn domain_certificate(
        &self,
        domain: &str,
        now_ms: u64,
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), ThingsError> {
        let names = [domain.to_ascii_lowercase()];
        let pair = self.authorities.make_server_pair(&names, now_ms)?;
        pair.ders(&self.authorities.root.pem)
    }
}

impl Authorities {
    fn read_server_pair(&self) -> Option<ServerPair> {
        let folder = self.folder.as_deref()?;
        let read = |name: &str| files::read(&folder.join(name)).ok().flatten();
        Some(ServerPair {
            pem: read("server.pem")?,
            key_pem: read("server.key")?,
        })
    }

    fn make_server_pair(&self, names: &[String], now_ms: u64) -> Result<ServerPair, ThingsError> {
        let root_key = KeyPair::from_pem(&self.root.key_pem).map_err(signing_failed)?;
        let issuer = Issuer::from_ca_cert_pem(&self.root.pem, root_key).map_err(signing_failed)?;
        let key = KeyPair::generate().map_err(signing_failed)?;
        let certificate = server_params(names, now_ms)?
            .signed_by(&key, &issuer)
            .map_err(signing_failed)?;
        Ok(ServerPair {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    fn issue_server_pair(&self, names: &[String], now_ms: u64) -> Result<ServerPair, ThingsError> {
        let pair = self.make_server_pair(names, now_ms)?;
        if let Some(folder) = &self.folder {
            let key_written = files::write_private(&folder.join("server.key"), &pair.key_pem);
            key_written
                .and_then(|()| files::write_public(&folder.join("server.pem"), &pair.pem))
                .map_err(|error| ThingsError::Internal(format!("{}: {error}", folder.display())))?;
        }
        Ok(pair)
    }
}

impl ServerPair {
    /// Whether it can be used: signed by this root, for these names, with its own key, and for
    /// long enough.
    fn serves(&self, names: &[String], root_pem: &str, now_ms: u64) -> bool {
        let (Ok(own), Ok(root)) = (
            ParsedCertificate::of_pem(&self.pem),
            ParsedCertificate::of_pem(root_pem),
        ) else {
            return false;
        };
        let key = KeyPair::from_pem(&self.key_pem);
        let month_ms = u64::try_from(RENEWAL.as_millis()).unwrap_or(u64::MAX);
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        own.alternative_names.iter().map(String::as_str).eq(wanted)
            && own.not_before_ms <= now_ms
            && own.not_after_ms > now_ms.saturating_add(month_ms)
            && own.is_signed_by(&root)
            && key.is_ok_and(|key| own.has_key(&key))
    }

    fn ders(&self, root_pem: &str) -> Result<(Vec<Vec<u8>>, Vec<u8>), ThingsError> {
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
        let own = der(&self.pem).map_err(signing_failed)?;
        let root = der(root_pem).map_err(signing_failed)?;
        let key = KeyPair::from_pem(&self.key_pem).map_err(signing_failed)?;
        Ok((vec![own.to_vec(), root.to_vec()], key.serialize_der()))
    }
}

/// The names in order of asking, then those under which every machine reaches itself.
fn with_loopback(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let loopback = LOOPBACK.map(str::to_owned);
    for name in names.iter().chain(&loopback) {
        // An address in the form that it has when read back.
        let name = match name.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => name.to_ascii_lowercase(),
        };
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn server_params(names: &[String], now_ms: u64) -> Result<CertificateParams, ThingsError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let fits = |name: &&String| name.len() <= COMMON_NAME_CHARS_MAX;
    if let Some(name) = names.iter().find(fits) {
        params
            .distinguished_name
            .push(DnType::CommonName, name.as_str());
    }
    for name in names {
        params.subject_alt_names.push(alternative_name(name)?);
    }
    let seconds = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
    let now = OffsetDateTime::from_unix_timestamp(seconds).map_err(signing_failed)?;
    params.not_before = now - DAY;
    params.not_after = now + VALIDITY;
    params.serial_number = Some(serial());
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn alternative_name(name: &str) -> Result<SanType, ThingsError> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    let name_text = name.to_owned();
    match name_text.try_into() {
        Ok(text) if name.len() <= 253 && name.split('.').all(label) => Ok(SanType::DnsName(text)),
        Ok(_) | Err(_) => Err(ThingsError::InvalidRequest(format!(
            "`{name}` is neither a DNS name nor an address: give --hostname a name like broker.example.com"
        ))),
    }
}

fn serial() -> SerialNumber {
    let mut bytes = [0; 16];
    StdRng::from_os_rng().fill_bytes(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const COMMON_NAME_CHARS_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 3600);
const VALIDITY: Duration = Duration::from_secs(397 * 24 * 3600);
/// A certificate that ends sooner is renewed.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 3600);
