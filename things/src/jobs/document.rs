//! Job documents: what is checked of them, and what becomes of them on the way to a device.

use super::config::PresignedUrlConfig;
use super::job::Job;
use crate::{Things, ThingsError};
use serde_json::Value;

/// A link to an S3 object that is signed for who gets the document. The second form differs in how
/// AWS escapes the link.
const LINKS: [&str; 2] = [
    "${aws:iot:s3-presigned-url:",
    "${aws:iot:s3-presigned-url-v2:",
];

/// How long a link holds unless it is said (API reference, PresignedUrlConfig).
const LINK_S: u64 = 3600;

/// What signs links to S3 objects for a role, for so many seconds.
pub(crate) type SignLink = Box<dyn Fn(&LinkToSign<'_>) -> Result<String, String> + Send + Sync>;

/// A link that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct LinkToSign<'a> {
    /// As it stands in the document.
    pub url: &'a str,
    /// The role that may read the object.
    pub role_arn: &'a str,
    /// How long it is to hold.
    pub expires_s: u64,
    /// The time from which on.
    pub now_ms: u64,
}

/// Checks a document that was given or read; `place` says where it was, in AWS's words.
pub(super) fn check(document: &str, place: &str) -> Result<(), ThingsError> {
    if serde_json::from_str::<Value>(document).is_err() {
        return Err(ThingsError::InvalidRequest(format!(
            "Job document located at {place} is an invalid JSON document."
        )));
    }
    Ok(())
}

/// Whether a document has links that must be signed.
pub(super) fn has_links(document: &str) -> bool {
    LINKS.iter().any(|link| document.contains(link))
}

/// The document for a device: links are signed, members that are null are left out.
pub(super) fn delivered(things: &Things, job: &Job, now_ms: u64) -> Value {
    let mut document: Value = serde_json::from_str(&job.document).unwrap_or_default();
    drop_nulls(&mut document);
    if has_links(&job.document)
        && let Some(config) = &job.config.presigned_url_config
    {
        sign_links(things, &mut document, config, now_ms);
    }
    document
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn sign_links(things: &Things, value: &mut Value, config: &PresignedUrlConfig, now_ms: u64) {
    match value {
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| sign_links(things, member, config, now_ms)),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| sign_links(things, item, config, now_ms)),
        Value::String(text) if has_links(text) => *text = signed(things, text, config, now_ms),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text with its links signed. A link that cannot be signed stays as it is, and the log says
/// why: the device is the one that finds out, as at AWS.
fn signed(things: &Things, text: &str, config: &PresignedUrlConfig, now_ms: u64) -> String {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let found = LINKS
            .iter()
            .filter_map(|link| Some((rest.find(link)?, link.len())));
        let Some((at, length)) = found.min() else {
            break;
        };
        let (before, from) = rest.split_at(at);
        let Some((url, after)) = from[length..].split_once('}') else {
            break;
        };
        out.push_str(before);
        let link = LinkToSign {
            url,
            role_arn: config.role_arn.as_deref().unwrap_or_default(),
            expires_s: config.expires_in_sec.unwrap_or(LINK_S),
            now_ms,
        };
        match things.sign_link(&link) {
            Ok(signed) => out.push_str(&signed),
            Err(why) => {
                tracing::warn!(url, why, "a link in a job document cannot be signed");
                out.push_str(&from[..length + url.len() + 1]);
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
