//! A policy document, compiled when it is stored.

use crate::error::{Place, PolicyError, Problem};
use crate::json::Node;
use crate::statement::{Statement, statements};

/// Characters of a document, white space not counted, that AWS IoT stores at most
/// (AWS General Reference, AWS IoT Core quotas: policy document size).
pub const DOCUMENT_CHARS_MAX: usize = 2048;

/// An AWS IoT policy, or an IAM policy of a role: the grammar is the same. Who it is for is
/// decided by what it is attached to, so it has no `Principal`.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) statements: Box<[Statement]>,
}

impl Document {
    /// Reads a document in JSON.
    ///
    /// # Errors
    /// [`PolicyError`] says what is wrong and where. A document is refused rather than read
    /// loosely: a member that is misspelt and ignored could be the one that denied.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        let root = Node::parse(json)?;
        statements(&root, Statement::parse).map(|statements| Self { statements })
    }

    /// [`Document::parse`] with the limit of an AWS IoT policy.
    ///
    /// # Errors
    /// [`Problem::TooLong`] beyond [`DOCUMENT_CHARS_MAX`], or as [`Document::parse`].
    pub fn parse_within_limit(json: &str) -> Result<Self, PolicyError> {
        let (chars, max) = (document_chars(json), DOCUMENT_CHARS_MAX);
        if chars > max {
            return Err(Place::Root.wrong(Problem::TooLong { chars, max }));
        }
        Self::parse(json)
    }
}

/// The size that AWS limits: characters that are not white space.
pub fn document_chars(json: &str) -> usize {
    json.chars()
        .filter(|character| !character.is_whitespace())
        .count()
}
