//! The number of the directory's format, in a file of its own so that every version can read it.

use crate::plane::OpenError;
use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Raised when an older program could no longer read what this one writes.
const FORMAT: u32 = 1;
const FILE: &str = "format";

/// Makes the directory if it is missing, and refuses one of a newer format.
pub(crate) fn check_format(directory: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let file = directory.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let number = format!("{FORMAT}\n");
            return fs::write(&file, number).map_err(|error| failed(&file, error));
        }
        Err(error) => return Err(failed(&file, error)),
    };
    match text.trim().parse() {
        Ok(found) if found > FORMAT => Err(OpenError::Newer {
            directory: directory.display().to_string(),
            found,
            known: FORMAT,
        }),
        Ok(_) => Ok(()),
        Err(_) => Err(failed(
            &file,
            "holds no format number: choose another --data-dir, or write the number of the format that the directory has",
        )),
    }
}

/// An error about a path.
pub(crate) fn failed(path: &Path, reason: impl Display) -> OpenError {
    OpenError::Io {
        directory: path.display().to_string(),
        reason: reason.to_string(),
    }
}
