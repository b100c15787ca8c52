//! Who is calling, and what may they do: the decisions of the data plane's doors.

mod caller;
mod certificate_variables;
mod guard;

pub(crate) use guard::{Facts, Guard, Identity, Refused};
