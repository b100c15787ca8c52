//! Signatures of AWS (Signature Version 4), by aws-sigv4.

use super::Credentials;
use super::request::{AwsRequest, Service};
use aws_sigv4::http_request::{
    self, PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::Request;
use std::time::SystemTime;

/// Signs a request for a region and a service, as in a credential scope.
///
/// # Errors
/// Something in it cannot be signed, in words.
pub(super) fn sign(
    unsigned: &mut Request<()>,
    request: &AwsRequest,
    (region, service): (&str, &str),
    credentials: &Credentials,
) -> Result<(), String> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "thingcore",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings(request.service))
        .build()
        .map_err(|error| error.to_string())?;
    let uri = unsigned.uri().to_string();
    let headers: Vec<(String, String)> = unsigned
        .headers()
        .iter()
        .map(|(n, v)| {
            (
                n.to_string(),
                String::from_utf8_lossy(v.as_bytes()).into_owned(),
            )
        })
        .collect();
    let signable = SignableRequest::new(
        request.method.as_str(),
        uri,
        headers.iter().map(|(n, v)| (n.as_str(), v.as_str())),
        SignableBody::Bytes(&request.body),
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _signature) = http_request::sign(signable, &params.into())
        .map_err(|error| error.to_string())?
        .into_parts();
    instructions.apply_to_request_http1x(unsigned);
    Ok(())
}

/// S3 signs the path as it is, encoded once, and wants the payload's hash in a header; the other
/// services encode twice and normalise (AWS General Reference, "Create a signed request").
fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}
