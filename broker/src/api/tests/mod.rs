//! The API as its callers see it: requests go in at the door, and what comes out is compared with
//! what AWS does.

mod admin;
mod data_plane;
mod expect;
mod hostile;
mod placeholders;
mod provisioning;
mod request;
mod roles;
mod topic_rules;
mod vectors;
pub(crate) mod world;
