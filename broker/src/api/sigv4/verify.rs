//! Verification of a signature with the caller's secret key.

use super::canonical;
use super::chunks::{self, Chain, SignedChunks};
use super::credential::{Authorization, Credential};
use crate::api::bind::pairs;
use crate::embedded::aws_chunked::ChunkError;
use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use sha2::{Digest, Sha256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

/// How far the signer's clock may be off.
const SKEW: Duration = Duration::minutes(15);

const BASIC: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// What of a request is signed.
pub(crate) struct SignedRequest<'a> {
    pub(crate) method: &'a Method,
    /// As sent, undecoded.
    pub(crate) path: &'a str,
    /// As sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Why a signature does not hold; the texts are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("Missing Authentication Token")]
    Unsigned,
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Temporary credentials that are over.
    #[error("The security token included in the request is expired")]
    TokenExpired,
    #[error("Authorization header or query requires {0}")]
    Incomplete(&'static str),
    #[error("Signature expired: {signed_at} is not within the time that it is valid for")]
    Expired { signed_at: String },
    #[error("Signature not yet current: {signed_at} is still later than the server's time")]
    NotYet { signed_at: String },
    #[error("Credential should be scoped to a valid Region, not '{0}'.")]
    Region(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details."
    )]
    Mismatch,
    /// Signed chunks that are cut or have another form.
    #[error("{0}")]
    Chunks(ChunkError),
}

/// Checks the signature of a request, which stands in its header or in its query.
///
/// Over WebSocket, AWS's device SDKs sign the query first and then append
/// `X-Amz-Security-Token` (service names `iotdevicegateway` and `iotdata`), so that a query
/// signature holds with the token or without.
///
/// # Errors
/// See [`SignatureError`].
pub(crate) fn verify(
    request: &SignedRequest<'_>,
    secret_key: &str,
    now: OffsetDateTime,
) -> Result<(), SignatureError> {
    let header = request
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match header.and_then(Authorization::parse) {
        Some(authorization) => verify_header(request, &authorization, secret_key, now),
        None => verify_query(request, secret_key, now),
    }
}

fn verify_header(
    request: &SignedRequest<'_>,
    authorization: &Authorization<'_>,
    secret_key: &str,
    now: OffsetDateTime,
) -> Result<(), SignatureError> {
    let credential = Credential::parse(authorization.credential)
        .ok_or(SignatureError::Incomplete("a 'Credential' with a scope"))?;
    let header = |name: &str| {
        request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let signed_at =
        header("x-amz-date").ok_or(SignatureError::Incomplete("the header 'X-Amz-Date'"))?;
    check_time(signed_at, SKEW, now)?;
    let actual = hex(&Sha256::digest(request.body));
    let hash = match header("x-amz-content-sha256") {
        // Of chunks, or of nothing.
        Some(special) if !is_sha256(special) => special.to_owned(),
        Some(given) if given != actual => return Err(SignatureError::Mismatch),
        Some(_) | None => actual,
    };
    let signing = Signing {
        request,
        credential,
        signed_at,
        secret_key,
    };
    let seed = authorization.signature;
    signing.check(authorization.signed_headers, &[], &hash, seed)?;
    match SignedChunks::declared(&hash) {
        Some(form) => {
            let scope = signing.scope();
            let key = signing.key();
            chunks::verify(
                request.body,
                form,
                &Chain::new(&key, signed_at, &scope, seed),
            )
        }
        None => Ok(()),
    }
}

fn verify_query(
    request: &SignedRequest<'_>,
    secret_key: &str,
    now: OffsetDateTime,
) -> Result<(), SignatureError> {
    let query = pairs(request.query);
    let value = |name: &'static str| {
        let found = query.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .ok_or(SignatureError::Incomplete(name))
    };
    let credential = value("X-Amz-Credential").map_err(|_| SignatureError::Unsigned)?;
    let credential = Credential::parse(credential)
        .ok_or(SignatureError::Incomplete("a 'Credential' with a scope"))?;
    let signed_at = value("X-Amz-Date")?;
    let valid = value("X-Amz-Expires")
        .ok()
        .and_then(|text| text.parse().ok());
    check_time(signed_at, valid.map_or(SKEW, Duration::seconds), now)?;
    let (signed_headers, signature) = (value("X-Amz-SignedHeaders")?, value("X-Amz-Signature")?);
    let hash = match credential.service.as_str() {
        "s3" => "UNSIGNED-PAYLOAD".to_owned(),
        _ => hex(&Sha256::digest(request.body)),
    };
    let signing = Signing {
        request,
        credential,
        signed_at,
        secret_key,
    };
    let whole = signing.check(signed_headers, &["X-Amz-Signature"], &hash, signature);
    whole.or_else(|_| {
        let left_out = ["X-Amz-Signature", "X-Amz-Security-Token"];
        signing.check(signed_headers, &left_out, &hash, signature)
    })
}

fn check_time(signed_at: &str, valid: Duration, now: OffsetDateTime) -> Result<(), SignatureError> {
    let time = PrimitiveDateTime::parse(signed_at, BASIC)
        .map_err(|_| SignatureError::Incomplete("'X-Amz-Date' as YYYYMMDDTHHMMSSZ"))?
        .assume_utc();
    let signed_at = signed_at.to_owned();
    if now - time > valid {
        return Err(SignatureError::Expired { signed_at });
    }
    if time - now > SKEW {
        return Err(SignatureError::NotYet { signed_at });
    }
    Ok(())
}

/// What is the same for every form that a signature is tried in.
struct Signing<'a> {
    request: &'a SignedRequest<'a>,
    credential: Credential,
    signed_at: &'a str,
    secret_key: &'a str,
}

impl Signing<'_> {
    fn check(
        &self,
        signed_headers: &str,
        left_out: &[&str],
        payload_hash: &str,
        signature: &str,
    ) -> Result<(), SignatureError> {
        let request = self.request;
        let headers = canonical::headers(request.headers, signed_headers).ok_or(
            SignatureError::Incomplete("every header that 'SignedHeaders' names"),
        )?;
        let canonical = format!(
            "{}\n{}\n{}\n{headers}\n{signed_headers}\n{payload_hash}",
            request.method,
            canonical::path(request.path, &self.credential.service),
            canonical::query(request.query, left_out),
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.signed_at,
            self.scope(),
            hex(&Sha256::digest(canonical)),
        );
        let given = unhex(signature).ok_or(SignatureError::Mismatch)?;
        // In constant time.
        mac(&self.key(), &text)
            .verify_slice(&given)
            .map_err(|_| SignatureError::Mismatch)
    }

    /// The scope of the credential.
    fn scope(&self) -> String {
        let Credential {
            date,
            region,
            service,
            ..
        } = &self.credential;
        format!("{date}/{region}/{service}/aws4_request")
    }

    fn key(&self) -> Vec<u8> {
        let Credential {
            date,
            region,
            service,
            ..
        } = &self.credential;
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [date, region, service, "aws4_request"] {
            key = mac(&key, part).finalize().into_bytes().to_vec();
        }
        key
    }
}

pub(super) fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use serde::Deserialize;

    /// A request that botocore signed.
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        method: String,
        path: String,
        query: String,
        headers: Vec<(String, String)>,
        body: String,
        secret_key: String,
        /// Seconds since the epoch.
        now: i64,
        expect: String,
    }

    fn outcome(vector: &Vector) -> String {
        let headers = vector.headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
        });
        let request = SignedRequest {
            method: &Method::from_bytes(vector.method.as_bytes()).unwrap(),
            path: &vector.path,
            query: &vector.query,
            headers: &headers.collect(),
            body: vector.body.as_bytes(),
        };
        let now = OffsetDateTime::from_unix_timestamp(vector.now).unwrap();
        match verify(&request, &vector.secret_key, now) {
            Ok(()) => "ok",
            Err(SignatureError::Unsigned) => "unsigned",
            Err(SignatureError::UnknownKey) => "unknown key",
            Err(SignatureError::TokenExpired) => "token expired",
            Err(SignatureError::Incomplete(_)) => "incomplete",
            Err(SignatureError::Expired { .. }) => "expired",
            Err(SignatureError::NotYet { .. }) => "not yet",
            Err(SignatureError::Region(_)) => "region",
            Err(SignatureError::Mismatch) => "mismatch",
            Err(SignatureError::Chunks(_)) => "chunks",
        }
        .to_owned()
    }

    #[test]
    fn signatures_are_verified_as_botocore_makes_them() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
        for vector in vectors {
            assert_eq!(outcome(&vector), vector.expect, "{}", vector.name);
        }
    }
}
