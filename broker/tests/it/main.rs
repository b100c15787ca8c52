//! The server as a whole, in this process and on ports of the system's choice; and the shape of
//! the sources. One binary, so that it is linked once.

// All of it is test code, also what stands outside of test functions.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

mod architecture;
mod commands;
mod durable;
mod lifetime;
mod rule_actions;
mod signatures;
mod tls;
mod tutorial;
