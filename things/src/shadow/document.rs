//! One shadow as it is kept.

use super::ShadowError;
use super::merge::{Members, difference, merge, stamp};
use super::request::UpdateRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most bytes of both sections as JSON; metadata does not count.
const STATE_BYTES_MAX: usize = 8192;

/// A shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShadowDocument {
    pub(super) version: u64,
    #[serde(default)]
    pub(super) desired: Section,
    #[serde(default)]
    pub(super) reported: Section,
}

/// One side of a shadow; without members it is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) state: Members,
    /// When each member was set.
    pub(super) metadata: Members,
}

impl ShadowDocument {
    /// The shadow after an update.
    pub(super) fn updated(
        &self,
        request: &UpdateRequest,
        version: u64,
        seconds: u64,
    ) -> Result<Self, ShadowError> {
        let mut updated = Self {
            version,
            ..Self::default()
        };
        if !request.state.is_null() {
            updated.desired = self.desired.updated(request.section("desired"), seconds);
            updated.reported = self.reported.updated(request.section("reported"), seconds);
        }
        if updated.bytes() > STATE_BYTES_MAX {
            return Err(ShadowError::TooLarge);
        }
        Ok(updated)
    }

    /// The length of both sections as JSON.
    pub(super) fn bytes(&self) -> usize {
        self.desired.bytes() + self.reported.bytes()
    }

    /// What is desired and not reported.
    pub(super) fn delta(&self) -> Section {
        let (state, metadata) = difference(
            &self.desired.state,
            &self.desired.metadata,
            &self.reported.state,
        );
        Section { state, metadata }
    }
}

impl Section {
    fn updated(&self, sent: Option<&Value>, seconds: u64) -> Self {
        match sent {
            None => self.clone(),
            Some(Value::Object(patch)) => {
                let mut updated = self.clone();
                merge(
                    &mut updated.state,
                    &mut updated.metadata,
                    patch,
                    &stamp(seconds),
                );
                updated
            }
            // The request was checked: it is null.
            Some(_) => Self::default(),
        }
    }

    fn bytes(&self) -> usize {
        if self.state.is_empty() {
            return 0;
        }
        let mut counter = Counter(0);
        // Counting cannot fail, and a Map is always written.
        let _ = serde_json::to_writer(&mut counter, &self.state);
        counter.0
    }
}

/// Counts what is written to it.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
