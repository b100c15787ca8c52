//! Who is calling, and what may they do: the decisions of the data plane's doors.

mod caller;
mod certificate_variables;
mod custom;
mod guard;

pub(crate) use custom::{CustomAuth, Granted, HttpShown, MqttShown, Showing, check_signature};
pub(crate) use guard::{Facts, Guard, Identity, Refused};
