//! The authorities of one server: the root that signs its own certificate, made at once, and the
//! one that signs device certificates, made in the background.

use super::device::DeviceAuthority;
use super::files;
use super::keys::KeyPool;
use super::server::ServerPair;
use crate::plane::OpenError;
use crate::store::failed;
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use time::macros::datetime;

/// What signs certificates. In a directory, everything is in its folder `ca`.
pub(crate) struct Authorities {
    pub(super) folder: Option<PathBuf>,
    pub(super) root: Root,
    pub(super) server: Mutex<Option<ServerPair>>,
    device: Arc<OnceLock<Result<DeviceAuthority, String>>>,
    pub(super) keys: KeyPool,
}

/// The root CA.
pub(super) struct Root {
    pub(super) pem: String,
    pub(super) key_pem: String,
}

impl Authorities {
    pub(crate) fn open(directory: Option<&Path>) -> Result<Self, OpenError> {
        let folder = directory.map(|directory| directory.join("ca"));
        let root = match &folder {
            Some(folder) => Root::open(folder)?,
            None => Root::generate().map_err(|error| failed(Path::new("root CA"), error))?,
        };
        let device = Arc::new(OnceLock::new());
        let (cell, at) = (Arc::clone(&device), folder.clone());
        let before = move || {
            cell.get_or_init(|| DeviceAuthority::open(at.as_deref()));
        };
        Ok(Self {
            folder,
            root,
            server: Mutex::default(),
            device,
            keys: KeyPool::start(before),
        })
    }

    /// The authority that signs device certificates; waits for it while it is being made.
    pub(super) fn device(&self) -> Result<&DeviceAuthority, String> {
        let made = self
            .device
            .get_or_init(|| DeviceAuthority::open(self.folder.as_deref()));
        made.as_ref().map_err(Clone::clone)
    }
}

impl Root {
    fn open(folder: &Path) -> Result<Self, OpenError> {
        let (file, key_file) = (folder.join("root.pem"), folder.join("root.key"));
        let pem = files::read(&file).map_err(|error| failed(&file, error))?;
        let key_pem = files::read(&key_file).map_err(|error| failed(&key_file, error))?;
        match (pem, key_pem) {
            (Some(pem), Some(key_pem)) => match KeyPair::from_pem(&key_pem) {
                Ok(_) => Ok(Self { pem, key_pem }),
                Err(error) => Err(failed(&key_file, error)),
            },
            // Without its key a root is of no use, but devices may trust it: do not overwrite it.
            (Some(_), None) => Err(failed(
                &key_file,
                "the key of the root CA is missing: put it back, or remove root.pem to have a new CA made",
            )),
            (None, _) => {
                let root = Self::generate().map_err(|error| failed(&file, error))?;
                root.save(folder, &file, &key_file)
                    .map_err(|error| failed(folder, error))?;
                Ok(root)
            }
        }
    }

    fn save(&self, folder: &Path, file: &Path, key_file: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        files::write_private(key_file, &self.key_pem)?;
        files::write_public(file, &self.pem)
    }

    fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = root_params().self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// The dates are fixed, so that no clock is needed and none can be too late.
fn root_params() -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::OrganizationName, "thingcore");
    name.push(DnType::CommonName, "thingcore Root CA 1");
    let mut params = CertificateParams::default();
    params.not_before = datetime!(2024-01-01 0:00 UTC);
    params.not_after = datetime!(2049-12-31 23:59:59 UTC);
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    params
}

/// An error of a signing library.
pub(super) fn signing_failed(error: impl Display) -> crate::ThingsError {
    tracing::error!(%error, "a certificate cannot be made");
    crate::ThingsError::Internal(format!("a certificate cannot be made: {error}"))
}
