//! MQTT as a client speaks it. What every message passes through (PUBLISH and PUBACK) is read and
//! written in place here; everything else goes through mqttbytes, which shares no code with any
//! broker measured and so is a second opinion on what a broker sends.

mod error;
mod packet;
mod session;
mod stamp;
mod template;

pub(crate) use error::{Malformed, WireError};
pub(crate) use packet::{Packet, next_packet, put_puback};
pub(crate) use session::{
    Answer, Login, decode_answer, put_connect, put_disconnect, put_pingreq, put_subscribe,
    put_unsubscribe,
};
pub(crate) use stamp::{Form, Stamp};
pub(crate) use template::Template;

/// The protocol version that clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    /// MQTT 3.1.1
    #[value(name = "3.1.1", alias = "4", alias = "3")]
    V311,
    /// MQTT 5
    #[value(name = "5")]
    V5,
}

/// The quality of service that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum QoS {
    /// At most once
    #[value(name = "0")]
    AtMostOnce,
    /// At least once
    #[value(name = "1")]
    AtLeastOnce,
}
