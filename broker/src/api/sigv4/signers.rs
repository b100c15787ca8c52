//! Whose signatures are good: anybody's, or those made with a key that is known here.

use super::credential::Credential;
use super::verify::{SignatureError, SignedRequest, verify};
use crate::api::bind::pairs;
use rules::target::Credentials;
use std::collections::HashMap;
use things::Things;
use time::OffsetDateTime;

/// `--auth`.
#[derive(Debug)]
pub(crate) enum Signers {
    /// Any signature is welcome.
    Anybody,
    /// Only signatures that hold.
    Known(AccessKeys),
}

/// The account's own access keys by their ids. Those of AssumeRole are asked of the control plane.
#[derive(Debug)]
pub(crate) struct AccessKeys {
    keys: HashMap<String, Credentials>,
    region: String,
}

impl AccessKeys {
    /// The keys of every profile in the text of a credentials file, for signatures of a region;
    /// `None` if there is not one.
    pub(crate) fn read(text: &str, region: &str) -> Option<Self> {
        let all = Credentials::of_all_profiles(text).into_iter();
        let keys: HashMap<_, _> = all
            .map(|credentials| (credentials.access_key_id.clone(), credentials))
            .collect();
        let region = region.to_owned();
        (!keys.is_empty()).then_some(Self { keys, region })
    }

    /// Checks the signature of a request. Signers' clocks are the system's; `now_ms` is that of
    /// the server, by which sessions end.
    ///
    /// # Errors
    /// A key that nobody has, a session that is over or has another token, a signature that is for
    /// another region or does not hold.
    pub(crate) fn verify(
        &self,
        things: &Things,
        request: &SignedRequest<'_>,
        now_ms: u64,
    ) -> Result<(), SignatureError> {
        let credential =
            Credential::of(request.headers, request.query).ok_or(SignatureError::Unsigned)?;
        let (secret, token) = self.secret(things, &credential.access_key, now_ms)?;
        if token.is_some_and(|token| session_token(request).as_deref() != Some(&*token)) {
            return Err(SignatureError::UnknownKey);
        }
        verify(request, &secret, OffsetDateTime::now_utc())?;
        self.check_region(credential)
    }

    /// AWS's endpoints take signatures for their own region alone. Those of IAM and STS are global,
    /// and clients of S3 look for a bucket's region by themselves.
    fn check_region(&self, credential: Credential) -> Result<(), SignatureError> {
        let anywhere = matches!(&*credential.service, "iam" | "sts" | "s3");
        if anywhere || credential.region == self.region {
            return Ok(());
        }
        Err(SignatureError::Region(credential.region))
    }

    /// The secret of an access key, and the session token that must come with it.
    fn secret(
        &self,
        things: &Things,
        access_key: &str,
        now_ms: u64,
    ) -> Result<(String, Option<String>), SignatureError> {
        if let Some(known) = self.keys.get(access_key) {
            let known = known.clone();
            return Ok((known.secret_access_key, known.session_token));
        }
        match things.role_session(access_key, now_ms) {
            Some(session) => Ok((session.secret_access_key, Some(session.session_token))),
            // Temporary keys that nobody here gave out, or that are over.
            None if access_key.starts_with("ASIA") => Err(SignatureError::TokenExpired),
            None => Err(SignatureError::UnknownKey),
        }
    }
}

/// The session token of a request, in its headers or in its query.
fn session_token(request: &SignedRequest<'_>) -> Option<String> {
    if let Some(header) = request.headers.get("x-amz-security-token") {
        return header.to_str().ok().map(str::to_owned);
    }
    let query = pairs(request.query).into_iter();
    let mut tokens = query.filter(|(name, _)| name == "X-Amz-Security-Token");
    tokens.next().map(|(_, token)| token)
}
