//! MQTT in WebSocket frames (RFC 6455, MQTT 5 section 6).

mod frame;
mod stream;

pub(crate) use stream::WebSocket;
