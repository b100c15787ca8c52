//! Why a device is not provisioned, as AWS IoT tells it on `rejected` topics.

use crate::ThingsError;

/// A refusal: one variant per errorCode, each with its errorMessage. The codes are those that AWS's
/// answers were seen with; AWS documents none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvisioningError {
    /// The request is no document of its format, or lacks what it must have.
    #[error("{0}")]
    InvalidPayload(String),
    /// The token is missing, not known, used, or over.
    #[error("{0}")]
    InvalidCertificateOwnershipToken(String),
    /// There is no such template, or it cannot be used.
    #[error("{0}")]
    InvalidTemplate(String),
    /// What the template needs of parameters is not there, or makes no sense.
    #[error("{0}")]
    InvalidParameters(String),
    /// The pre-provisioning hook or the provisioning role says no.
    #[error("{0}")]
    AccessDenied(String),
    /// The pre-provisioning hook cannot be asked.
    #[error("{0}")]
    InvocationError(String),
    /// The pre-provisioning hook answers with something else.
    #[error("{0}")]
    InvalidResult(String),
    /// A resource cannot be made or changed.
    #[error("{0}")]
    ProvisioningFailed(String),
    /// More requests than can be worked on.
    #[error("{0}")]
    RequestThrottled(String),
    /// The server failed.
    #[error("{0}")]
    InternalError(String),
}

impl ProvisioningError {
    /// `errorCode`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidPayload(_) => "InvalidPayload",
            Self::InvalidCertificateOwnershipToken(_) => "InvalidCertificateOwnershipToken",
            Self::InvalidTemplate(_) => "InvalidTemplate",
            Self::InvalidParameters(_) => "InvalidParameters",
            Self::AccessDenied(_) => "AccessDenied",
            Self::InvocationError(_) => "InvocationError",
            Self::InvalidResult(_) => "InvalidResult",
            Self::ProvisioningFailed(_) => "ProvisioningFailed",
            Self::RequestThrottled(_) => "RequestThrottled",
            Self::InternalError(_) => "InternalError",
        }
    }

    /// `statusCode`.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidPayload(_)
            | Self::InvalidCertificateOwnershipToken(_)
            | Self::InvalidTemplate(_)
            | Self::InvalidParameters(_)
            | Self::InvocationError(_)
            | Self::InvalidResult(_)
            | Self::ProvisioningFailed(_) => 400,
            Self::AccessDenied(_) => 403,
            Self::RequestThrottled(_) => 429,
            Self::InternalError(_) => 500,
        }
    }
}

impl From<ThingsError> for ProvisioningError {
    fn from(error: ThingsError) -> Self {
        match error {
            ThingsError::Internal(why) => Self::InternalError(why),
            other => Self::ProvisioningFailed(other.to_string()),
        }
    }
}

impl From<ProvisioningError> for ThingsError {
    /// As RegisterThing of the control plane has it.
    fn from(error: ProvisioningError) -> Self {
        match error {
            ProvisioningError::InternalError(why) => Self::Internal(why),
            ProvisioningError::ProvisioningFailed(why) => Self::ResourceRegistrationFailure(why),
            ProvisioningError::RequestThrottled(why) => Self::LimitExceeded(why),
            ProvisioningError::AccessDenied(why) => Self::Unauthorized(why),
            ProvisioningError::InvalidPayload(why)
            | ProvisioningError::InvalidCertificateOwnershipToken(why)
            | ProvisioningError::InvalidTemplate(why)
            | ProvisioningError::InvalidParameters(why)
            | ProvisioningError::InvocationError(why)
            | ProvisioningError::InvalidResult(why) => Self::InvalidRequest(why),
        }
    }
}
