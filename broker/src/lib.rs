//! Everything that meets the world: listeners, shards, who may do what, HTTP doors, the command
//! line. What MQTT, policies, rule SQL and the control plane mean lives in the crates beside it.

mod admin;
mod api;
mod auth;
mod body;
mod budget;
mod certs_folder;
pub mod cli;
mod clock;
mod config;
mod console;
mod dispatch;
mod embedded;
mod hub;
mod metrics;
mod net;
mod provisioning;
mod seed;
mod server;
mod shards;
mod trial;
mod world;
mod xml;

pub use config::{Config, ConfigError, LogFormat, ProfileName, ServerCert};
pub use server::{Ports, Running, Server, StartError};
