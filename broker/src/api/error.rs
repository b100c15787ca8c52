//! Errors as AWS sends them: a code in a header, a message in a JSON body, an HTTP status.

use super::model::Service;
use super::sigv4::SignatureError;
use crate::body::BodyRefused;
use http::StatusCode;
use things::ThingsError;

/// A refused or failed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    /// In AWS's words where they are known.
    pub(crate) message: String,
    /// The resource that is in the way; only AlreadyExists errors carry one.
    pub(crate) resource: Option<Resource>,
}

/// A resource in an error's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) id: Option<String>,
    pub(crate) arn: Option<String>,
}

/// AWS's error codes (service models; the common errors of the IoT API reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    AccessDenied,
    CertificateState,
    CertificateValidation,
    Conflict,
    DeleteConflict,
    ExpiredToken,
    Forbidden,
    GatewayTimeout,
    IncompleteSignature,
    InternalFailure,
    InvalidQuery,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    InvalidStateTransition,
    LimitExceeded,
    MalformedPolicy,
    MethodNotAllowed,
    NotConfigured,
    NotImplemented,
    RegistrationCodeValidation,
    RequestEntityTooLarge,
    ResourceAlreadyExists,
    ResourceNotFound,
    ResourceRegistrationFailure,
    Serialization,
    ServiceUnavailable,
    SqlParse,
    TerminalState,
    Throttling,
    Unauthorized,
    UnknownOperation,
    UnrecognizedClient,
    UnsupportedDocumentEncoding,
    VersionConflict,
    VersionsLimitExceeded,
}

impl Code {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Code::AccessDenied => "AccessDeniedException",
            Code::CertificateState => "CertificateStateException",
            Code::CertificateValidation => "CertificateValidationException",
            Code::Conflict => "ConflictException",
            Code::DeleteConflict => "DeleteConflictException",
            Code::ExpiredToken => "ExpiredTokenException",
            Code::Forbidden => "ForbiddenException",
            Code::GatewayTimeout => "GatewayTimeoutException",
            Code::IncompleteSignature => "IncompleteSignatureException",
            Code::InternalFailure => "InternalFailureException",
            Code::InvalidQuery => "InvalidQueryException",
            Code::InvalidRequest => "InvalidRequestException",
            Code::InvalidResponse => "InvalidResponseException",
            Code::InvalidSignature => "InvalidSignatureException",
            Code::InvalidStateTransition => "InvalidStateTransitionException",
            Code::LimitExceeded => "LimitExceededException",
            Code::MalformedPolicy => "MalformedPolicyException",
            Code::MethodNotAllowed => "MethodNotAllowedException",
            Code::NotConfigured => "NotConfiguredException",
            Code::NotImplemented => "NotImplementedException",
            Code::RegistrationCodeValidation => "RegistrationCodeValidationException",
            Code::RequestEntityTooLarge => "RequestEntityTooLargeException",
            Code::ResourceAlreadyExists => "ResourceAlreadyExistsException",
            Code::ResourceNotFound => "ResourceNotFoundException",
            Code::ResourceRegistrationFailure => "ResourceRegistrationFailureException",
            Code::Serialization => "SerializationException",
            Code::ServiceUnavailable => "ServiceUnavailableException",
            Code::SqlParse => "SqlParseException",
            Code::TerminalState => "TerminalStateException",
            Code::Throttling => "ThrottlingException",
            Code::Unauthorized => "UnauthorizedException",
            Code::UnknownOperation => "UnknownOperationException",
            Code::UnrecognizedClient => "UnrecognizedClientException",
            Code::UnsupportedDocumentEncoding => "UnsupportedDocumentEncodingException",
            Code::VersionConflict => "VersionConflictException",
            Code::VersionsLimitExceeded => "VersionsLimitExceededException",
        }
    }

    /// The HTTP status in a service's answers.
    pub(crate) fn status(self, service: Service) -> StatusCode {
        match self {
            Code::CertificateValidation
            | Code::IncompleteSignature
            | Code::InvalidQuery
            | Code::InvalidRequest
            | Code::InvalidResponse
            | Code::MalformedPolicy
            | Code::RegistrationCodeValidation
            | Code::ResourceRegistrationFailure
            | Code::Serialization
            | Code::SqlParse => StatusCode::BAD_REQUEST,
            // The control plane's model has 400, those of the data planes 429.
            Code::Throttling if !service.is_data_plane() => StatusCode::BAD_REQUEST,
            Code::Throttling => StatusCode::TOO_MANY_REQUESTS,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::AccessDenied
            | Code::ExpiredToken
            | Code::Forbidden
            | Code::InvalidSignature
            | Code::UnrecognizedClient => StatusCode::FORBIDDEN,
            Code::NotConfigured | Code::ResourceNotFound | Code::UnknownOperation => {
                StatusCode::NOT_FOUND
            }
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::CertificateState => StatusCode::NOT_ACCEPTABLE,
            Code::Conflict
            | Code::DeleteConflict
            | Code::InvalidStateTransition
            | Code::ResourceAlreadyExists
            | Code::VersionConflict
            | Code::VersionsLimitExceeded => StatusCode::CONFLICT,
            Code::LimitExceeded | Code::TerminalState => StatusCode::GONE,
            Code::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UnsupportedDocumentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Code::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Code::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            // Not retried by the SDKs, unlike 500, 502, 503 and 504.
            Code::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

impl ApiError {
    /// An error without a resource.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        ApiError {
            code,
            message: message.into(),
            resource: None,
        }
    }

    /// `InvalidRequestException`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `ResourceNotFoundException`.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::ResourceNotFound, message)
    }
}

impl From<&SignatureError> for ApiError {
    fn from(error: &SignatureError) -> Self {
        let code = match error {
            SignatureError::Unsigned => Code::Forbidden,
            SignatureError::UnknownKey => Code::UnrecognizedClient,
            SignatureError::TokenExpired => Code::ExpiredToken,
            SignatureError::Incomplete(_) => Code::IncompleteSignature,
            SignatureError::Expired { .. }
            | SignatureError::NotYet { .. }
            | SignatureError::Region(_)
            | SignatureError::Mismatch
            | SignatureError::Chunks(_) => Code::InvalidSignature,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<BodyRefused> for ApiError {
    fn from(refused: BodyRefused) -> Self {
        let code = match &refused {
            BodyRefused::TooLarge(_) => Code::RequestEntityTooLarge,
            BodyRefused::TooSlow | BodyRefused::BrokeOff(_) => Code::InvalidRequest,
            BodyRefused::NoMemory => Code::ServiceUnavailable,
        };
        ApiError::new(code, refused.to_string())
    }
}

impl From<ThingsError> for ApiError {
    fn from(error: ThingsError) -> Self {
        let code = match &error {
            ThingsError::InvalidRequest(_) => Code::InvalidRequest,
            ThingsError::ResourceNotFound(_) => Code::ResourceNotFound,
            ThingsError::ResourceAlreadyExists { .. } => Code::ResourceAlreadyExists,
            ThingsError::VersionConflict(_) => Code::VersionConflict,
            ThingsError::MalformedPolicy(_) => Code::MalformedPolicy,
            ThingsError::VersionsLimitExceeded(_) => Code::VersionsLimitExceeded,
            ThingsError::DeleteConflict(_) => Code::DeleteConflict,
            ThingsError::Conflict(_) => Code::Conflict,
            ThingsError::InvalidStateTransition(_) => Code::InvalidStateTransition,
            ThingsError::CertificateState(_) => Code::CertificateState,
            ThingsError::CertificateValidation(_) => Code::CertificateValidation,
            ThingsError::RegistrationCodeValidation(_) => Code::RegistrationCodeValidation,
            ThingsError::InvalidQuery(_) => Code::InvalidQuery,
            ThingsError::LimitExceeded(_) => Code::LimitExceeded,
            ThingsError::ResourceRegistrationFailure(_) => Code::ResourceRegistrationFailure,
            ThingsError::Unauthorized(_) => Code::Unauthorized,
            ThingsError::AccessDenied(_) => Code::AccessDenied,
            ThingsError::Internal(_) => Code::InternalFailure,
        };
        let message = error.to_string();
        let resource = if let ThingsError::ResourceAlreadyExists { id, arn, .. } = error {
            Some(Resource { id, arn })
        } else {
            None
        };
        ApiError {
            code,
            message,
            resource,
        }
    }
}
