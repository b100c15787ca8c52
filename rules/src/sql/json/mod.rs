//! JSON as rules need it: indexed once, read where a rule looks, written back as it was.

mod index;
mod text;
mod write;

pub(super) use index::{Index, Json, Kind};
pub(super) use text::unescape;
pub(super) use write::Writer;
