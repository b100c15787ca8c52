//! All jobs of a server, and how they are changed: in turns, each of which is whole.

use super::execution::{ExecutionKey, JobExecution};
use super::job::{Job, Rollout};
use super::kept::Kept;
use super::news::{Event, JobNews, Notice};
use crate::store::{Row, Rows, Table};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The jobs of a server. Changes go to the store in the order in which they happen; who needs
/// them there before going on waits for the store, as with shadows.
///
/// Its lock is taken after the registry's, never before.
pub(crate) struct Jobs {
    kept: Mutex<Kept>,
    rows: Option<Arc<Rows>>,
}

/// Rows of jobs, rollouts and executions; the letters are on disk and never change.
const JOB: char = 'j';
const ROLLOUT: char = 'r';
const EXECUTION: char = 'e';

impl Jobs {
    /// Reads what the store has.
    ///
    /// # Errors
    /// The store cannot be read, in words.
    pub(crate) fn open(rows: Option<&Arc<Rows>>) -> Result<Self, String> {
        let mut kept = Kept::default();
        if let Some(rows) = rows {
            let mut rollouts = Vec::new();
            let mut executions = Vec::new();
            // Executions and rollouts belong to jobs, which must be there first.
            rows.each(Table::Jobs, |key, value| {
                let (kind, id) = str::from_utf8(key)
                    .ok()
                    .and_then(|key| key.split_once('/'))
                    .unwrap_or_default();
                let read = match kind.chars().next() {
                    Some(JOB) => read(value).map(|job| kept.put_job(job)),
                    Some(ROLLOUT) => read(value).map(|row| rollouts.push((id.to_owned(), row))),
                    Some(EXECUTION) => read(value).map(|row| executions.push(row)),
                    Some(_) | None => None,
                };
                if read.is_none() {
                    tracing::warn!(key = %key.escape_ascii(), "a stored job is damaged");
                }
            })?;
            for (id, rollout) in rollouts {
                kept.put_rollout(&id, rollout);
            }
            for execution in executions {
                kept.put_execution(execution);
            }
        }
        Ok(Self {
            kept: Mutex::new(kept),
            rows: rows.cloned(),
        })
    }

    /// What there is, to look at.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock()
    }

    /// Begins a change.
    pub(super) fn turn(&self, now_ms: u64) -> Turn<'_> {
        Turn {
            jobs: self,
            kept: self.kept.lock(),
            now_ms,
            rows: Vec::new(),
            before: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// Whether some job may still change by itself.
    pub(crate) fn has_active(&self) -> bool {
        self.kept.lock().has_active()
    }

    /// Whether there is such a job.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.kept.lock().jobs.contains_key(id)
    }

    /// Forgets all jobs in memory.
    pub(crate) fn clear(&self) {
        *self.kept.lock() = Kept::default();
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("count", &self.kept.lock().jobs.len())
            .finish_non_exhaustive()
    }
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

/// A change of jobs and executions. Others see it when it is finished, the store gets it whole.
pub(super) struct Turn<'j> {
    jobs: &'j Jobs,
    pub(super) kept: MutexGuard<'j, Kept>,
    pub(super) now_ms: u64,
    rows: Vec<Row>,
    /// What the things that were touched had to do before.
    before: BTreeMap<String, Vec<(String, u64)>>,
    events: Vec<Event>,
}

impl Turn<'_> {
    /// Stores a job that was changed.
    pub(super) fn put_job(&mut self, job: Job) -> Arc<Job> {
        let job = Arc::new(job);
        self.write(JOB, &job.id, job.document.len() + 512, &job);
        self.kept.put_job(Arc::clone(&job));
        job
    }

    /// Stores what is still to be told to things.
    pub(super) fn put_rollout(&mut self, id: &str, rollout: Rollout) {
        let rollout = Arc::new(rollout);
        self.write(ROLLOUT, id, rollout.waiting.len() * 32, &rollout);
        self.kept.put_rollout(id, rollout);
    }

    /// Stores an execution that was changed.
    pub(super) fn put_execution(&mut self, execution: JobExecution) -> Arc<JobExecution> {
        self.touch(&execution.thing);
        let execution = Arc::new(execution);
        self.write(EXECUTION, &row_of(&execution.key()), 512, &execution);
        self.kept.put_execution(Arc::clone(&execution));
        execution
    }

    pub(super) fn remove_execution(&mut self, execution: &JobExecution) {
        let key = execution.key();
        self.touch(&key.thing);
        self.remove(EXECUTION, &row_of(&key));
        self.kept.remove_execution(&key);
    }

    /// Takes a job out; its executions have been before.
    pub(super) fn remove_job(&mut self, id: &str) {
        self.remove(ROLLOUT, id);
        self.remove(JOB, id);
        self.kept.remove_job(id);
    }

    /// Has an event told, if such events are wanted.
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Notes what a thing has to do before that changes.
    fn touch(&mut self, thing: &str) {
        if !self.before.contains_key(thing) {
            let pending = self.due(thing);
            self.before.insert(thing.to_owned(), pending);
        }
    }

    fn due(&self, thing: &str) -> Vec<(String, u64)> {
        let places = self.kept.pending(thing);
        places
            .map(|place| (place.job.clone(), place.number))
            .collect()
    }

    fn write<T: Serialize + Send + Sync + 'static>(
        &mut self,
        kind: char,
        id: &str,
        bytes: usize,
        document: &Arc<T>,
    ) {
        if self.jobs.rows.is_none() {
            return;
        }
        let document = Arc::clone(document);
        let key = format!("{kind}/{id}").into_bytes();
        self.rows.push(Row::put(Table::Jobs, key, bytes, move || {
            serde_json::to_vec(&*document).expect("texts and numbers can all be written")
        }));
    }

    fn remove(&mut self, kind: char, id: &str) {
        if self.jobs.rows.is_some() {
            let key = format!("{kind}/{id}").into_bytes();
            self.rows.push(Row::remove(Table::Jobs, key));
        }
    }

    /// Ends the change; says what others are to be told of it.
    pub(super) fn finish(mut self) -> JobNews {
        if let Some(rows) = &self.jobs.rows
            && !self.rows.is_empty()
        {
            rows.write(std::mem::take(&mut self.rows), None);
        }
        let before = std::mem::take(&mut self.before);
        let notices = before.into_iter().filter_map(|(thing, before)| {
            let after = self.due(&thing);
            Notice::of(thing, before, after, &self.kept)
        });
        JobNews {
            notices: notices.collect(),
            events: std::mem::take(&mut self.events),
            now_ms: self.now_ms,
        }
    }
}

fn row_of(key: &ExecutionKey) -> String {
    format!("{}/{}/{}", key.thing, key.job, key.number)
}
