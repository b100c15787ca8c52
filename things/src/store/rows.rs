//! Rows of raw bytes beside the documents, for what changes with every message: one writer thread
//! takes what has come, writes it as one batch, and tells those who wait that it is on disk.

mod pending;
#[cfg(test)]
mod tests;

pub use pending::Row;

use self::pending::{Changes, Pending};
use super::tables::{Table, Tables};
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

/// Bytes of rows that wait to be written beyond which [`Rows::is_pressed`].
const WAITING_BYTES_HIGH: usize = 8 * 1024 * 1024;

/// Called on the writer's thread when everything that was accepted before is on disk, or, with
/// false, when it could not be written. It must not wait for anything.
pub type Then = Box<dyn FnOnce(bool) + Send>;

/// The tables of rows.
pub struct Rows {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// See [`Rows::together`].
pub struct Together<'a>(#[expect(dead_code, reason = "held, not used")] RwLockReadGuard<'a, ()>);

struct Shared {
    tables: Tables,
    /// Held while several `write`s belong together; the writer takes nothing meanwhile.
    together: RwLock<()>,
    /// Taken last, and never held while another lock is taken.
    pending: Mutex<Pending>,
    /// Something has come.
    news: Condvar,
    /// About how much waits to be written.
    waiting_bytes: AtomicUsize,
    on_commit: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Rows {
    pub(crate) fn start(tables: Tables) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            tables,
            together: RwLock::new(()),
            pending: Mutex::default(),
            news: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
            on_commit: OnceLock::new(),
        });
        let writer = {
            let shared = Arc::clone(&shared);
            let writer = thread::Builder::new().name("store".to_owned());
            writer.spawn(move || shared.run())?
        };
        Ok(Self {
            shared,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Gives every row of a table in order of key, as it is on disk.
    ///
    /// # Errors
    /// The disk cannot be read, in words.
    pub fn each(&self, table: Table, give: impl FnMut(&[u8], &[u8])) -> Result<(), String> {
        let read = self.shared.tables.each(table, give);
        read.map_err(|error| error.to_string())
    }

    /// Accepts changes, all of which are written in one batch or none, and calls `then` when they
    /// and all before them are on disk. Never waits: a caller that has much to write heeds
    /// [`Rows::is_pressed`].
    pub fn write(&self, rows: impl IntoIterator<Item = Row>, then: Option<Then>) {
        let mut pending = self.shared.pending.lock();
        if pending.stopped {
            drop(pending);
            if let Some(then) = then {
                then(false);
            }
            return;
        }
        // The writer looks for more before it sleeps.
        let wake = pending.is_empty();
        rows.into_iter().for_each(|row| pending.change(row));
        pending.thens.extend(then);
        let waiting = &self.shared.waiting_bytes;
        waiting.store(pending.bytes, Ordering::Relaxed);
        drop(pending);
        if wake {
            self.shared.news.notify_one();
        }
    }

    /// What is accepted by one thread while it holds this is written in one batch or not at all.
    /// To be held shortly, and never across something that waits for the disk.
    pub fn together(&self) -> Together<'_> {
        Together(self.shared.together.read())
    }

    /// Whether more comes than the disk takes: who can wait should, until a `then` of its own is
    /// called.
    pub fn is_pressed(&self) -> bool {
        self.shared.waiting_bytes.load(Ordering::Relaxed) > WAITING_BYTES_HIGH
    }

    /// Sets what is called after the `then`s of each batch, on the writer's thread. Set once.
    pub fn on_commit(&self, hook: impl Fn() + Send + Sync + 'static) {
        // A second one is a second hub on one store, which nobody makes.
        let _ = self.shared.on_commit.set(Box::new(hook));
    }

    /// Removes every row that was accepted before, and waits for it.
    ///
    /// # Errors
    /// The disk cannot be written, in words.
    pub fn clear(&self) -> Result<(), String> {
        let (done, wait) = mpsc::channel();
        {
            let mut pending = self.shared.pending.lock();
            pending.clear = true;
            pending.rows.clear();
            pending.bytes = 0;
        }
        let tell = move |on_disk| {
            // Nobody hangs up before the answer.
            let _ = done.send(on_disk);
        };
        self.write([], Some(Box::new(tell)));
        // A `write` that found the store not idle has not woken the writer.
        self.shared.news.notify_one();
        match wait.recv() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err("the store cannot be written".to_owned()),
        }
    }

    /// Waits until everything that was accepted is on disk; nothing is accepted from here on.
    pub fn stop(&self) {
        self.shared.pending.lock().stopped = true;
        self.shared.news.notify_one();
        let Some(writer) = self.writer.lock().take() else {
            return;
        };
        // The last owner may be a `then`, on the writer's own thread.
        if writer.thread().id() != thread::current().id() && writer.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Shared {
    fn run(&self) {
        let mut failed = false;
        while let Some(round) = self.take() {
            let Pending {
                clear,
                rows,
                thens,
                bytes: _,
                stopped: _,
            } = round;
            let written = self.write(clear, rows);
            match &written {
                // Once for a disk that is full, not once for each batch.
                Err(error) if !failed => tracing::error!(%error, "the store cannot be written"),
                Ok(()) | Err(_) => {}
            }
            failed = written.is_err();
            for then in thens {
                then(!failed);
            }
            if let Some(hook) = self.on_commit.get() {
                hook();
            }
        }
    }

    /// Waits for something to write; `None` when it is over.
    fn take(&self) -> Option<Pending> {
        loop {
            let mut pending = self.pending.lock();
            while pending.is_empty() {
                if pending.stopped {
                    return None;
                }
                self.news.wait(&mut pending);
            }
            drop(pending);
            if let Some(round) = self.take_whole() {
                return Some(round);
            }
        }
    }

    /// What there is, once nobody is in the midst of what belongs together.
    fn take_whole(&self) -> Option<Pending> {
        let _alone = self.together.write();
        let mut pending = self.pending.lock();
        if pending.is_empty() {
            return None;
        }
        let stopped = pending.stopped;
        let round = std::mem::take(&mut *pending);
        pending.stopped = stopped;
        self.waiting_bytes.store(0, Ordering::Relaxed);
        Some(round)
    }

    fn write(&self, clear: bool, rows: Changes) -> fjall::Result<()> {
        // A batch has one sequence number, so a key must not be in it twice.
        if clear {
            self.tables.clear()?;
        }
        let rows = rows.into_iter().map(|((table, key), value)| {
            let value = value.map(|value| (value.make)());
            (table, key, value)
        });
        self.tables.write(rows)
    }
}
