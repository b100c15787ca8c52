//! Protocol Buffers, as far as `decode(x, 'proto', ...)` needs them: messages to JSON by a
//! `FileDescriptorSet`.

mod descriptor;
mod message;
mod wire;

pub(super) use descriptor::Schema;
pub(super) use message::decode;

/// Messages inside each other.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests;
