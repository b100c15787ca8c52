//! How jobs follow the registry: things that join or leave the groups of continuous jobs, and
//! things that are deleted.

use super::execution::{ExecutionStatus, JobExecution};
use super::job::{Job, JobStatus, Rollout};
use super::news::JobNews;
use super::turn::Turn;
use crate::registry::RegistryChange;
use crate::state::State;
use crate::{Things, ThingsError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What may have changed who is in which group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipChange {
    /// Things that were created, changed or deleted.
    pub things: BTreeSet<String>,
    /// Whether groups were.
    pub groups: bool,
}

impl MembershipChange {
    /// `None` if nothing of the kind happened.
    pub(crate) fn of(changes: &[RegistryChange]) -> Option<Self> {
        let mut change = Self::default();
        for one in changes {
            match one {
                RegistryChange::Thing(name, ..) => drop(change.things.insert(name.clone())),
                RegistryChange::Group(..) => change.groups = true,
                RegistryChange::Type(..) => {}
            }
        }
        (change != Self::default()).then_some(change)
    }
}

impl Things {
    /// Has jobs follow a change of the registry; says what things are to be told.
    pub fn follow_memberships(&self, change: &MembershipChange, now_ms: u64) -> JobNews {
        let state = self.state();
        let mut turn = self.jobs().turn(now_ms);
        for thing in &change.things {
            if state.registry.thing(thing).is_none() {
                turn.forget_thing(thing);
            }
        }
        let jobs = turn.kept.active();
        let jobs = jobs.iter().filter(|job| job.is_continuous());
        for job in jobs {
            if change.groups {
                let now_in = self.things_of_targets(&state, &job.targets);
                turn.reconcile(job, &now_in);
            } else {
                for thing in &change.things {
                    if state.registry.thing(thing).is_some() {
                        let is_in = self.is_target(&state, job, thing);
                        turn.follow(job, thing, is_in);
                    }
                }
            }
        }
        turn.finish()
    }

    /// Makes good what was missed while the server was not there.
    pub fn follow_all_memberships(&self, now_ms: u64) -> JobNews {
        let change = MembershipChange {
            things: BTreeSet::new(),
            groups: true,
        };
        self.follow_memberships(&change, now_ms)
    }

    /// The things that a job's targets stand for: those that are named, and those of the groups
    /// that are named, with the groups below them ("Thing groups" in the AWS IoT developer guide).
    pub(super) fn things_of_targets(&self, state: &State, targets: &[String]) -> BTreeSet<String> {
        let mut things = BTreeSet::new();
        for target in targets {
            match target.split_once('/') {
                Some(("thing", name)) if state.registry.thing(name).is_some() => {
                    things.insert(name.to_owned());
                }
                Some(("thinggroup", name)) => {
                    let members = self.things_of_group(state, name, true);
                    things.extend(members.into_iter().cloned());
                }
                Some(_) | None => {}
            }
        }
        things
    }

    fn is_target(&self, state: &State, job: &Job, thing: &str) -> bool {
        let is_named = |kind: &str, name: &str| {
            let mut targets = job.targets.iter();
            targets.any(|target| target.split_once('/') == Some((kind, name)))
        };
        is_named("thing", thing)
            || self
                .groups_around(state, thing)
                .iter()
                .any(|group| is_named("thinggroup", group))
    }

    /// Reads a job's targets.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest, AccessDenied.
    pub(super) fn job_targets(
        &self,
        state: &State,
        arns: &[String],
    ) -> Result<Vec<String>, ThingsError> {
        let target = |arn: &String| {
            let resource = self.place().iot_resource(arn)?.unwrap_or_default();
            let missing = |kind: &str, name: &str| {
                Err(ThingsError::ResourceNotFound(format!(
                    "{kind} {name} cannot be found."
                )))
            };
            match resource.split_once('/') {
                Some(("thing", name)) if state.registry.thing(name).is_none() => {
                    missing("Thing", name)
                }
                Some(("thinggroup", name)) if !state.registry.has_group(name) => {
                    missing("Thing Group", name)
                }
                Some(("thing" | "thinggroup", _)) => Ok(resource.to_owned()),
                Some(_) | None => Err(ThingsError::InvalidRequest(format!(
                    "Target {arn} is not the ARN of a thing or a thing group."
                ))),
            }
        };
        arns.iter().map(target).collect()
    }

    /// Targets as they are shown.
    pub(super) fn target_arns(&self, targets: &[String]) -> Vec<String> {
        let arns = targets.iter().map(|target| self.place().iot(target));
        arns.collect()
    }
}

impl Turn<'_> {
    /// Has a job follow that its targets stand for these things now.
    pub(super) fn reconcile(&mut self, job: &Arc<Job>, now_in: &BTreeSet<String>) {
        for thing in now_in {
            self.follow(job, thing, true);
        }
        let known = self.kept.latest_of_job(&job.id).map(|it| it.thing.clone());
        let waiting = self.kept.jobs.get(&job.id);
        let waiting = waiting.map(|entry| entry.rollout.waiting.clone());
        let all: BTreeSet<String> = known.chain(waiting.unwrap_or_default()).collect();
        for thing in all.difference(now_in) {
            self.follow(job, thing, false);
        }
    }

    /// Has a job follow that a thing is among its targets, or is not.
    fn follow(&mut self, job: &Arc<Job>, thing: &str, is_in: bool) {
        let last = self.kept.execution(thing, &job.id, None).cloned();
        let waits = self.kept.jobs.get(&job.id);
        let waits = waits.is_some_and(|entry| entry.rollout.waiting.iter().any(|it| it == thing));
        let was_in = waits || last.as_ref().is_some_and(|last| !last.left);
        if was_in == is_in {
            return;
        }
        if is_in {
            self.join(job, thing, last.as_deref());
            return;
        }
        if waits {
            self.wait_no_longer(&job.id, thing);
        }
        if let Some(last) = last.filter(|last| !last.left) {
            self.leave(&last);
        }
    }

    /// A thing has come: it gets its execution at once, whatever the rate is ("Job rollout rates
    /// for continuous jobs using dynamic thing groups"), but not outside of a window. One that it
    /// has not finished goes on.
    fn join(&mut self, job: &Arc<Job>, thing: &str, last: Option<&JobExecution>) {
        if job.has_ended(self.now_ms) {
            return;
        }
        if let Some(last) = last.filter(|last| last.status.is_pending()) {
            self.put_execution(JobExecution {
                left: false,
                ..last.clone()
            });
            return;
        }
        let open = job.scheduling.as_ref();
        let open = open.is_none_or(|scheduling| scheduling.is_open(self.now_ms));
        if open && job.status == JobStatus::InProgress {
            self.queue(job, thing);
        } else if let Some(entry) = self.kept.jobs.get(&job.id) {
            let mut rollout = Rollout::clone(&entry.rollout);
            rollout.waiting.push_back(thing.to_owned());
            self.put_rollout(&job.id, rollout);
        }
    }

    /// A thing has left: what it has not begun is removed, what it has begun goes on. The version
    /// stays: it counts changes by the device.
    fn leave(&mut self, last: &JobExecution) {
        let left = JobExecution {
            left: true,
            ..last.clone()
        };
        if last.status == ExecutionStatus::Queued {
            self.end_execution(JobExecution {
                status: ExecutionStatus::Removed,
                ..left
            });
        } else {
            self.put_execution(left);
        }
    }

    fn wait_no_longer(&mut self, id: &str, thing: &str) {
        let Some(entry) = self.kept.jobs.get(id) else {
            return;
        };
        let mut rollout = Rollout::clone(&entry.rollout);
        rollout.waiting.retain(|waiting| waiting != thing);
        self.put_rollout(id, rollout);
    }

    /// A thing was deleted: nobody is left to do what it had to do ("numberOfRemovedThings" in the
    /// API reference).
    fn forget_thing(&mut self, thing: &str) {
        let pending: Vec<_> = self.kept.pending_executions(thing).cloned().collect();
        for execution in pending {
            self.end_execution(JobExecution {
                status: ExecutionStatus::Removed,
                left: true,
                ..JobExecution::clone(&execution)
            });
            self.settle(&execution.job);
        }
        for job in self.kept.active() {
            let entry = self.kept.jobs.get(&job.id);
            let mut waiting = entry.into_iter().flat_map(|entry| &entry.rollout.waiting);
            if waiting.any(|waiting| waiting == thing) {
                self.wait_no_longer(&job.id, thing);
                self.complete_if_done(&job.id);
            }
        }
        // A thing of the same name that comes later is another one.
        let last: Vec<_> = self
            .kept
            .of_thing(thing)
            .filter(|it| !it.left)
            .cloned()
            .collect();
        for execution in last {
            self.put_execution(JobExecution {
                left: true,
                ..JobExecution::clone(&execution)
            });
        }
    }
}
