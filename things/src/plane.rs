//! The control plane of one server: opening it, watching it, emptying it.

use crate::ThingsError;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the control plane lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// AWS region, for ARNs.
    pub region: String,
    /// Account id of twelve digits, for ARNs.
    pub account_id: String,
    /// Where everything is kept; `None` keeps it in memory.
    pub directory: Option<PathBuf>,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory was written by a newer program.
    #[error(
        "`{directory}` was written by a newer version of thingcore (format {found}, this one reads {known}): update thingcore or choose another --data-dir"
    )]
    Newer {
        /// The directory.
        directory: String,
        /// Its format.
        found: u32,
        /// The newest format that this program reads.
        known: u32,
    },
    /// It cannot be read or written.
    #[error("{directory}: {reason}")]
    Io {
        /// The directory.
        directory: String,
        /// Why.
        reason: String,
    },
}

/// What changed, told to watchers after the change is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Policies, attachments, things, groups or roles: decisions must be taken anew.
    Decisions,
    /// A certificate's status, or its deletion (`active` is false then).
    Certificate {
        /// Certificate id.
        id: Arc<str>,
        /// Whether it may connect now.
        active: bool,
    },
    /// Topic rules.
    Rules,
    /// Everything was emptied.
    Reset,
}

/// The control plane of one server.
#[derive(Debug)]
pub struct Things {
    _private: (),
}

#[allow(unused_variables)]
impl Things {
    /// Opens what is kept in the directory, or begins anew.
    ///
    /// # Errors
    /// A directory of a newer format, or one that cannot be read or written.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        todo!()
    }

    /// Calls `watcher` after each change, on the thread that made it.
    pub fn watch(&self, watcher: impl Fn(&Change) + Send + Sync + 'static) {
        todo!()
    }

    /// Grows with every change that can alter a decision.
    pub fn epoch(&self) -> u64 {
        todo!()
    }

    /// AWS region, for ARNs.
    pub fn region(&self) -> &str {
        todo!()
    }

    /// Account id, for ARNs.
    pub fn account_id(&self) -> &str {
        todo!()
    }

    /// Empties everything but the CAs.
    ///
    /// # Errors
    /// Internal.
    pub fn reset(&self) -> Result<(), ThingsError> {
        todo!()
    }
}
