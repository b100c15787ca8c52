//! The control plane of one server: opening it, watching it, emptying it.

use crate::ThingsError;
use crate::arn::Place;
use crate::certificate::Authorities;
use crate::jobs::{Jobs, LinkToSign, MembershipChange, SignLink};
use crate::registry::RegistryEvent;
use crate::roles::Sessions;
use crate::search::Connectivity;
use crate::shadow::Shadows;
use crate::state::State;
use crate::store::{Batch, Disk, Rows, check_format, failed, load};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

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
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Policies, attachments or roles, or a thing that certificates act as, or its groups:
    /// decisions must be taken anew.
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
    /// The owner of a topic rule destination is to be asked to confirm it.
    Destination {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// Things may have joined or left groups, which jobs follow.
    Memberships(MembershipChange),
    /// Something that AWS IoT publishes an event of.
    Event(RegistryEvent),
    /// Everything was emptied.
    Reset,
}

/// The control plane of one server.
///
/// Locks are taken in this order: `writing`, then `state`, then that of the jobs; a reader takes `state` alone and never
/// waits for a disk. Watchers are called with neither held.
pub struct Things {
    place: Place,
    state: RwLock<State>,
    /// Held while a change is decided, written and made, so that nothing comes between.
    writing: Mutex<()>,
    disk: Option<Disk>,
    rows: Option<Arc<Rows>>,
    shadows: Shadows,
    jobs: Jobs,
    sign_link: OnceLock<SignLink>,
    connectivity: OnceLock<ConnectivityOf>,
    epoch: AtomicU64,
    watchers: RwLock<Vec<Watcher>>,
    pub(crate) authorities: Authorities,
    pub(crate) sessions: Mutex<Sessions>,
}

/// Says whether a client is connected.
type ConnectivityOf = Box<dyn Fn(&str) -> Option<Connectivity> + Send + Sync>;

type Watcher = Arc<dyn Fn(&Change) + Send + Sync>;

impl Things {
    /// Opens what is kept in the directory, or begins anew.
    ///
    /// # Errors
    /// A directory of a newer format, or one that cannot be read or written.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let mut state = State::default();
        let (disk, rows) = match &settings.directory {
            Some(directory) => {
                let disk = open_disk(directory, &mut state)?;
                let rows = open_rows(directory, &disk)?;
                (Some(disk), Some(Arc::new(rows)))
            }
            None => (None, None),
        };
        let unreadable = |reason| OpenError::Io {
            directory: settings
                .directory
                .iter()
                .map(|d| d.display().to_string())
                .collect(),
            reason,
        };
        let shadows = Shadows::open(rows.as_ref()).map_err(unreadable)?;
        let jobs = Jobs::open(rows.as_ref()).map_err(unreadable)?;
        state.registry.watch_memberships(jobs.has_active());
        Ok(Self {
            place: Place {
                region: settings.region.clone(),
                account_id: settings.account_id.clone(),
            },
            state: RwLock::new(state),
            writing: Mutex::new(()),
            disk,
            rows,
            shadows,
            jobs,
            sign_link: OnceLock::new(),
            connectivity: OnceLock::new(),
            epoch: AtomicU64::new(1),
            watchers: RwLock::default(),
            authorities: Authorities::open(settings.directory.as_deref())?,
            sessions: Mutex::default(),
        })
    }

    /// Tells watchers that decisions must be taken anew for a reason that is not known here.
    pub fn decisions_changed(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        // Nothing was written, so nothing can fail.
        let _ = self.finish(None, &[Change::Decisions]);
    }

    /// Calls `watcher` after each change, on the thread that made it.
    pub fn watch(&self, watcher: impl Fn(&Change) + Send + Sync + 'static) {
        self.watchers.write().push(Arc::new(watcher));
    }

    /// Grows with every change that can alter a decision.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// AWS region, for ARNs.
    pub fn region(&self) -> &str {
        &self.place.region
    }

    /// Account id, for ARNs.
    pub fn account_id(&self) -> &str {
        &self.place.account_id
    }

    /// The tables of rows beside the documents; `None` when everything is kept in memory.
    pub fn rows(&self) -> Option<&Arc<Rows>> {
        self.rows.as_ref()
    }

    /// Sets who knows whether a thing's client is connected, for searches. Set once.
    pub fn know_connectivity(
        &self,
        of: impl Fn(&str) -> Option<Connectivity> + Send + Sync + 'static,
    ) {
        // A second one is a second message core on one registry, which nobody makes.
        let _ = self.connectivity.set(Box::new(of));
    }

    /// Whether the client of a thing's name is connected; `None` if nobody knows.
    pub(crate) fn connectivity(&self, thing: &str) -> Option<Connectivity> {
        self.connectivity.get()?(thing)
    }

    /// The device shadows.
    pub fn shadows(&self) -> &Shadows {
        &self.shadows
    }

    /// The jobs.
    pub(crate) fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Sets what signs links in job documents. Set once.
    pub fn know_signer(
        &self,
        sign: impl Fn(&LinkToSign<'_>) -> Result<String, String> + Send + Sync + 'static,
    ) {
        // A second one is a second server on one control plane, which nobody makes.
        let _ = self.sign_link.set(Box::new(sign));
    }

    /// Signs a link in a job document; says why it cannot.
    pub(crate) fn sign_link(&self, link: &LinkToSign<'_>) -> Result<String, String> {
        match self.sign_link.get() {
            Some(sign) => sign(link),
            None => Err("nobody signs here".to_owned()),
        }
    }

    /// Empties everything but the CAs, the rows too.
    ///
    /// # Errors
    /// Internal.
    pub fn reset(&self) -> Result<(), ThingsError> {
        let writing = self.writing.lock();
        let number = match &self.disk {
            Some(disk) => Some(disk.clear().map_err(|error| internal(&error))?),
            None => None,
        };
        *self.state.write() = State::default();
        *self.sessions.lock() = Sessions::default();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        drop(writing);
        self.shadows.clear();
        self.jobs.clear();
        if let Some(rows) = &self.rows {
            rows.clear().map_err(ThingsError::Internal)?;
        }
        self.finish(number, &[Change::Reset])
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What is known now, for a look-up.
    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    /// The same to change what is not stored.
    pub(crate) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write()
    }

    /// Decides on a change and makes it: written first, then in memory, then watchers are told.
    /// Others can see it a moment before it is safe on disk, the caller hears of it afterwards.
    pub(crate) fn change<T>(
        &self,
        decide: impl FnOnce(&State, &mut Batch) -> Result<T, ThingsError>,
    ) -> Result<T, ThingsError> {
        let writing = self.writing.lock();
        let mut batch = Batch::default();
        let answer = decide(&self.state.read(), &mut batch)?;
        if batch.is_empty() {
            return Ok(answer);
        }
        if let Some(reason) = batch.failure() {
            return Err(ThingsError::Internal(reason));
        }
        let number = match &self.disk {
            Some(disk) => Some(disk.write(&batch).map_err(|error| internal(&error))?),
            None => None,
        };
        let mut state = self.state.write();
        let mut told = batch.apply(&mut state);
        let changes = state.registry.take_changes();
        let events = self.events(&state, &changes);
        let watched = state.registry.memberships_are_watched();
        let memberships = MembershipChange::of(&changes).filter(|_| watched);
        drop(state);
        if !told.is_empty() {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        told.extend(events.into_iter().map(Change::Event));
        told.extend(memberships.map(Change::Memberships));
        drop(writing);
        self.finish(number, &told)?;
        Ok(answer)
    }

    fn finish(&self, number: Option<u64>, told: &[Change]) -> Result<(), ThingsError> {
        if let (Some(disk), Some(number)) = (&self.disk, number) {
            disk.sync(number).map_err(|error| internal(&error))?;
        }
        // Cloned, so that a watcher may add another.
        let watchers = self.watchers.read().clone();
        for change in told {
            for watcher in &watchers {
                watcher(change);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Things {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Things")
            .field("place", &self.place)
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

fn open_disk(directory: &Path, state: &mut State) -> Result<Disk, OpenError> {
    check_format(directory)?;
    let store = directory.join("store");
    let disk = Disk::open(&store).map_err(|error| match error {
        fjall::Error::Locked => failed(
            directory,
            "in use by another thingcore: stop it, or choose another --data-dir",
        ),
        other => failed(&store, other),
    })?;
    disk.each(|table, key, bytes| load(state, table, key, bytes))
        .map_err(|reason| failed(&store, reason))?;
    // What was read has not changed.
    state.registry.take_changes();
    Ok(disk)
}

fn open_rows(directory: &Path, disk: &Disk) -> Result<Rows, OpenError> {
    let tables = disk.tables().map_err(|error| failed(directory, error))?;
    Rows::start(tables).map_err(|error| failed(directory, error))
}

fn internal(error: &fjall::Error) -> ThingsError {
    tracing::error!(%error, "the store cannot be written");
    ThingsError::Internal(format!("the store cannot be written: {error}"))
}
