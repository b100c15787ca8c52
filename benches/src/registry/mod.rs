//! What a large registry costs: a server of our own is filled with things and certificates,
//! listed, searched, and started again with them on disk.

mod connection;
mod fill;
mod pages;
mod server;

pub(crate) use connection::{Connection, RegistryError};
pub(crate) use fill::{certificates, fill};
pub(crate) use pages::{Asked, ask};
pub(crate) use server::Server;
