//! Rows of raw bytes beside the documents, for what changes with every message: one writer thread
//! takes what has come, writes it as one batch, and tells those who wait that it is on disk.

use super::tables::{Table, Tables};
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

/// Bytes of rows that wait to be written beyond which [`Rows::is_pressed`].
const WAITING_BYTES_HIGH: usize = 8 * 1024 * 1024;

/// What a row costs besides its value, about.
const ROW_BYTES: usize = 64;

/// A change to one row.
pub struct Row {
    table: Table,
    key: Box<[u8]>,
    /// `None` removes the row.
    value: Option<Value>,
}

struct Value {
    /// About how long it is.
    bytes: usize,
    make: Box<dyn FnOnce() -> Vec<u8> + Send>,
}

impl Row {
    /// Puts a value of about so many bytes in place of the key's last one. `make` is called on the
    /// writer's thread, and not at all if the row is changed again before it is written.
    pub fn put(
        table: Table,
        key: impl Into<Box<[u8]>>,
        bytes: usize,
        make: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self {
            table,
            key: key.into(),
            value: Some(Value {
                bytes,
                make: Box::new(make),
            }),
        }
    }

    /// Removes the key, if it is there.
    pub fn remove(table: Table, key: impl Into<Box<[u8]>>) -> Self {
        Self {
            table,
            key: key.into(),
            value: None,
        }
    }
}

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

/// About what a change costs.
fn bytes(value: Option<&Value>) -> usize {
    ROW_BYTES + value.map_or(0, |value| value.bytes)
}

type Changes = HashMap<(Table, Box<[u8]>), Option<Value>, foldhash::fast::RandomState>;

/// What has been accepted and not written yet.
#[derive(Default)]
struct Pending {
    /// Whether all that was written before goes first.
    clear: bool,
    rows: Changes,
    bytes: usize,
    thens: Vec<Then>,
    stopped: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.thens.is_empty() && !self.clear
    }

    fn change(&mut self, row: Row) {
        let Row { table, key, value } = row;
        let at = (table, key);
        if value.is_none()
            && table.keys_are_new()
            && let Some(unwritten) = self.rows.remove(&at)
        {
            self.bytes -= bytes(unwritten.as_ref());
            return;
        }
        self.bytes += bytes(value.as_ref());
        if let Some(before) = self.rows.insert(at, value) {
            self.bytes -= bytes(before.as_ref());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::Database;
    use std::path::Path;

    fn open(directory: &Path) -> Rows {
        let database = Database::builder(directory).open().unwrap();
        Rows::start(Tables::open(&database).unwrap()).unwrap()
    }

    fn put(table: Table, key: &str, value: &str) -> Row {
        let value = value.to_owned();
        Row::put(table, key.as_bytes(), value.len(), || value.into_bytes())
    }

    fn remove(table: Table, key: &str) -> Row {
        Row::remove(table, key.as_bytes())
    }

    fn all(rows: &Rows, table: Table) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let read = rows.each(table, |key, value| found.push((text(key), text(value))));
        read.unwrap();
        found
    }

    /// A `then` that sends `what`, and the end at which it arrives.
    fn tell<T: Send + 'static>(to: &mpsc::Sender<(T, bool)>, what: T) -> Option<Then> {
        let to = to.clone();
        Some(Box::new(move |on_disk| to.send((what, on_disk)).unwrap()))
    }

    /// What is there after `rounds`, each of which is one `write`, and a restart.
    fn check(rounds: Vec<Vec<Row>>, expected: &[(Table, &str, &str)]) {
        let directory = tempfile::tempdir().unwrap();
        let rows = open(directory.path());
        rounds.into_iter().for_each(|round| rows.write(round, None));
        drop(rows);
        let rows = open(directory.path());
        let found = Table::ALL.into_iter().flat_map(|table| {
            let rows = all(&rows, table).into_iter();
            rows.map(move |(key, value)| (table, key, value))
        });
        let expected = expected.iter();
        let expected = expected.map(|&(table, key, value)| (table, key.into(), value.into()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn rows_survive_a_restart_as_they_were_last_written() {
        use Table::{Queues, Retained, Sessions};
        check(vec![], &[]);
        check(
            vec![vec![
                put(Queues, "b", "1"),
                put(Queues, "a", "2"),
                put(Retained, "a", "3"),
            ]],
            &[(Retained, "a", "3"), (Queues, "a", "2"), (Queues, "b", "1")],
        );
        check(
            vec![
                vec![put(Sessions, "a", "1"), put(Sessions, "b", "1")],
                vec![put(Sessions, "a", "2"), remove(Sessions, "b")],
                vec![remove(Sessions, "never there")],
            ],
            &[(Sessions, "a", "2")],
        );
        check(vec![vec![put(Queues, "a", "1"), remove(Queues, "a")]], &[]);
        check(
            vec![vec![remove(Sessions, "a"), put(Sessions, "a", "1")]],
            &[(Sessions, "a", "1")],
        );
    }

    #[test]
    fn a_row_that_goes_before_it_is_written_is_never_made() {
        let mut pending = Pending::default();
        let unmade = || unreachable!("it is gone");
        pending.change(Row::put(Table::Queues, *b"a", 1, unmade));
        pending.change(remove(Table::Queues, "a"));
        assert!(pending.is_empty());
        assert_eq!(pending.bytes, 0);
        // A retained message's topic may have been written before, so its end is.
        pending.change(put(Table::Retained, "a", "1"));
        pending.change(remove(Table::Retained, "a"));
        assert!(!pending.is_empty());
    }

    #[test]
    fn those_who_wait_are_told_in_order_when_their_rows_are_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let rows = Arc::new(open(directory.path()));
        let (told, tales) = mpsc::channel();
        for number in 0..100 {
            let seen = Arc::clone(&rows);
            let told = told.clone();
            let then = move |on_disk| {
                let found = all(&seen, Table::Queues).len();
                told.send((number, on_disk, found)).unwrap();
            };
            let key = format!("{number:03}");
            rows.write([put(Table::Queues, &key, "")], Some(Box::new(then)));
        }
        for number in 0..100 {
            let (found, on_disk, rows) = tales.recv().unwrap();
            assert_eq!((found, on_disk), (number, true));
            assert!(rows > number, "{rows} rows at the {number}th");
        }
    }

    #[test]
    fn one_batch_takes_all_that_came_during_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let rows = open(directory.path());
        let commits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&commits);
        rows.on_commit(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        // The writer is held in a `then` until all the rest has been accepted.
        let (go, held) = mpsc::channel::<()>();
        let hold = move |_| held.recv().unwrap();
        rows.write([put(Table::Queues, "first", "")], Some(Box::new(hold)));
        let (told, tales) = mpsc::channel();
        while !all(&rows, Table::Queues)
            .iter()
            .any(|(key, _)| key == "first")
        {
            thread::yield_now();
        }
        for number in 0..50 {
            let key = format!("{number}");
            rows.write([put(Table::Queues, &key, "")], tell(&told, number));
        }
        go.send(()).unwrap();
        assert!((0..50).all(|number| tales.recv().unwrap() == (number, true)));
        rows.stop();
        assert_eq!(commits.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn clear_leaves_what_comes_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let rows = open(directory.path());
        for table in Table::ALL {
            rows.write([put(table, "a", "1"), put(table, "b", "1")], None);
        }
        rows.clear().unwrap();
        rows.write([put(Table::Sessions, "a", "2")], None);
        rows.stop();
        for table in Table::ALL {
            let kept = [("a".to_owned(), "2".to_owned())];
            let kept = if table == Table::Sessions {
                &kept[..]
            } else {
                &[]
            };
            assert_eq!(all(&rows, table), kept, "{table:?}");
        }
    }

    #[test]
    fn after_the_stop_nothing_is_accepted_and_whoever_waits_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let rows = open(directory.path());
        let (told, tales) = mpsc::channel();
        rows.write([put(Table::Queues, "a", "")], tell(&told, "before"));
        rows.stop();
        rows.write([put(Table::Queues, "b", "")], tell(&told, "after"));
        rows.stop();
        assert_eq!(tales.recv().unwrap(), ("before", true));
        assert_eq!(tales.recv().unwrap(), ("after", false));
        assert!(rows.clear().is_err());
        assert_eq!(all(&rows, Table::Queues).len(), 1);
    }
}
