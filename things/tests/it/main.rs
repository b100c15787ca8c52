//! The control plane through its public functions.

// Clippy allows these in tests, but does not see that helpers are part of them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod authorities;
mod calls;
mod certificates;
mod durability;
mod groups;
mod jobs;
mod pages;
mod provisioning;
mod provisioning_templates;
mod registry;
mod roles;
mod search;
mod shadows;
mod vectors;
mod watching;
mod world;
