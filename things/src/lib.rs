//! The AWS IoT control plane without its doors: things, certificates, policies, topic rules and
//! roles, and the store under them. REST calls, reserved topics and the command line call the same
//! functions; nothing here knows HTTP or MQTT. Time is an argument `now_ms`, milliseconds since
//! the epoch.

mod error;
mod interface;

pub use error::ThingsError;
pub use interface::*;
