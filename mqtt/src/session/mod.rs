//! One client's session without I/O: what it is owed ([`Outgoing`]) and what it has sent that is
//! not settled yet ([`Incoming`]). The broker's shards drive both; so does the simulation.

mod aliases;
mod incoming;
mod outgoing;
mod packet_ids;
mod redelivery;
mod storage;
mod subscription_ids;
mod waiting;
mod withdrawal;

pub use incoming::{AliasError, Incoming};
pub use outgoing::{Outbound, Outgoing, OutgoingLimits, Sent};
pub use redelivery::Redelivery;
pub use subscription_ids::SubscriptionIds;
