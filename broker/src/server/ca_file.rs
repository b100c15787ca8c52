//! The root CA as a file, for clients to verify the server by.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The file, under the name that the tutorials give it.
const NAME: &str = "AmazonRootCA1.pem";

/// Where the CA certificate lies.
pub(super) enum CaFile {
    /// In the data directory, where it stays.
    Kept(PathBuf),
    /// A temporary file that goes with the server.
    Scratch(NamedTempFile),
}

impl CaFile {
    /// Writes the certificate below a data directory, or to a temporary file.
    pub(super) fn write(pem: &str, data_dir: Option<&Path>) -> io::Result<Self> {
        let Some(data_dir) = data_dir else {
            let name = tempfile::Builder::new()
                .prefix("thingcore-ca-")
                .suffix(".pem")
                .tempfile();
            let mut file = name?;
            file.write_all(pem.as_bytes())?;
            return Ok(Self::Scratch(file));
        };
        let path = std::path::absolute(data_dir)?.join("ca").join(NAME);
        if std::fs::read(&path).ok().as_deref() != Some(pem.as_bytes()) {
            std::fs::create_dir_all(data_dir.join("ca"))?;
            std::fs::write(&path, pem)?;
        }
        Ok(Self::Kept(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Scratch(file) => file.path(),
        }
    }
}
