//! AWS's HTTP API. A request is led to its operation, its members are gathered and checked by
//! AWS's own service model, and one handler per operation calls the control plane or the message
//! core. Wire forms stay in here.

mod answer;
mod lead;
mod caller;
mod rest;
mod body;
mod route;
mod bind;
mod validate;
mod authorize;
mod call;
mod page;
mod operations;
mod error;
mod reply;
mod model;
mod pattern;
mod query;
mod sigv4;

pub(crate) use answer::{Door, answer};
