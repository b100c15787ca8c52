//! Things and what they are sorted into: thing types, thing groups, billing groups; the principals
//! attached to them; and the tags of everything that has tags.

mod billing_group;
mod group;
mod membership;
mod principal;
mod tags;
mod thing;
mod thing_type;

pub use billing_group::{BillingGroup, NewBillingGroup};
pub use group::{GroupFilter, GroupUpdate, NewThingGroup, ThingGroup};
pub use principal::{PrincipalThing, ThingFacts, ThingPrincipal, ThingPrincipalType};
pub use tags::Tags;
pub use thing::{NewThing, Thing, ThingFilter, ThingUpdate};
pub use thing_type::{NewThingType, ThingType, ThingTypeProperties};
