//! `s3`: stores the result as an object (developer guide, "S3 rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service, Signing, encode_path, encode_segment};
use http::{HeaderName, HeaderValue, Method};

/// S3's canned ACLs; the API lists `log-delivery-write` too.
const CANNED_ACLS: [&str; 8] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
];

/// S3's limit for a key.
const KEY_BYTES_MAX: usize = 1024;

struct S3 {
    role_arn: String,
    bucket: Text,
    key: Text,
    canned_acl: Option<&'static str>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    // The guide's example spells it cannedacl, the API cannedAcl.
    let canned_acl = params.either("cannedAcl", "cannedacl");
    Ok(Box::new(S3 {
        role_arn: params.role_arn()?,
        bucket: params.checked("bucketName", check_bucket)?,
        key: params.checked("key", check_key)?,
        canned_acl: params.choice(canned_acl, &CANNED_ACLS)?,
    }))
}

fn check_bucket(bucket: &str) -> Result<(), String> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if bucket.len() < 3 || bucket.len() > 255 || !bucket.bytes().all(legal) {
        return Err(format!("`{bucket}` is not a bucket name"));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(format!("must have at most {KEY_BYTES_MAX} bytes"));
    }
    Ok(())
}

impl Sends for S3 {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let bucket = input.text(&self.bucket)?;
        let in_bucket = |refused| Unrenderable {
            resource: bucket.clone(),
            ..refused
        };
        let key = input.text(&self.key).map_err(in_bucket)?;
        let mut headers = vec![(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        )];
        if let Some(acl) = self.canned_acl {
            headers.push((
                HeaderName::from_static("x-amz-acl"),
                HeaderValue::from_static(acl),
            ));
        }
        let request = AwsRequest {
            service: Service::S3,
            signing: Signing::Own,
            address: None,
            region: None,
            method: Method::PUT,
            path: format!("/{}/{}", encode_segment(&bucket), encode_path(&key)),
            query: None,
            headers,
            body: input.payload.clone(),
        };
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "s3:PutObject",
                resource: format!("arn:{}:s3:::{bucket}/{key}", input.place.partition()),
            }],
            details: format!("Action: s3, Bucket: {bucket}, Key: {key}"),
            resource: bucket,
            effect: Effect::Request(request),
            failure: "Failed to put S3 object",
        })
    }
}
