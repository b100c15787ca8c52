//! The `aws-chunked` content encoding, in which AWS's SDKs send S3 uploads with a checksum that
//! follows the data (docs: "Signature calculations: transferring payload in multiple chunks").

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use thiserror::Error;

/// An upload taken out of its chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The object's bytes.
    pub(crate) data: Bytes,
    /// The headers that followed the last chunk (`x-amz-checksum-crc32` and the like).
    pub(crate) trailers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a body is not in `aws-chunked` form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum ChunkError {
    /// The body ended before its last chunk.
    #[error("the body ends in the middle of a chunk")]
    Truncated,
    /// A chunk does not begin with its size in hexadecimal.
    #[error("a chunk does not begin with its size")]
    BadSize,
    /// A line after the last chunk is not a header.
    #[error("a trailing header is malformed")]
    BadTrailer,
}

/// One chunk as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    /// Empty in the last one.
    pub(crate) data: &'a [u8],
    /// `chunk-signature`, where the upload is signed chunk by chunk.
    pub(crate) signature: Option<&'a str>,
}

/// Takes the chunks apart; the last one is empty, and what follows it are the trailers.
///
/// # Errors
/// A body that is cut or has another form.
pub(crate) fn chunks(body: &[u8]) -> Result<(Vec<Chunk<'_>>, &[u8]), ChunkError> {
    let mut chunks = Vec::new();
    let mut rest = body;
    loop {
        let (line, after) = take_line(rest).ok_or(ChunkError::Truncated)?;
        let (size, signature) = chunk_head(line)?;
        let data = after.get(..size).ok_or(ChunkError::Truncated)?;
        chunks.push(Chunk { data, signature });
        if size == 0 {
            return Ok((chunks, after));
        }
        rest = after[size..]
            .strip_prefix(b"\r\n")
            .ok_or(ChunkError::Truncated)?;
    }
}

/// Joins the chunks. Their signatures are verified before (`api/sigv4/chunks.rs`), where signatures
/// are.
///
/// # Errors
/// A body that is cut or has another form.
pub(crate) fn decode(body: &[u8]) -> Result<Decoded, ChunkError> {
    let (chunks, after) = chunks(body)?;
    let mut data = Vec::with_capacity(body.len());
    for chunk in chunks {
        data.extend_from_slice(chunk.data);
    }
    Ok(Decoded {
        data: data.into(),
        trailers: trailers(after)?,
    })
}

/// The size and the signature at the head of a chunk: `1a` or `1a;chunk-signature=...`.
fn chunk_head(line: &[u8]) -> Result<(usize, Option<&str>), ChunkError> {
    let line = std::str::from_utf8(line).map_err(|_| ChunkError::BadSize)?;
    let (digits, extension) = line.split_once(';').unwrap_or((line, ""));
    let size = usize::from_str_radix(digits.trim(), 16).map_err(|_| ChunkError::BadSize)?;
    Ok((size, extension.trim().strip_prefix("chunk-signature=")))
}

/// The headers that follow the last chunk.
///
/// # Errors
/// A line that is no header.
pub(crate) fn trailers(mut rest: &[u8]) -> Result<Vec<(HeaderName, HeaderValue)>, ChunkError> {
    let mut found = Vec::new();
    while let Some((line, after)) = take_line(rest) {
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line
            .iter()
            .position(|&b| b == b':')
            .ok_or(ChunkError::BadTrailer)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        match (name, value) {
            (Ok(name), Ok(value)) => found.push((name, value)),
            (Err(_), _) | (_, Err(_)) => return Err(ChunkError::BadTrailer),
        }
    }
    Ok(found)
}

/// Splits off the first line, without its CR LF (some SDKs end trailers with LF alone).
fn take_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&b| b == b'\n')?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected = Result<(&'static str, Vec<(&'static str, &'static str)>), ChunkError>;

    fn check(body: &str, expected: Expected) {
        let got = decode(body.as_bytes()).map(|decoded| {
            let trailers = decoded.trailers.iter();
            let trailers =
                trailers.map(|(n, v)| (n.as_str().to_owned(), v.to_str().unwrap().to_owned()));
            (
                String::from_utf8(decoded.data.to_vec()).unwrap(),
                trailers.collect::<Vec<_>>(),
            )
        });
        let expected = expected.map(|(data, trailers)| {
            let trailers = trailers
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()));
            (data.to_owned(), trailers.collect::<Vec<_>>())
        });
        assert_eq!(got, expected, "{body:?}");
    }

    #[test]
    fn chunks_are_joined_and_trailers_kept() {
        check("0\r\n\r\n", Ok(("", vec![])));
        check("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", vec![])));
        check(
            "5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:sOO8/Q==\r\n\r\n",
            Ok(("hello!", vec![("x-amz-checksum-crc32", "sOO8/Q==")])),
        );
        check(
            "a;chunk-signature=ab\r\n0123456789\r\n0;chunk-signature=cd\r\n\r\n",
            Ok(("0123456789", vec![])),
        );
        check(
            "0\r\nx-amz-checksum-crc32:AAAAAA==\nx-amz-trailer-signature:ef\r\n\r\n",
            Ok((
                "",
                vec![
                    ("x-amz-checksum-crc32", "AAAAAA=="),
                    ("x-amz-trailer-signature", "ef"),
                ],
            )),
        );
    }

    #[test]
    fn bodies_that_are_cut_or_not_chunked_are_refused() {
        check("", Err(ChunkError::Truncated));
        check("5\r\nhel", Err(ChunkError::Truncated));
        check("5\r\nhello", Err(ChunkError::Truncated));
        check("{\"a\":1}\r\n", Err(ChunkError::BadSize));
        check("-1\r\n", Err(ChunkError::BadSize));
        check("0\r\nno header\r\n", Err(ChunkError::BadTrailer));
    }
}
