//! The functions of this server: kept on disk, started when they are first invoked.

use super::function::{Function, FunctionRefused};
use super::log::Log;
use super::sandbox::{Job, Outcome, Sandbox};
use axum::body::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// Invocations that may wait for one function.
const QUEUE_MAX: usize = 1000;

/// Where functions live, for their ARNs and their environment.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The region.
    pub(crate) region: String,
    /// The account, twelve digits.
    pub(crate) account_id: String,
    /// The server's own API, known once it listens; handlers get it as `AWS_ENDPOINT_URL`.
    pub(crate) api_url: OnceLock<String>,
}

impl Place {
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`.
    pub(crate) fn function_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.region, self.account_id
        )
    }
}

/// Why an invocation was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum InvokeRefused {
    /// There is no such function.
    #[error("no such function")]
    NotFound,
    /// Too many invocations wait already.
    #[error("too many invocations are waiting")]
    TooMany,
}

struct Entry {
    function: Arc<Function>,
    log: Arc<Log>,
    running: Option<Running>,
}

struct Running {
    jobs: mpsc::Sender<Job>,
    task: AbortHandle,
}

/// The local functions.
pub(crate) struct Functions {
    place: Arc<Place>,
    file: Option<PathBuf>,
    runtime: Handle,
    entries: Mutex<BTreeMap<String, Entry>>,
}

impl Functions {
    /// The functions kept in `directory`, or none that outlive the server. Handlers run on
    /// `runtime`.
    ///
    /// # Errors
    /// A file that cannot be read or is not what this program writes.
    pub(crate) fn open(
        place: Place,
        directory: Option<&Path>,
        runtime: Handle,
    ) -> io::Result<Self> {
        let file = directory.map(|directory| directory.join("functions.json"));
        let kept = match &file {
            Some(file) => read(file)?,
            None => Vec::new(),
        };
        let entries = kept
            .into_iter()
            .map(|function| (function.name.clone(), Entry::of(function)));
        let entries = Mutex::new(entries.collect());
        Ok(Self {
            place: Arc::new(place),
            file,
            runtime,
            entries,
        })
    }

    /// Where the functions live.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Registers a function, or replaces the one of that name; invocations that wait for the old
    /// one still run on it.
    pub(crate) fn put(&self, function: Function) -> Result<Arc<Function>, PutRefused> {
        let function = function.checked()?;
        let mut entries = self.entries.lock();
        let mut entry = Entry::of(function);
        if let Some(old) = entries.get(&entry.function.name) {
            entry.log = Arc::clone(&old.log);
        }
        let function = Arc::clone(&entry.function);
        entries.insert(function.name.clone(), entry);
        self.save(&entries)?;
        Ok(function)
    }

    /// Removes a function; says whether there was one.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        let mut entries = self.entries.lock();
        let removed = entries.remove(name).is_some();
        self.save(&entries)?;
        Ok(removed)
    }

    /// Changes what is kept of a function; a running handler is left alone. `None`: there is no
    /// such function.
    pub(crate) fn edit<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Function) -> T,
    ) -> io::Result<Option<T>> {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(name) else {
            return Ok(None);
        };
        let changed = change(Arc::make_mut(&mut entry.function));
        self.save(&entries)?;
        Ok(Some(changed))
    }

    /// One function.
    pub(crate) fn function(&self, name: &str) -> Option<Arc<Function>> {
        self.entries
            .lock()
            .get(name)
            .map(|entry| Arc::clone(&entry.function))
    }

    /// What a function printed.
    pub(crate) fn log(&self, name: &str) -> Option<Arc<Log>> {
        self.entries
            .lock()
            .get(name)
            .map(|entry| Arc::clone(&entry.log))
    }

    /// All functions in order of name.
    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        self.entries
            .lock()
            .values()
            .map(|entry| Arc::clone(&entry.function))
            .collect()
    }

    /// Puts an invocation into the function's queue. Whoever wants the outcome awaits the
    /// receiver, whoever does not drops it.
    pub(crate) fn invoke(
        &self,
        name: &str,
        request_id: String,
        payload: Bytes,
    ) -> Result<oneshot::Receiver<Outcome>, InvokeRefused> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(name).ok_or(InvokeRefused::NotFound)?;
        let (reply, outcome) = oneshot::channel();
        let job = Job {
            request_id,
            payload,
            reply,
        };
        let job = match &entry.running {
            None => job,
            Some(running) => match running.jobs.try_send(job) {
                Ok(()) => return Ok(outcome),
                Err(TrySendError::Full(_)) => return Err(InvokeRefused::TooMany),
                // Its server could not listen: try anew.
                Err(TrySendError::Closed(job)) => job,
            },
        };
        let running = entry
            .running
            .insert(self.start(entry.function.clone(), entry.log.clone()));
        running
            .jobs
            .try_send(job)
            .map_err(|_| InvokeRefused::TooMany)?;
        Ok(outcome)
    }

    fn start(&self, function: Arc<Function>, log: Arc<Log>) -> Running {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let sandbox = Sandbox::run(function, Arc::clone(&self.place), log, queue);
        Running {
            jobs,
            task: self.runtime.spawn(sandbox).abort_handle(),
        }
    }

    /// Kills every handler.
    pub(crate) fn shut_down(&self) {
        for entry in self.entries.lock().values_mut() {
            if let Some(running) = entry.running.take() {
                running.task.abort();
            }
        }
    }

    /// Kills every handler and forgets every function.
    pub(crate) fn reset(&self) -> io::Result<()> {
        self.shut_down();
        let mut entries = self.entries.lock();
        entries.clear();
        self.save(&entries)
    }

    fn save(&self, entries: &BTreeMap<String, Entry>) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let functions: Vec<&Function> = entries.values().map(|e| e.function.as_ref()).collect();
        let text = serde_json::to_vec_pretty(&functions).map_err(io::Error::other)?;
        // A rename, so that a crash leaves the old file or the new one.
        let part = file.with_extension("json.part");
        std::fs::write(&part, text)?;
        std::fs::rename(part, file)
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Entry {
    fn of(function: Function) -> Self {
        Self {
            function: Arc::new(function),
            log: Arc::new(Log::default()),
            running: None,
        }
    }
}

/// Why a function was not registered.
#[derive(Debug, Error)]
pub(crate) enum PutRefused {
    /// It is not a function that can be run.
    #[error(transparent)]
    Function(#[from] FunctionRefused),
    /// It could not be kept.
    #[error("cannot write the functions file: {0}")]
    Io(#[from] io::Error),
}

fn read(file: &Path) -> io::Result<Vec<Function>> {
    match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
