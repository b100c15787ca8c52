//! What tests start from.

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::Path;
use things::{Settings, Things, ThingsError};

pub(crate) const NOW_MS: u64 = 1_790_000_000_000;
pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

pub(crate) fn settings(directory: Option<&Path>) -> Settings {
    Settings {
        region: "eu-west-1".to_owned(),
        account_id: ACCOUNT.to_owned(),
        directory: directory.map(Path::to_owned),
    }
}

pub(crate) fn in_memory() -> Things {
    Things::open(&settings(None)).expect("nothing is read or written")
}

pub(crate) fn in_directory(directory: &Path) -> Things {
    Things::open(&settings(Some(directory))).expect("the directory can be written")
}

pub(crate) fn arn(resource: &str) -> String {
    format!("arn:aws:iot:eu-west-1:{ACCOUNT}:{resource}")
}

/// The name of AWS's error code.
pub(crate) fn code(error: &ThingsError) -> &'static str {
    match error {
        ThingsError::InvalidRequest(_) => "InvalidRequestException",
        ThingsError::ResourceNotFound(_) => "ResourceNotFoundException",
        ThingsError::ResourceAlreadyExists { .. } => "ResourceAlreadyExistsException",
        ThingsError::VersionConflict(_) => "VersionConflictException",
        ThingsError::MalformedPolicy(_) => "MalformedPolicyException",
        ThingsError::VersionsLimitExceeded(_) => "VersionsLimitExceededException",
        ThingsError::Conflict(_) => "ConflictException",
        ThingsError::InvalidStateTransition(_) => "InvalidStateTransitionException",
        ThingsError::DeleteConflict(_) => "DeleteConflictException",
        ThingsError::CertificateState(_) => "CertificateStateException",
        ThingsError::CertificateValidation(_) => "CertificateValidationException",
        ThingsError::RegistrationCodeValidation(_) => "RegistrationCodeValidationException",
        ThingsError::InvalidQuery(_) => "InvalidQueryException",
        ThingsError::LimitExceeded(_) => "LimitExceededException",
        ThingsError::ResourceRegistrationFailure(_) => "ResourceRegistrationFailureException",
        ThingsError::Unauthorized(_) => "UnauthorizedException",
        ThingsError::AccessDenied(_) => "AccessDeniedException",
        ThingsError::Internal(_) => "InternalFailureException",
    }
}

/// A self-signed certificate, PEM.
pub(crate) fn self_signed(common_name: &str) -> String {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

/// A CA that users bring along.
pub(crate) struct UserCa {
    params: CertificateParams,
    key: KeyPair,
    pub(crate) pem: String,
}

impl UserCa {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    pub(crate) fn sign(&self, common_name: &str) -> String {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &issuer).unwrap().pem()
    }
}
