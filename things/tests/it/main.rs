//! The control plane through its public functions.

mod authorities;
mod calls;
mod certificates;
mod durability;
mod groups;
mod pages;
mod roles;
mod vectors;
mod watching;
mod world;
