//! Evaluates the SQL of all rules that a message triggers, message after message. The payload is
//! indexed once for all of them, and a rule that does not match costs nothing but its evaluation.

use super::batch::{Arrived, Batch};
use super::chance::chance;
use super::engine::Shared;
use super::handle::Triggered;
use rand::rngs::SmallRng;
use rand::{Rng, RngCore};
use std::sync::Arc;
use tokio::task::yield_now;
use uuid::Uuid;

/// Rules evaluated before other tasks get a turn.
const RULES_PER_TURN: usize = 256;

/// Works through the intake until it is stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut chance = chance();
    let mut batch = Batch::default();
    loop {
        shared.intake.next(&mut batch).await;
        let mut rules = 0;
        for place in 0..batch.len() {
            let arrived = batch.message(place, trace_id(&mut chance));
            trigger(&shared, &arrived, &mut chance);
            rules += arrived.rules().len();
            if rules >= RULES_PER_TURN {
                rules = 0;
                yield_now().await;
            }
        }
    }
}

fn trigger(shared: &Shared, arrived: &Arrived<'_>, chance: &mut dyn RngCore) {
    let view = arrived.view();
    view.show(&shared.settings.place.account_id, |message| {
        let mut triggered = Triggered::new(arrived, message, chance);
        for rule in arrived.rules().iter() {
            rule.trigger(&mut triggered);
        }
    });
}

fn trace_id(chance: &mut SmallRng) -> Uuid {
    uuid::Builder::from_random_bytes(chance.random()).into_uuid()
}
