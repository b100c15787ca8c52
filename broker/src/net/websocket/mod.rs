//! MQTT in WebSocket frames (RFC 6455, MQTT 5 section 6).

mod frame;
mod packets;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use stream::WebSocket;
