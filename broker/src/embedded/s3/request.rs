//! What becomes of a request before s3s sees it: no signature, no chunks, a body within bounds.

use super::refusal::Refused;
use crate::body::{self, Paced};
use crate::budget::{Budget, Held};
use crate::embedded::aws_chunked;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use std::sync::Arc;

/// The largest body that is held in memory, to take it out of its chunks or out of a form. AWS's
/// tools send larger objects in parts of 8 MiB.
const HELD_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The largest body of a request that is a document.
const DOCUMENT_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Takes the signature away, from the headers and from a presigned query: without a secret s3s
/// refuses every signed request.
pub(super) fn without_signature(mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    headers.remove("x-amz-date");
    headers.remove("x-amz-security-token");
    let Some(query) = request.uri().query() else {
        return request;
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_signature_parameter(pair))
        .collect();
    if kept.len() == query.split('&').count() {
        return request;
    }
    let path = request.uri().path();
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    if let Ok(uri) = target.parse() {
        *request.uri_mut() = uri;
    }
    request
}

fn is_signature_parameter(pair: &&str) -> bool {
    const NAMES: [&str; 10] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "awsaccesskeyid",
        "signature",
    ];
    let name = pair
        .split('=')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    NAMES.contains(&name.as_str())
}

/// Takes an `aws-chunked` body apart, and puts its trailing checksum among the headers, where
/// s3s-fs verifies it.
pub(super) async fn without_chunks(
    request: Request<Body>,
    budget: &Arc<Budget>,
) -> Result<Request<Body>, Refused> {
    let (mut parts, body) = request.into_parts();
    let declared = parts.headers.remove("x-amz-content-sha256");
    let streaming = declared.is_some_and(|v| v.as_bytes().starts_with(b"STREAMING-"));
    let encoded = take_aws_chunked(&mut parts.headers);
    if !streaming && !encoded {
        return Ok(Request::from_parts(parts, body));
    }
    let whole = body::read(body, HELD_BODY_BYTES_MAX, budget).await?.kept();
    let decoded = aws_chunked::decode(&whole).map_err(|error| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "IncompleteBody",
            &error.to_string(),
        )
    })?;
    for (name, value) in decoded.trailers {
        if name.as_str().starts_with("x-amz-checksum-") {
            parts.headers.insert(name, value);
        }
    }
    parts.headers.remove("x-amz-trailer");
    parts.headers.remove("x-amz-decoded-content-length");
    parts.headers.remove(TRANSFER_ENCODING);
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(decoded.data.len()));
    let mut held = Held::of_http(budget);
    held.buffer(decoded.data.len());
    Ok(Request::from_parts(parts, held.with(decoded.data).into()))
}

/// An object goes to its file as it comes. Everything else is held in memory by s3s, without a
/// bound for all of them together, so that it is read here.
pub(super) async fn received(
    request: Request<Body>,
    budget: &Arc<Budget>,
) -> Result<Request<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let body = if is_object(&parts.method, &parts.uri) {
        Body::new(Paced::new(body))
    } else {
        let is_form = parts.method == Method::POST && parts.uri.query().is_none();
        let bytes_max = if is_form {
            HELD_BODY_BYTES_MAX
        } else {
            DOCUMENT_BYTES_MAX
        };
        body::read(body, bytes_max, budget).await?.kept().into()
    };
    Ok(Request::from_parts(parts, body))
}

/// Whether a request carries an object, or a part of one.
fn is_object(method: &Method, uri: &Uri) -> bool {
    let below_bucket = uri.path().trim_start_matches('/').split_once('/');
    let has_key = below_bucket.is_some_and(|(_, key)| !key.is_empty());
    let of_objects = ["partNumber=", "uploadId=", "x-id="];
    let query = uri.query().unwrap_or_default();
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    method == Method::PUT
        && has_key
        && pairs.all(|pair| of_objects.iter().any(|name| pair.starts_with(name)))
}

/// Removes `aws-chunked` from the content encodings and says whether it was there.
fn take_aws_chunked(headers: &mut HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let all: Vec<&str> = value.split(',').map(str::trim).collect();
    let kept: Vec<&str> = all
        .iter()
        .copied()
        .filter(|&e| e != "aws-chunked")
        .collect();
    if kept.len() == all.len() {
        return false;
    }
    match HeaderValue::from_str(&kept.join(",")) {
        Ok(value) if !kept.is_empty() => headers.insert(CONTENT_ENCODING, value),
        Ok(_) | Err(_) => headers.remove(CONTENT_ENCODING),
    };
    true
}
