//! What tests of the whole server work with: a server, its HTTP API, and devices.

mod api;
mod device;
mod packet;
mod server;

pub(crate) use api::Api;
pub(crate) use device::{Device, tls};
pub(crate) use packet::{Packet, Version};
pub(crate) use server::{Keys, TestServer};
