//! Why a seed cannot be applied.

use crate::api::ApiError;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub(crate) struct SeedError {
    /// The part of the seed.
    pub(crate) at: String,
    /// In words, or as the API has it.
    pub(crate) reason: String,
}

impl SeedError {
    pub(super) fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            reason: reason.into(),
        }
    }

    /// A refusal of the API.
    pub(super) fn refused(at: &str, error: &ApiError) -> Self {
        Self::new(at, error.to_string())
    }
}
