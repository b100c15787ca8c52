//! Jobs and executions in memory, with the ways to look them up.

use super::execution::{ExecutionKey, JobExecution, Place};
use super::job::{Job, JobProcessDetails, Rollout, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// What is there. Everything but jobs, rollouts and executions follows from them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) jobs: BTreeMap<String, Entry>,
    executions: BTreeMap<ExecutionKey, Arc<JobExecution>>,
    /// What each thing has to do, in that order.
    pending: BTreeMap<String, BTreeSet<Place>>,
    /// When executions that are in progress are over.
    deadlines: BTreeSet<(u64, ExecutionKey)>,
    /// Jobs that may still change by themselves.
    active: BTreeSet<String>,
    /// The number of the next job or execution.
    next_order: u64,
}

/// A job with what belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: Arc<Job>,
    pub(super) rollout: Arc<Rollout>,
    /// Its executions by thing and number.
    executions: BTreeSet<(String, u64)>,
    /// The same by status.
    pub(super) tally: Tally,
}

impl Kept {
    pub(super) fn job(&self, id: &str) -> Option<&Arc<Job>> {
        self.jobs.get(id).map(|entry| &entry.job)
    }

    pub(super) fn next_order(&mut self) -> u64 {
        self.next_order += 1;
        self.next_order
    }

    /// The jobs that may still change by themselves.
    pub(super) fn active(&self) -> Vec<Arc<Job>> {
        let jobs = self.active.iter();
        jobs.filter_map(|id| self.job(id).cloned()).collect()
    }

    pub(super) fn put_job(&mut self, job: Arc<Job>) {
        self.next_order = self.next_order.max(job.order);
        let id = job.id.clone();
        if job.status.is_active() {
            self.active.insert(id.clone());
        } else {
            self.active.remove(&id);
        }
        match self.jobs.get_mut(&id) {
            Some(entry) => entry.job = job,
            None => {
                let entry = Entry {
                    job,
                    rollout: Arc::default(),
                    executions: BTreeSet::new(),
                    tally: Tally::default(),
                };
                self.jobs.insert(id, entry);
            }
        }
    }

    /// Takes a job out; its executions have been before.
    pub(super) fn remove_job(&mut self, id: &str) {
        self.jobs.remove(id);
        self.active.remove(id);
    }

    pub(super) fn put_rollout(&mut self, id: &str, rollout: Arc<Rollout>) {
        if let Some(entry) = self.jobs.get_mut(id) {
            entry.rollout = rollout;
        }
    }

    pub(super) fn put_execution(&mut self, execution: Arc<JobExecution>) {
        let key = execution.key();
        self.remove_execution(&key);
        self.next_order = self.next_order.max(execution.order);
        if let Some(place) = Place::of(&execution) {
            let pending = self.pending.entry(key.thing.clone()).or_default();
            pending.insert(place);
        }
        if let Some(deadline_ms) = execution.deadline_ms() {
            self.deadlines.insert((deadline_ms, key.clone()));
        }
        if let Some(entry) = self.jobs.get_mut(&key.job) {
            entry.executions.insert((key.thing.clone(), key.number));
            entry.tally.add(execution.status);
        }
        self.executions.insert(key, execution);
    }

    pub(super) fn remove_execution(&mut self, key: &ExecutionKey) {
        let Some(old) = self.executions.remove(key) else {
            return;
        };
        if let Some(place) = Place::of(&old)
            && let Some(pending) = self.pending.get_mut(&key.thing)
        {
            pending.remove(&place);
            if pending.is_empty() {
                self.pending.remove(&key.thing);
            }
        }
        if let Some(deadline_ms) = old.deadline_ms() {
            self.deadlines.remove(&(deadline_ms, key.clone()));
        }
        if let Some(entry) = self.jobs.get_mut(&key.job) {
            entry.executions.remove(&(key.thing.clone(), key.number));
            entry.tally.take(old.status);
        }
    }

    /// What a thing has to do, what comes next first.
    pub(super) fn pending(&self, thing: &str) -> impl Iterator<Item = &Place> {
        self.pending.get(thing).into_iter().flatten()
    }

    /// The same with the executions themselves.
    pub(super) fn pending_executions(
        &self,
        thing: &str,
    ) -> impl Iterator<Item = &Arc<JobExecution>> {
        let places = self.pending(thing);
        places.filter_map(move |place| self.execution(thing, &place.job, Some(place.number)))
    }

    /// An execution by its number, or the latest.
    pub(super) fn execution(
        &self,
        thing: &str,
        job: &str,
        number: Option<u64>,
    ) -> Option<&Arc<JobExecution>> {
        let key = |number| ExecutionKey {
            thing: thing.to_owned(),
            job: job.to_owned(),
            number,
        };
        match number {
            Some(number) => self.executions.get(&key(number)),
            None => {
                let all = self.executions.range(key(0)..=key(u64::MAX));
                all.map(|(_, execution)| execution).next_back()
            }
        }
    }

    /// All executions of a thing, by job and number.
    pub(super) fn of_thing(&self, thing: &str) -> impl Iterator<Item = &Arc<JobExecution>> {
        let from = ExecutionKey {
            thing: thing.to_owned(),
            job: String::new(),
            number: 0,
        };
        let all = self
            .executions
            .range((Bound::Included(from), Bound::Unbounded));
        let own = all.take_while(move |(key, _)| key.thing == thing);
        own.map(|(_, execution)| execution)
    }

    /// All executions of a job, by thing and number.
    pub(super) fn of_job(&self, job: &str) -> impl Iterator<Item = &Arc<JobExecution>> {
        let entry = self.jobs.get(job);
        let keys = entry.into_iter().flat_map(|entry| &entry.executions);
        keys.filter_map(move |(thing, number)| self.execution(thing, job, Some(*number)))
    }

    /// The latest execution of a job on each of its things.
    pub(super) fn latest_of_job(&self, job: &str) -> impl Iterator<Item = &Arc<JobExecution>> {
        let mut all = self.of_job(job).peekable();
        std::iter::from_fn(move || {
            loop {
                let execution = all.next()?;
                let is_latest = all.peek().is_none_or(|next| next.thing != execution.thing);
                if is_latest {
                    return Some(execution);
                }
            }
        })
    }

    /// Things by the status of their latest execution.
    pub(super) fn process_details(&self, job: &str) -> JobProcessDetails {
        let mut tally = Tally::default();
        self.latest_of_job(job)
            .for_each(|execution| tally.add(execution.status));
        JobProcessDetails(tally)
    }

    /// Whether some job may still change by itself.
    pub(super) fn has_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Whether an execution is over at a moment.
    pub(super) fn has_timed_out(&self, now_ms: u64) -> bool {
        let first = self.deadlines.first();
        first.is_some_and(|(deadline_ms, _)| *deadline_ms <= now_ms)
    }

    /// Executions that are over at a moment, the earliest first.
    pub(super) fn timed_out(&self, now_ms: u64) -> Vec<Arc<JobExecution>> {
        let due = self.deadlines.iter();
        let due = due.take_while(|(deadline_ms, _)| *deadline_ms <= now_ms);
        due.filter_map(|(_, key)| self.executions.get(key).cloned())
            .collect()
    }
}
