//! What the server does when the control plane changes.

use crate::dispatch::{Check, RuleBook};
use crate::world::World;
use std::sync::Arc;
use things::Change;

/// Follows the control plane: connections, decisions and rules are renewed as it changes. The
/// control plane would outlive the server if its watcher held what it belongs to.
pub(super) fn watch(world: &Arc<World>, rules: &Arc<RuleBook>) {
    let (weak_world, weak_rules) = (Arc::downgrade(world), Arc::downgrade(rules));
    world.things.watch(move |change| {
        if let (Some(world), Some(rules)) = (weak_world.upgrade(), weak_rules.upgrade()) {
            follow(&world, &rules, change);
        }
    });
}

fn follow(world: &Arc<World>, rules: &RuleBook, change: &Change) {
    match change {
        Change::Decisions => world.hub.policies_changed(),
        Change::Certificate { id, active } => {
            world.hub.policies_changed();
            if !active {
                world.hub.close_principal(id);
            }
        }
        Change::Memberships(change) => world.hub.follow_memberships(change),
        Change::Event(event) => world.hub.publish_registry_event(event),
        Change::Rules => rules.refresh(&world.things, &world.delivery, &world.hub),
        Change::Destination { arn } => check(world, arn),
        // What else is emptied is the matter of who empties the control plane.
        Change::Reset => {
            world.hub.policies_changed();
            rules.refresh(&world.things, &world.delivery, &world.hub);
        }
    }
}

/// Finds out whether a destination is the caller's.
fn check(world: &Arc<World>, arn: &str) {
    let Ok(destination) = world.things.destination(arn) else {
        return;
    };
    let world = Arc::clone(world);
    world.delivery.runtime().clone().spawn(async move {
        let asked = match Check::of(&world, &destination) {
            Ok(Check::Owner(request)) => match world.delivery.send(&request).await {
                // He answers by following a link or with the token.
                Ok(_) => return,
                Err(failure) => Err(format!(
                    "the confirmation message could not be sent: {}",
                    failure.message
                )),
            },
            Ok(Check::Instance(request)) => match world.delivery.send(&request).await {
                Ok(_) => Ok(()),
                Err(failure) => Err(format!("InfluxDB: {}", failure.message)),
            },
            Ok(Check::Passed) => Ok(()),
            Err(why) => Err(why),
        };
        let arn = &destination.arn;
        if let Err(why) = &asked {
            tracing::warn!(?arn, ?why, "the destination is not enabled");
        }
        let outcome = asked.as_ref().copied().map_err(String::as_str);
        // It may have been deleted meanwhile.
        let _ = world
            .things
            .settle_destination(arn, outcome, world.clock.now_ms());
    });
}
