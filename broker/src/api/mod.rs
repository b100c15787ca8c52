//! AWS's HTTP API. A request is led to its operation, its members are gathered and checked by
//! AWS's own service model, and one handler per operation calls the control plane or the message
//! core. Wire forms stay in here.

mod account;
mod answer;
mod authorize;
mod bind;
mod call;
mod caller;
mod credentials;
mod error;
mod inside;
mod lead;
mod model;
mod operations;
mod page;
mod pattern;
mod query;
mod reply;
mod rest;
mod route;
mod signature;
pub(crate) mod sigv4;
#[cfg(test)]
pub(crate) mod tests;
mod validate;

pub(crate) use account::call_as_account;
pub(crate) use answer::{Door, answer};
pub(crate) use bind::pairs;
pub(crate) use caller::has_foreign_origin;
pub(crate) use error::{ApiError, Code};
pub(crate) use model::Service;
