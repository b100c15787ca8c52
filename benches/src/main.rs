//! The `thingcore-bench` command: a load generator for MQTT brokers.
//!
//! One thread, one poll, all connections: so that a broker on another core is the limit, not this
//! program. Every message is accounted for, and with the broker's pid its CPU is, too.

use std::process::ExitCode;

mod cli;

mod api;
mod load;
mod registry;

mod compare;
mod launch;
mod report;
mod show;

mod measure;
mod net;
mod wire;

fn main() -> ExitCode {
    cli::main()
}
