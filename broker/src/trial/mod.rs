//! Rules tried on messages that nobody published: behind `thingcore rules test` and behind
//! `/_thingcore/sql/test`.

mod answer;
mod message;
mod run;

pub(crate) use message::Line;
pub(crate) use run::{answer, reasons, version};
