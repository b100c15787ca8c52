//! The canonical form of a request: the text that is signed.

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same, but the slashes of a path stay.
const PATH: AsciiSet = RESERVED.remove(b'/');

/// The path as signed: S3 signs it as sent, every other service without dot segments and repeated
/// slashes, and encoded once more.
pub(super) fn path(raw: &str, service: &str) -> String {
    let raw = if raw.is_empty() { "/" } else { raw };
    if service == "s3" {
        return raw.to_owned();
    }
    let mut kept = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let end = if raw.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    let normal = format!("/{}{end}", kept.join("/"));
    utf8_percent_encode(&normal, &PATH).to_string()
}

/// The query as signed: each name and value encoded anew, sorted, without those that `left_out`
/// names. A plus is a plus here.
pub(super) fn query(raw: &str, left_out: &[&str]) -> String {
    let anew = |text: &str| {
        let decoded: Vec<u8> = percent_decode_str(text).collect();
        percent_encoding::percent_encode(&decoded, &RESERVED).to_string()
    };
    let parts = raw.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    let mut encoded: Vec<(String, String)> = pairs
        .map(|(name, value)| (anew(name), anew(value)))
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .collect();
    encoded.sort_unstable();
    let joined: Vec<String> = encoded
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    joined.join("&")
}

/// The named headers as signed, each on a line; `None` if one is missing.
pub(super) fn headers(all: &HeaderMap, names: &str) -> Option<String> {
    let mut text = String::new();
    for name in names.split(';') {
        let mut values = all.get_all(name).iter().peekable();
        values.peek()?;
        let values: Vec<String> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        text.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    Some(text)
}
