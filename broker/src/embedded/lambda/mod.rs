//! Lambda functions of this machine: a registry, a Lambda Runtime API server per function, the
//! handler in a process of its own, and the doors through which they are invoked and managed.
//! The protocol is AWS's ("Using the Lambda runtime API", 2018-06-01), so that official runtime
//! interface clients work as well as the small bootstraps that are built in.

mod admin;
mod api;
mod function;
mod log;
mod registry;
mod route;
mod runtime_api;
mod sandbox;
#[cfg(test)]
mod tests;

pub(crate) use registry::{Functions, Place};
pub(crate) use route::Route;
