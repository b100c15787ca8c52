//! MQTT 3.1.1 and 5.0 packets to and from bytes, strict as the standard.
//!
//! Decoding borrows: a packet's texts and payload are slices of the buffer that it was read into,
//! and a PUBLISH is decoded without an allocation. What a profile allows on top of the standard
//! is not decided here.

mod ack;
mod connect;
mod disconnect;
mod error;
mod form;
mod frame;
mod message_properties;
mod packet;
mod primitives;
mod properties;
mod publish;
mod reason;
mod run;
mod subscribe;

pub use ack::{
    Ack, SubAck, leading_pubacks, put_puback, put_pubcomp, put_pubrec, put_pubrel,
    put_pubrel_unknown, put_suback, put_unsuback,
};
pub use connect::{
    ConnAck, ConnAckProperties, Connect, ConnectProperties, Will, decode_connect, put_connack,
    put_connect,
};
pub use disconnect::{Auth, Disconnect, put_auth, put_disconnect, put_pingreq, put_pingresp};
pub use error::DecodeError;
pub use form::PublishForm;
pub use frame::{Frame, PacketKind, Version, frame};
pub use message_properties::MessageProperties;
pub use packet::{Packet, decode};
pub use properties::{Properties, UserProperties};
pub use publish::{
    Publish, PublishBody, PublishHead, PublishProperties, decode_publish, publish_bytes,
    put_publish,
};
pub use reason::ReasonCode;
pub use run::PublishRun;
pub use subscribe::{
    RetainHandling, Subscribe, SubscribeFilter, Unsubscribe, put_subscribe, put_unsubscribe,
};
