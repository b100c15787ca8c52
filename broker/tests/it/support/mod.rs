//! What tests of the whole server work with: a server, its HTTP API, and devices.

mod api;
mod device;
mod server;

pub(crate) use api::Api;
pub(crate) use device::{Device, Packet, Version, tls};
pub(crate) use server::{Keys, TestServer};
