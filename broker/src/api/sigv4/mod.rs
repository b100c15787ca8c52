//! AWS Signature Version 4: who says to be calling (AWS General Reference, "Signing AWS API
//! requests"). Signatures are not verified: any access key is welcome.

mod credential;

pub(crate) use credential::Credential;
