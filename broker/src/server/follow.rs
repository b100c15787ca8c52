//! What the server does when the control plane changes.

use crate::dispatch::{RuleBook, confirmation};
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
        Change::Destination { arn } => confirm(world, arn),
        // What else is emptied is the matter of who empties the control plane.
        Change::Reset => {
            world.hub.policies_changed();
            rules.refresh(&world.things, &world.delivery, &world.hub);
        }
    }
}

/// Asks the owner of a destination, who answers by following a link or with the token.
fn confirm(world: &Arc<World>, arn: &str) {
    let Ok(destination) = world.things.destination(arn) else {
        return;
    };
    let world = Arc::clone(world);
    world.delivery.runtime().clone().spawn(async move {
        let asked = match confirmation(&world, &destination) {
            Ok(request) => world.delivery.send(&request).await.map(|_| ()),
            Err(why) => Err(why),
        };
        if let Err(failure) = asked {
            let (arn, why) = (&destination.arn, &failure.message);
            tracing::warn!(
                ?arn,
                ?why,
                "the owner of the destination could not be asked"
            );
            let reason = format!("the confirmation message could not be sent: {why}");
            let now_ms = world.clock.now_ms();
            // It may have been deleted meanwhile.
            let _ = world.things.destination_failed(arn, &reason, now_ms);
        }
    });
}
