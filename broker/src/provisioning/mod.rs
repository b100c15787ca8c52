//! Provisioning by devices: the MQTT API, whose doors are in `hub/`, and certificates of a CA that
//! connect. What templates mean is in `things`; here are formats, hooks and roles.

mod service;

mod format;
mod hook;
mod just_in_time;

pub(crate) use service::{Asked, Provisioner};
