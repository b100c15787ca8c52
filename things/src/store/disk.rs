//! Documents on disk: one fjall keyspace, synced by group commit.

use super::{Batch, Tables};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The smallest journal that fjall takes: the registry is small, and a long journal makes a slow
/// start.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The store's files.
pub(crate) struct Disk {
    database: Database,
    documents: Keyspace,
    /// Batches written so far; each has its number.
    written: AtomicU64,
    /// The last batch known to be on disk.
    synced: Mutex<u64>,
}

impl Disk {
    pub(crate) fn open(directory: &Path) -> fjall::Result<Self> {
        let database = Database::builder(directory)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(1)
            .open()?;
        let documents = database.keyspace("documents", KeyspaceCreateOptions::default)?;
        Ok(Self {
            database,
            documents,
            written: AtomicU64::new(0),
            synced: Mutex::new(0),
        })
    }

    /// The tables of rows beside the documents.
    pub(crate) fn tables(&self) -> fjall::Result<Tables> {
        Tables::open(&self.database)
    }

    /// Gives every document as table, key and JSON.
    pub(crate) fn each(
        &self,
        mut give: impl FnMut(&str, &str, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        for row in self.documents.iter() {
            let (key, bytes) = row.into_inner().map_err(|error| error.to_string())?;
            let key = str::from_utf8(&key).map_err(|error| error.to_string())?;
            let (table, key) = key.split_once('/').unwrap_or((key, ""));
            give(table, key, &bytes)?;
        }
        Ok(())
    }

    /// Writes a batch; it is safe once [`Disk::sync`] was called with the number that this gives.
    /// Not called by two threads at once.
    pub(crate) fn write(&self, batch: &Batch) -> fjall::Result<u64> {
        let mut writes = self.database.batch();
        for row in &batch.rows {
            match &row.bytes {
                Some(bytes) => writes.insert(&self.documents, row.key.as_str(), bytes.as_slice()),
                None => writes.remove(&self.documents, row.key.as_str()),
            }
        }
        writes.commit()?;
        Ok(self.written.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Waits until a batch is on disk. One call syncs for all that were written before it.
    pub(crate) fn sync(&self, number: u64) -> fjall::Result<()> {
        let mut synced = self.synced.lock();
        if *synced < number {
            let written = self.written.load(Ordering::SeqCst);
            self.database.persist(PersistMode::SyncData)?;
            *synced = written;
        }
        Ok(())
    }

    /// Removes every document.
    pub(crate) fn clear(&self) -> fjall::Result<u64> {
        let mut writes = self.database.batch();
        for row in self.documents.iter() {
            writes.remove(&self.documents, row.key()?);
        }
        writes.commit()?;
        Ok(self.written.fetch_add(1, Ordering::SeqCst) + 1)
    }
}
