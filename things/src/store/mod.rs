//! Typed documents under keys. Everything is answered from memory; a change is one atomic batch
//! that goes to disk first, if there is a disk, and then into memory. Beside them rows of bytes,
//! which are somebody else's and are not kept in memory here.

mod batch;
mod disk;
mod document;
mod format;
mod rows;
mod tables;

pub(crate) use batch::Batch;
pub(crate) use disk::Disk;
pub(crate) use document::{Document, load};
pub(crate) use format::{check_format, failed};
pub use rows::{Row, Rows, Then, Together};
pub use tables::Table;
pub(crate) use tables::Tables;
