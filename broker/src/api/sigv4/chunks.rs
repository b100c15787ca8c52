//! Uploads that are signed chunk by chunk (Amazon S3 API reference, "Signature calculations for the
//! authorization header: transferring payload in multiple chunks", and "... including trailing
//! headers"): each signature signs its chunk and the signature before, the first one that of the
//! request.

use super::verify::{SignatureError, hex, mac, unhex};
use crate::embedded::aws_chunked::{self, ChunkError};
use hmac::Mac;
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// The forms in which chunks are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedChunks {
    /// The data alone.
    Data,
    /// And the headers that follow it.
    DataAndTrailer,
}

impl SignedChunks {
    /// By `x-amz-content-sha256`; `None` where chunks are not signed.
    pub(super) fn declared(hash: &str) -> Option<Self> {
        match hash {
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Some(SignedChunks::Data),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Some(SignedChunks::DataAndTrailer),
            _ => None,
        }
    }
}

/// What the signatures of one upload share.
pub(super) struct Chain<'a> {
    key: &'a [u8],
    signed_at: &'a str,
    scope: &'a str,
    /// The signature of the request.
    seed: &'a str,
}

impl<'a> Chain<'a> {
    pub(super) fn new(key: &'a [u8], signed_at: &'a str, scope: &'a str, seed: &'a str) -> Self {
        Self {
            key,
            signed_at,
            scope,
            seed,
        }
    }

    /// Whether `signature` is that of what was hashed, behind the signature `previous`.
    fn check(
        &self,
        kind: &str,
        previous: &str,
        hashes: &[String],
        signature: &str,
    ) -> Result<(), SignatureError> {
        let (signed_at, scope, hashes) = (self.signed_at, self.scope, hashes.join("\n"));
        let text = format!("AWS4-HMAC-SHA256-{kind}\n{signed_at}\n{scope}\n{previous}\n{hashes}");
        let given = unhex(signature).ok_or(SignatureError::Mismatch)?;
        // In constant time.
        mac(self.key, &text)
            .verify_slice(&given)
            .map_err(|_| SignatureError::Mismatch)
    }
}

/// The header in which the signature of the trailing headers stands, as the last of them.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Verifies every chunk of a body, and its trailing headers if they are signed.
///
/// # Errors
/// A signature that is missing or does not hold; a body that is cut or in another form.
pub(super) fn verify(
    body: &[u8],
    form: SignedChunks,
    chain: &Chain<'_>,
) -> Result<(), SignatureError> {
    let (chunks, rest) = aws_chunked::chunks(body).map_err(SignatureError::Chunks)?;
    let nothing = hex(&Sha256::digest(b""));
    let mut previous = chain.seed;
    for chunk in chunks {
        let signature = chunk.signature.ok_or(SignatureError::Mismatch)?;
        let hashes = [nothing.clone(), hex(&Sha256::digest(chunk.data))];
        chain.check("PAYLOAD", previous, &hashes, signature)?;
        previous = signature;
    }
    let trailers = aws_chunked::trailers(rest).map_err(SignatureError::Chunks)?;
    match form {
        SignedChunks::Data if trailers.is_empty() => Ok(()),
        // Nothing signs them.
        SignedChunks::Data => Err(SignatureError::Chunks(ChunkError::BadTrailer)),
        SignedChunks::DataAndTrailer => {
            let (signature, signed): (Vec<_>, Vec<_>) = trailers
                .iter()
                .partition(|(name, _)| name.as_str() == TRAILER_SIGNATURE);
            let [(_, signature)] = signature[..] else {
                return Err(SignatureError::Mismatch);
            };
            let signature = signature.to_str().map_err(|_| SignatureError::Mismatch)?;
            let hash = hex(&Sha256::digest(canonical(&signed)));
            chain.check("TRAILER", previous, &[hash], signature)
        }
    }
}

/// The trailing headers as they are signed: a line each, in the order of their names.
fn canonical(trailers: &[&(HeaderName, HeaderValue)]) -> Vec<u8> {
    let mut sorted = trailers.to_vec();
    sorted.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    let mut text = Vec::new();
    for (name, value) in sorted {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 API reference: the key, 64 KiB of `a` and 1 KiB more.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";

    fn key() -> Vec<u8> {
        let mut key = format!("AWS4{SECRET}").into_bytes();
        for part in SCOPE.split('/') {
            key = mac(&key, part).finalize().into_bytes().to_vec();
        }
        key
    }

    fn body(signatures: [&str; 3], trailer: &str) -> String {
        let [first, second, last] = signatures;
        let (data, more) = ("a".repeat(65536), "a".repeat(1024));
        format!(
            "10000;chunk-signature={first}\r\n{data}\r\n400;chunk-signature={second}\r\n{more}\r\n\
             0;chunk-signature={last}\r\n{trailer}\r\n"
        )
    }

    fn check(name: &str, seed: &str, form: SignedChunks, body: &str, expected: &str) {
        let key = key();
        let chain = Chain::new(&key, "20130524T000000Z", SCOPE, seed);
        let outcome = match verify(body.as_bytes(), form, &chain) {
            Ok(()) => "holds".to_owned(),
            Err(SignatureError::Mismatch) => "mismatch".to_owned(),
            Err(other) => other.to_string(),
        };
        assert_eq!(outcome, expected, "{name}");
    }

    const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    const CHUNKS: [&str; 3] = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];

    #[test]
    fn signatures_of_chunks_are_those_of_the_reference() {
        let form = SignedChunks::Data;
        let whole = body(CHUNKS, "");
        check("whole", SEED, form, &whole, "holds");
        check("other request", CHUNKS[0], form, &whole, "mismatch");
        let changed = whole.replacen("aaaa", "aaba", 1);
        check("changed", SEED, form, &changed, "mismatch");
        let [first, second, last] = CHUNKS;
        let swapped = body([second, first, last], "");
        check("another order", SEED, form, &swapped, "mismatch");
        let unsigned = whole.replacen(";chunk-signature", ";x", 1);
        check("unsigned chunk", SEED, form, &unsigned, "mismatch");
        let cut = &whole[..66_000];
        check(
            "cut",
            SEED,
            form,
            cut,
            "the body ends in the middle of a chunk",
        );
        let more = body(CHUNKS, "x-amz-checksum-crc32c:sOO8/Q==\r\n");
        check(
            "unsigned trailer",
            SEED,
            form,
            &more,
            "a trailing header is malformed",
        );
    }

    #[test]
    fn the_signature_of_trailing_headers_is_that_of_the_reference() {
        let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
        let chunks = [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ];
        let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
        let form = SignedChunks::DataAndTrailer;
        let trailer = |checksum: &str, signature: &str| {
            format!("x-amz-checksum-crc32c:{checksum}\r\n{signature}\r\n")
        };
        let signed = format!("x-amz-trailer-signature:{signature}");
        let whole = body(chunks, &trailer("sOO8/Q==", &signed));
        check("whole", seed, form, &whole, "holds");
        let changed = body(chunks, &trailer("AAAAAA==", &signed));
        check("changed", seed, form, &changed, "mismatch");
        let missing = body(chunks, "x-amz-checksum-crc32c:sOO8/Q==\r\n");
        check("unsigned", seed, form, &missing, "mismatch");
    }

    #[test]
    fn only_two_forms_are_signed() {
        for (hash, form) in [
            (
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                Some(SignedChunks::Data),
            ),
            (
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                Some(SignedChunks::DataAndTrailer),
            ),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", None),
            ("UNSIGNED-PAYLOAD", None),
        ] {
            assert_eq!(SignedChunks::declared(hash), form, "{hash}");
        }
    }
}
