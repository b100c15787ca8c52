//! AWS's HTTP API. A request is led to its operation, its members are gathered and checked by
//! AWS's own service model, and one handler per operation calls the control plane or the message
//! core. Wire forms stay in here.

mod answer;
mod bind;
mod error;
mod model;
mod pattern;
mod reply;
mod route;
pub(crate) mod sigv4;
mod validate;

pub(crate) use answer::{Door, answer};
