//! Things and what they are sorted into: thing types, thing groups, billing groups; the principals
//! attached to them; and the tags of everything that has tags.

mod billing_group;
mod event;
mod group;
mod index;
mod membership;
mod principal;
mod provisioned;
mod tags;
mod thing;
mod thing_type;

pub(crate) use billing_group::BillingGroupDocument;
pub use billing_group::{BillingGroup, NewBillingGroup};
pub(crate) use event::RegistryChange;
pub use event::RegistryEvent;
pub(crate) use group::GroupDocument;
pub use group::{DynamicQuery, GroupFilter, GroupUpdate, NewThingGroup, ThingGroup};
pub(crate) use index::{Registry, set};
pub(crate) use principal::acts_as;
pub use principal::{PrincipalThing, ThingFacts, ThingPrincipal, ThingPrincipalType};
pub(crate) use provisioned::{Override, WantedThing};
pub use tags::Tags;
pub(crate) use tags::{TagsDocument, put_tags};
pub(crate) use thing::ThingDocument;
pub use thing::{NewThing, Thing, ThingFilter, ThingUpdate};
pub(crate) use thing_type::ThingTypeDocument;
pub use thing_type::{NewThingType, ThingType, ThingTypeProperties};
