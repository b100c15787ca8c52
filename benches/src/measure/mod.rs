//! What is measured: time, latencies, and what the broker's process costs.

mod clock;
mod histogram;
mod machine;
mod process;

pub(crate) use clock::{Clock, ns};
pub(crate) use histogram::Histogram;
pub(crate) use machine::{Cpu, Machine, machine_in_words};
pub(crate) use process::{Process, Usage};
