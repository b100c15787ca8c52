//! The files that a device connects with, named as the AWS IoT tutorials name them.

use super::Usage;
use super::device::Identity;
use anyhow::Context;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A folder with a device's files.
#[derive(Clone, Debug)]
pub(super) struct CertsFolder {
    pub(super) folder: PathBuf,
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
    pub(super) public_key: PathBuf,
}

/// What goes into it, in PEM.
#[derive(Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) ca: &'a str,
    pub(super) certificate: &'a str,
    pub(super) private_key: &'a str,
    pub(super) public_key: &'a str,
}

impl CertsFolder {
    /// The files of a folder, whether it is there or not.
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ca: folder.join("Amazon-root-CA-1.pem"),
            certificate: folder.join("device.pem.crt"),
            private_key: folder.join("private.pem.key"),
            public_key: folder.join("public.pem.key"),
        }
    }

    /// Refuses a folder that has a device's files already: a private key is nowhere else.
    pub(super) fn check_free(&self) -> Result<(), Usage> {
        let files = [&self.certificate, &self.private_key, &self.public_key];
        match files.into_iter().find(|file| file.exists()) {
            None => Ok(()),
            Some(file) => Err(Usage(format!(
                "`{}` is there already: choose another folder with --certs, or remove it",
                file.display()
            ))),
        }
    }

    /// Writes the files; those that are there are replaced.
    pub(super) fn write(&self, contents: Contents<'_>) -> anyhow::Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder `{}`", folder.display()))?;
        write(&self.ca, contents.ca, 0o644)?;
        write(&self.certificate, contents.certificate, 0o644)?;
        write(&self.public_key, contents.public_key, 0o644)?;
        write(&self.private_key, contents.private_key, 0o600)
    }

    /// What a device connects with.
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity {
            ca: &self.ca,
            certificate: &self.certificate,
            key: &self.private_key,
        }
    }
}

/// Writes beside the file first: one that exists would keep the mode it has.
fn write(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let written = || {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(mode);
        options.open(&part)?.write_all(text.as_bytes())?;
        std::fs::rename(&part, path)
    };
    written().with_context(|| format!("cannot write `{}`", path.display()))
}
