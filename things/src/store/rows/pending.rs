//! Changes of rows that have been accepted and not written yet.

use super::Then;
use crate::store::tables::Table;
use std::collections::HashMap;

/// What a row costs besides its value, about.
const ROW_BYTES: usize = 64;

/// A change to one row.
pub struct Row {
    table: Table,
    key: Box<[u8]>,
    /// `None` removes the row.
    value: Option<Value>,
}

pub(super) struct Value {
    /// About how long it is.
    bytes: usize,
    pub(super) make: Box<dyn FnOnce() -> Vec<u8> + Send>,
}

impl Row {
    /// Puts a value of about so many bytes in place of the key's last one. `make` is called on the
    /// writer's thread, and not at all if the row is changed again before it is written.
    pub fn put(
        table: Table,
        key: impl Into<Box<[u8]>>,
        bytes: usize,
        make: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Self {
        Self {
            table,
            key: key.into(),
            value: Some(Value {
                bytes,
                make: Box::new(make),
            }),
        }
    }

    /// Removes the key, if it is there.
    pub fn remove(table: Table, key: impl Into<Box<[u8]>>) -> Self {
        Self {
            table,
            key: key.into(),
            value: None,
        }
    }
}

/// About what a change costs.
fn bytes(value: Option<&Value>) -> usize {
    ROW_BYTES + value.map_or(0, |value| value.bytes)
}

pub(super) type Changes = HashMap<(Table, Box<[u8]>), Option<Value>, foldhash::fast::RandomState>;

/// What has been accepted and not written yet.
#[derive(Default)]
pub(super) struct Pending {
    /// Whether all that was written before goes first.
    pub(super) clear: bool,
    pub(super) rows: Changes,
    pub(super) bytes: usize,
    pub(super) thens: Vec<Then>,
    pub(super) stopped: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.thens.is_empty() && !self.clear
    }

    pub(super) fn change(&mut self, row: Row) {
        let Row { table, key, value } = row;
        let at = (table, key);
        if value.is_none()
            && table.keys_are_new()
            && let Some(unwritten) = self.rows.remove(&at)
        {
            self.bytes -= bytes(unwritten.as_ref());
            return;
        }
        self.bytes += bytes(value.as_ref());
        if let Some(before) = self.rows.insert(at, value) {
            self.bytes -= bytes(before.as_ref());
        }
    }
}
