//! Who is calling, and what may they do: the decisions of the data plane's doors.

mod guard;

pub(crate) use guard::{Guard, Identity, Refused, Verdict};
