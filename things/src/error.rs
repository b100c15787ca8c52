//! Why the control plane refuses, one variant per AWS error code.

/// A refusal; texts are AWS's where they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The names are AWS's, without `Exception`.
pub enum ThingsError {
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    ResourceNotFound(String),
    #[error("{message}")]
    ResourceAlreadyExists {
        message: String,
        id: Option<String>,
        arn: Option<String>,
    },
    #[error("{0}")]
    VersionConflict(String),
    #[error("{0}")]
    MalformedPolicy(String),
    #[error("{0}")]
    VersionsLimitExceeded(String),
    #[error("{0}")]
    DeleteConflict(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    InvalidStateTransition(String),
    #[error("{0}")]
    CertificateState(String),
    #[error("{0}")]
    CertificateValidation(String),
    #[error("{0}")]
    RegistrationCodeValidation(String),
    #[error("{0}")]
    InvalidQuery(String),
    #[error("{0}")]
    LimitExceeded(String),
    #[error("{0}")]
    ResourceRegistrationFailure(String),
    #[error("{0}")]
    Unauthorized(String),
    #[error("{0}")]
    AccessDenied(String),
    /// The store failed (disk full, damaged file).
    #[error("{0}")]
    Internal(String),
}
