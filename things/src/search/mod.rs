//! Fleet indexing: searching things and thing groups by what the registry, shadows and connections
//! say of them ("Fleet indexing" in the AWS IoT developer guide). There is no index to fall
//! behind: a search looks at what is there.

mod configuration;
mod facts;
mod group;
mod parse;
mod pattern;
mod query;
mod thing;

pub use facts::Connectivity;
pub use group::FoundGroup;
pub(crate) use query::Query;
pub use thing::FoundThing;
