//! Typed documents under keys. Everything is answered from memory; a change is one atomic batch
//! that goes to disk first, if there is a disk, and then into memory.

mod batch;
mod disk;
mod document;
mod format;

pub(crate) use batch::Batch;
pub(crate) use disk::Disk;
pub(crate) use document::{Document, load};
pub(crate) use format::{check_format, failed};
