//! Evaluates the SQL of all rules that a message triggers, message after message. The payload is
//! indexed once for all of them, and a rule that does not match costs nothing but its evaluation.

use super::chance::chance;
use super::engine::Shared;
use super::intake::{Batch, Offered};
use rand::RngCore;
use std::sync::Arc;
use tokio::task::yield_now;

/// Rules evaluated before other tasks get a turn.
const RULES_PER_TURN: usize = 256;

/// Works through the intake until it is stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut chance = chance();
    let mut batch = Batch::default();
    loop {
        shared.intake.next(&mut batch).await;
        let mut rules = 0;
        for offered in batch.offered.drain(..) {
            trigger(&shared, &offered, &mut chance);
            rules += offered.rules.len();
            if rules >= RULES_PER_TURN {
                rules = 0;
                yield_now().await;
            }
        }
    }
}

fn trigger(shared: &Shared, offered: &Offered, chance: &mut dyn RngCore) {
    let Offered { event, rules } = offered;
    event.view(&shared.settings.place.account_id, |message| {
        for rule in rules.iter() {
            rule.trigger(event, message, chance);
        }
    });
}
