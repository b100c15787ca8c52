//! AWS Signature Version 4: who says to be calling, and whether the signature proves it
//! (AWS General Reference, "Signing AWS API requests").

mod canonical;
mod chunks;
mod credential;
mod signers;
mod verify;

pub(crate) use credential::Credential;
pub(crate) use signers::{AccessKeys, Signers};
pub(crate) use verify::{SignatureError, SignedRequest};
