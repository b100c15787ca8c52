//! A set of changes that happen together or not at all.

use super::Document;
use crate::plane::Change;
use crate::state::State;

/// Changes to documents, and what watchers are told of them.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) rows: Vec<Row>,
    told: Vec<Change>,
    failed: Option<serde_json::Error>,
}

pub(super) struct Row {
    /// `table/key`.
    pub(super) key: String,
    /// The document, or `None` to remove it.
    pub(super) bytes: Option<Vec<u8>>,
    place: Box<dyn FnOnce(&mut State) + Send>,
}

impl Batch {
    /// Stores a document in place of any other of that key.
    pub(crate) fn put<D: Document>(&mut self, key: &str, document: D) {
        match serde_json::to_vec(&document) {
            Ok(bytes) => self.push(key, Some(bytes), Some(document)),
            Err(error) => self.failed = Some(error),
        }
    }

    /// Removes a document, if there is one.
    pub(crate) fn remove<D: Document>(&mut self, key: &str) {
        self.push::<D>(key, None, None);
    }

    fn push<D: Document>(&mut self, key: &str, bytes: Option<Vec<u8>>, document: Option<D>) {
        let place_key = key.to_owned();
        self.rows.push(Row {
            key: format!("{}/{key}", D::TABLE),
            bytes,
            place: Box::new(move |state| D::place(state, &place_key, document)),
        });
    }

    /// Tells watchers once the changes are stored.
    pub(crate) fn tell(&mut self, change: Change) {
        if !self.told.contains(&change) {
            self.told.push(change);
        }
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.failed.is_none()
    }

    /// Whether some document could not be written as JSON.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.as_ref().map(ToString::to_string)
    }

    /// Makes the changes in memory; gives what watchers are to be told.
    pub(crate) fn apply(self, state: &mut State) -> Vec<Change> {
        for row in self.rows {
            (row.place)(state);
        }
        self.told
    }
}
