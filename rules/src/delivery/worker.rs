//! Works through the queue of one rule.

use super::chance::chance;
use super::counters::RuleCounters;
use super::engine::Shared;
use super::event::Event;
use super::execute::execute;
use super::in_flight::Ticket;
use super::outside::Outside;
use super::rule::{Rule, Selected};
use crate::sql::{Context, EvalError};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking};

/// A rule with what its work needs; cheap to clone.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) rule: Arc<Rule>,
    pub(super) counters: Arc<RuleCounters>,
    pub(super) shared: Arc<Shared>,
}

/// A message that waits for a rule's actions.
pub(super) struct Work {
    pub(super) event: Arc<Event>,
    /// What the rule made of it; nothing if the SQL is still to be evaluated.
    pub(super) selected: Option<Selected>,
    /// Among what the rule holds, and among what all rules hold.
    pub(super) tickets: [Ticket; 2],
}

/// Works until the queue is closed and empty.
pub(super) async fn run(runner: Runner, mut works: mpsc::Receiver<Work>) {
    let slots = Arc::new(Semaphore::new(runner.shared.settings.concurrency));
    let mut running = JoinSet::new();
    while let Some(work) = works.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            break;
        };
        let runner = runner.clone();
        let mut work = Box::pin(async move {
            let Work {
                event,
                selected,
                tickets,
            } = work;
            let selected = match selected {
                Some(selected) => Some(selected),
                None => runner.evaluate_apart(&event).await,
            };
            if let Some(selected) = selected {
                execute(&runner, event, selected).await;
            }
            drop((slot, tickets));
        });
        // What needs no waiting ends here, in the order of messages; the rest goes aside.
        if poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await {
            running.spawn(work);
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}

impl Runner {
    /// Evaluates the SQL where it may wait and take long.
    async fn evaluate_apart(&self, event: &Arc<Event>) -> Option<Selected> {
        if !self.rule.asks_outside() {
            return self.evaluate(event, None);
        }
        let (runner, event, runtime) = (self.clone(), Arc::clone(event), Handle::current());
        let evaluated = spawn_blocking(move || runner.evaluate(&event, Some(runtime)));
        evaluated.await.ok().flatten()
    }

    /// Evaluates the SQL for a message; nothing if no action is to run. `runtime` is there on
    /// threads that may wait.
    fn evaluate(&self, event: &Event, runtime: Option<Handle>) -> Option<Selected> {
        let account_id = &self.shared.settings.place.account_id;
        let mut chance = chance();
        let mut outside = runtime.map(|runtime| self.outside(runtime));
        let selected = event.view().show(account_id, |message| {
            let mut context = Context::new(message, event.now_ms(), &mut chance);
            context.external = outside.as_mut().map(|outside| outside as _);
            self.rule.evaluate(&mut context)
        });
        match selected {
            Ok(selected) => {
                if selected.is_none() {
                    self.counters.not_matched.add_one();
                }
                selected
            }
            Err(error) => {
                self.sql_failed(event, &error);
                None
            }
        }
    }

    /// Who answers what the rule asks the outside, on a thread that may wait.
    pub(super) fn outside(&self, runtime: Handle) -> Outside<'_> {
        Outside {
            shared: &self.shared,
            rule: self.rule.name(),
            runtime,
        }
    }

    /// A failure of the SQL does not run the error action (developer guide, note on the error
    /// handling page); it is in the log only.
    pub(super) fn sql_failed(&self, event: &Event, error: &EvalError) {
        self.counters.parse_error.add_one();
        let rule = self.rule.name();
        tracing::error!(event_type = "RuleExecution", %rule, topic = ?event.topic, error = error.to_string(), "rule SQL failed");
    }
}
