//! The files that a device connects with, named as the AWS IoT tutorials name them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A folder with a device's files.
#[derive(Clone, Debug)]
pub(crate) struct CertsFolder {
    pub(crate) folder: PathBuf,
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) public_key: PathBuf,
}

/// What goes into it, in PEM.
#[derive(Clone, Copy)]
pub(crate) struct Contents<'a> {
    pub(crate) ca: &'a str,
    pub(crate) certificate: &'a str,
    pub(crate) private_key: &'a str,
    pub(crate) public_key: &'a str,
}

impl CertsFolder {
    /// The files of a folder, whether it is there or not.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ca: folder.join("Amazon-root-CA-1.pem"),
            certificate: folder.join("device.pem.crt"),
            private_key: folder.join("private.pem.key"),
            public_key: folder.join("public.pem.key"),
        }
    }

    /// A device's file that is there already: a private key is nowhere else.
    pub(crate) fn taken(&self) -> Option<&Path> {
        let files = [&self.certificate, &self.private_key, &self.public_key];
        files
            .into_iter()
            .find(|file| file.exists())
            .map(PathBuf::as_path)
    }

    /// Writes the files; those that are there are replaced.
    ///
    /// # Errors
    /// What cannot be written, and why.
    pub(crate) fn write(&self, contents: Contents<'_>) -> Result<(), String> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .map_err(|why| format!("cannot create the folder `{}`: {why}", folder.display()))?;
        write(&self.ca, contents.ca, 0o644)?;
        write(&self.certificate, contents.certificate, 0o644)?;
        write(&self.public_key, contents.public_key, 0o644)?;
        write(&self.private_key, contents.private_key, 0o600)
    }
}

/// Writes beside the file first: one that exists would keep the mode it has.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let part = path.with_extension("part");
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(mode);
        options.open(&part)?.write_all(text.as_bytes())?;
        std::fs::rename(&part, path)
    };
    written().map_err(|why| format!("cannot write `{}`: {why}", path.display()))
}
