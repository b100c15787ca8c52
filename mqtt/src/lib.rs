//! The MQTT protocol without I/O: what a packet is, which filters match a topic, and what one
//! client's session does when a packet or time arrives. Nothing here sees a clock, a socket, a
//! file, a thread or a random source; time is an argument `now`, chance an `&mut impl Rng`.

pub mod codec;
pub mod message;
pub mod profile;
pub mod reserved;
pub mod retained;
pub mod session;
pub mod share;
pub mod topic;
pub mod trie;

pub use message::{Message, QoS, expiry_left_s};
pub use profile::Profile;
