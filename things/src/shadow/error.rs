//! Why a request to a shadow is rejected.

/// A rejection, in AWS's words ("Device Shadow error messages" in the AWS IoT developer guide).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShadowError {
    /// The payload is no JSON object.
    #[error("Payload contains invalid json")]
    InvalidJson,
    /// An array with a null in it.
    #[error("Payload contains invalid json: arrays cannot contain null")]
    NullInArray,
    /// An update without `state`.
    #[error("Missing required node: state")]
    StateMissing,
    /// `state` is neither an object nor null.
    #[error("State node must be an object")]
    StateNotObject,
    /// `state.desired` is neither an object nor null.
    #[error("Desired node must be an object")]
    DesiredNotObject,
    /// `state.reported` is neither an object nor null.
    #[error("Reported node must be an object")]
    ReportedNotObject,
    /// Something else in `state`.
    #[error("State contains an invalid node: '{0}'")]
    InvalidNode(String),
    /// `version` is no whole number from 0.
    #[error("Invalid version")]
    InvalidVersion,
    /// `clientToken` is no text of at most 64 bytes.
    #[error("Invalid clientToken")]
    InvalidClientToken,
    /// Objects in objects in objects.
    #[error("JSON contains too many levels of nesting; maximum is 6")]
    TooDeep,
    /// No thing can have this name.
    #[error("Invalid thing name")]
    InvalidThingName,
    /// No shadow can have this name.
    #[error("Invalid shadow name")]
    InvalidShadowName,
    /// There is no such shadow; the name is the shadow's own or the thing's.
    #[error("No shadow exists with name: '{0}'")]
    NotFound(String),
    /// `version` is not the shadow's.
    #[error("Version conflict")]
    VersionConflict,
    /// The shadow would be larger than AWS allows.
    #[error("The payload exceeds the maximum size allowed")]
    TooLarge,
    /// The payload is not UTF-8.
    #[error("Unsupported documented encoding; supported encoding is UTF-8")]
    Encoding,
    /// More requests of one connection wait for their answers than may.
    #[error("Too many requests")]
    TooManyRequests,
}

impl ShadowError {
    /// The number in the message to the device, and the status over HTTP.
    pub fn code(&self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::NullInArray
            | Self::StateMissing
            | Self::StateNotObject
            | Self::DesiredNotObject
            | Self::ReportedNotObject
            | Self::InvalidNode(_)
            | Self::InvalidVersion
            | Self::InvalidClientToken
            | Self::TooDeep
            | Self::InvalidThingName
            | Self::InvalidShadowName => 400,
            Self::NotFound(_) => 404,
            Self::VersionConflict => 409,
            Self::TooLarge => 413,
            Self::Encoding => 415,
            Self::TooManyRequests => 429,
        }
    }
}

/// A rejected request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRejected {
    /// Why.
    pub error: ShadowError,
    /// The request's, if it could be read.
    pub client_token: Option<String>,
}

impl From<ShadowError> for ShadowRejected {
    fn from(error: ShadowError) -> Self {
        Self {
            error,
            client_token: None,
        }
    }
}
