//! Links that carry their signature in the query: whoever has one may do what it says for a while
//! (AWS General Reference, "Authenticating requests: using query parameters").

use super::Credentials;
use super::request::Service;
use super::sign::settings;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, sign,
};
use aws_sigv4::sign::v4;
use http::{Request, Uri};
use std::time::{Duration, SystemTime};

/// Signs the address of an S3 object, to be read within `expires` from `at` on.
///
/// # Errors
/// An address without a host, or one that cannot be signed, in words.
pub fn presigned(
    url: &str,
    region: &str,
    credentials: &Credentials,
    at: SystemTime,
    expires: Duration,
) -> Result<String, String> {
    let uri: Uri = url
        .parse()
        .map_err(|_| format!("`{url}` is not an address"))?;
    let host = uri
        .authority()
        .ok_or_else(|| format!("`{url}` has no host"))?;
    let identity = credentials.identity().into();
    let mut settings = settings(Service::S3.signing_name());
    settings.signature_location = SignatureLocation::QueryParams;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.expires_in = Some(expires);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(Service::S3.signing_name())
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    let headers = [("host", host.as_str())];
    let signable = SignableRequest::new(
        "GET",
        url,
        headers.into_iter(),
        SignableBody::UnsignedPayload,
    )
    .map_err(|error| error.to_string())?;
    let (instructions, _signature) = sign(signable, &params.into())
        .map_err(|error| error.to_string())?
        .into_parts();
    let mut request = Request::builder()
        .uri(uri.clone())
        .body(())
        .map_err(|error| error.to_string())?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request.uri().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "Authenticating requests: using query parameters".
    #[test]
    fn a_link_is_signed_as_in_the_documentation() {
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let url = "https://examplebucket.s3.amazonaws.com/test.txt";
        let link = presigned(
            url,
            "us-east-1",
            &credentials,
            at,
            Duration::from_secs(86_400),
        );
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(
            link.unwrap()
                .contains(&format!("X-Amz-Signature={signature}"))
        );
    }
}
