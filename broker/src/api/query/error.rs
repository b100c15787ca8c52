//! Errors of the Query protocol.

use super::QueryApi;
use crate::api::sigv4::SignatureError;
use http::StatusCode;
use things::ThingsError;

/// A refused or failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.code())]
pub(in crate::api) struct QueryError {
    pub(super) kind: Kind,
    pub(super) message: String,
}

/// The error codes of STS and IAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    ExpiredToken,
    IncompleteSignature,
    InvalidAction,
    InvalidClientTokenId,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    ServiceFailure,
    ServiceUnavailable,
    SignatureDoesNotMatch,
    ValidationError,
}

impl Kind {
    /// The code on the wire.
    pub(super) fn code(self) -> &'static str {
        match self {
            Kind::AccessDenied => "AccessDenied",
            Kind::DeleteConflict => "DeleteConflict",
            Kind::EntityAlreadyExists => "EntityAlreadyExists",
            Kind::ExpiredToken => "ExpiredToken",
            Kind::IncompleteSignature => "IncompleteSignature",
            Kind::InvalidAction => "InvalidAction",
            Kind::InvalidClientTokenId => "InvalidClientTokenId",
            Kind::LimitExceeded => "LimitExceeded",
            Kind::MalformedPolicyDocument => "MalformedPolicyDocument",
            Kind::NoSuchEntity => "NoSuchEntity",
            Kind::ServiceFailure => "ServiceFailure",
            Kind::ServiceUnavailable => "ServiceUnavailable",
            Kind::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Kind::ValidationError => "ValidationError",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Kind::AccessDenied
            | Kind::ExpiredToken
            | Kind::InvalidClientTokenId
            | Kind::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
            Kind::IncompleteSignature
            | Kind::InvalidAction
            | Kind::MalformedPolicyDocument
            | Kind::ValidationError => StatusCode::BAD_REQUEST,
            Kind::NoSuchEntity => StatusCode::NOT_FOUND,
            Kind::DeleteConflict | Kind::EntityAlreadyExists | Kind::LimitExceeded => {
                StatusCode::CONFLICT
            }
            Kind::ServiceFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl QueryError {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        QueryError {
            kind,
            message: message.into(),
        }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::ValidationError, message)
    }

    pub(in crate::api) fn denied(message: impl Into<String>) -> Self {
        Self::new(Kind::AccessDenied, message)
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(Kind::ExpiredToken, message)
    }

    pub(super) fn failure(message: impl Into<String>) -> Self {
        Self::new(Kind::ServiceFailure, message)
    }

    pub(in crate::api) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::ServiceUnavailable, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NoSuchEntity, message)
    }

    /// An action that is not built.
    pub(super) fn unknown_action(api: QueryApi, action: &str) -> Self {
        let message = if action.is_empty() {
            "the request names no Action".to_owned()
        } else {
            format!("thingcore does not implement {}:{action}", api.name())
        };
        Self::new(Kind::InvalidAction, message)
    }
}

impl From<&SignatureError> for QueryError {
    fn from(error: &SignatureError) -> Self {
        let kind = match error {
            SignatureError::Unsigned | SignatureError::Incomplete(_) => Kind::IncompleteSignature,
            SignatureError::UnknownKey => Kind::InvalidClientTokenId,
            SignatureError::TokenExpired => Kind::ExpiredToken,
            SignatureError::Expired { .. }
            | SignatureError::NotYet { .. }
            | SignatureError::Region(_)
            | SignatureError::Mismatch
            | SignatureError::Chunks(_) => Kind::SignatureDoesNotMatch,
        };
        QueryError::new(kind, error.to_string())
    }
}

impl From<ThingsError> for QueryError {
    /// The control plane has IAM's refusals under the names of AWS IoT.
    fn from(error: ThingsError) -> Self {
        let kind = match &error {
            ThingsError::InvalidRequest(_)
            | ThingsError::InvalidQuery(_)
            | ThingsError::CertificateState(_)
            | ThingsError::CertificateValidation(_)
            | ThingsError::RegistrationCodeValidation(_)
            | ThingsError::InvalidStateTransition(_)
            | ThingsError::Conflict(_)
            | ThingsError::ResourceRegistrationFailure(_)
            | ThingsError::VersionConflict(_) => Kind::ValidationError,
            ThingsError::ResourceNotFound(_) => Kind::NoSuchEntity,
            ThingsError::ResourceAlreadyExists { .. } => Kind::EntityAlreadyExists,
            ThingsError::MalformedPolicy(_) => Kind::MalformedPolicyDocument,
            ThingsError::VersionsLimitExceeded(_) | ThingsError::LimitExceeded(_) => {
                Kind::LimitExceeded
            }
            ThingsError::DeleteConflict(_) => Kind::DeleteConflict,
            ThingsError::Unauthorized(_) | ThingsError::AccessDenied(_) => Kind::AccessDenied,
            ThingsError::Internal(_) => Kind::ServiceFailure,
        };
        QueryError::new(kind, error.to_string())
    }
}
