//! The S3 server inside: buckets are directories, objects plain files. It accepts any credentials
//! and answers both rule actions (in process) and AWS's tools (on the API port, path style).

use super::aws_chunked;
use crate::body::{self, BodyRefused, Paced};
use crate::budget::{Budget, Held};
use crate::xml::escaped;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use rules::target::{BoxFuture, LocalService};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The largest body that is held in memory, to take it out of its chunks or out of a form. AWS's
/// tools send larger objects in parts of 8 MiB.
const HELD_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The largest body of a request that is a document.
const DOCUMENT_BYTES_MAX: usize = 20 * 1024 * 1024;

/// The S3 server.
pub(crate) struct EmbeddedS3 {
    service: S3Service,
    root: PathBuf,
    /// For bodies that are held in memory.
    budget: Arc<Budget>,
    /// Removes the directory when the server goes; only under `--memory`.
    _scratch: Option<TempDir>,
}

impl EmbeddedS3 {
    /// Serves the buckets under `root`, which is created when missing.
    pub(crate) fn open(root: &Path, budget: &Arc<Budget>) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        Self::over(root.to_owned(), None, budget)
    }

    /// Serves from a temporary directory that is removed with the server.
    pub(crate) fn scratch(budget: &Arc<Budget>) -> io::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("thingcore-s3-").tempdir()?;
        Self::over(scratch.path().to_owned(), Some(scratch), budget)
    }

    fn over(root: PathBuf, scratch: Option<TempDir>, budget: &Arc<Budget>) -> io::Result<Self> {
        let files = s3s_fs::FileSystem::new(&root)
            .map_err(|error| io::Error::other(format!("{}: {error:?}", root.display())))?;
        let service = S3ServiceBuilder::new(files).build();
        Ok(Self {
            service,
            root,
            budget: Arc::clone(budget),
            _scratch: scratch,
        })
    }

    /// Removes every bucket.
    pub(crate) fn reset(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Answers one S3 request, signed by anybody or nobody.
    pub(crate) async fn serve(&self, request: Request<Body>) -> Response {
        match self.try_serve(request).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        }
    }

    async fn try_serve(&self, request: Request<Body>) -> Result<Response, Refused> {
        let request = without_chunks(without_signature(request), &self.budget).await?;
        self.check_path(request.method(), request.uri())?;
        let request = received(request, &self.budget).await?;
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, s3s::Body::http_body_unsync(body));
        match self.service.call(request).await {
            Ok(response) => Ok(response.map(|body| match body.bytes() {
                Some(whole) => Body::from(whole),
                // Read from its file as the client takes it.
                None => Body::from_stream(body.into_data_stream()),
            })),
            Err(error) => {
                tracing::error!(?error, "the embedded S3 server failed");
                Err(Refused::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalError",
                    "internal error",
                ))
            }
        }
    }

    /// Refuses what plain files cannot hold and what s3s-fs would let through: objects in a
    /// missing bucket (it creates the directory), the removal of a bucket that has objects.
    fn check_path(&self, method: &Method, uri: &Uri) -> Result<(), Refused> {
        let path = percent_decode_str(uri.path()).decode_utf8_lossy();
        let (bucket, key) = match path.trim_start_matches('/').split_once('/') {
            Some((bucket, key)) => (bucket, key),
            None => (path.trim_start_matches('/'), ""),
        };
        if bucket.is_empty() || !s3s::path::check_bucket_name(bucket) {
            return Ok(());
        }
        if key
            .split('/')
            .any(|segment| segment == ".." || segment == ".")
        {
            let why = "object keys with `.` or `..` between slashes cannot be stored as files";
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                why,
            ));
        }
        let directory = self.root.join(bucket);
        if !key.is_empty() && !directory.is_dir() {
            let why = "The specified bucket does not exist";
            return Err(Refused::new(StatusCode::NOT_FOUND, "NoSuchBucket", why).bucket(bucket));
        }
        if method == Method::DELETE
            && key.is_empty()
            && uri.query().is_none_or(is_operation_id)
            && holds_files(&directory)
        {
            let why = "The bucket you tried to delete is not empty";
            return Err(Refused::new(StatusCode::CONFLICT, "BucketNotEmpty", why).bucket(bucket));
        }
        Ok(())
    }
}

impl LocalService for EmbeddedS3 {
    fn call(&self, mut request: Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>> {
        Box::pin(async move {
            request
                .headers_mut()
                .entry(HOST)
                .or_insert(HeaderValue::from_static("localhost"));
            let response = self.serve(request.map(Body::from)).await;
            let (parts, body) = response.into_parts();
            let bytes = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            http::Response::from_parts(parts, bytes.unwrap_or_default())
        })
    }
}

/// Some SDKs add `x-id=DeleteBucket` to the query; it selects nothing.
fn is_operation_id(query: &str) -> bool {
    query.is_empty() || query.split('&').all(|pair| pair.starts_with("x-id="))
}

/// Whether a directory holds a file at any depth. Directories alone are what deleted objects
/// leave behind.
fn holds_files(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds_files(&entry.path()),
        Ok(_) => true,
        Err(_) => false,
    })
}

/// Takes the signature away, from the headers and from a presigned query: without a secret s3s
/// refuses every signed request.
fn without_signature(mut request: Request<Body>) -> Request<Body> {
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
async fn without_chunks(
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
    parts.headers.remove(http::header::TRANSFER_ENCODING);
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(decoded.data.len()));
    let mut held = Held::of_http(budget);
    held.buffer(decoded.data.len());
    Ok(Request::from_parts(parts, held.with(decoded.data).into()))
}

/// An object goes to its file as it comes. Everything else is held in memory by s3s, without a
/// bound for all of them together, so that it is read here.
async fn received(request: Request<Body>, budget: &Arc<Budget>) -> Result<Request<Body>, Refused> {
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

impl From<BodyRefused> for Refused {
    /// In the words of S3's list of error codes.
    fn from(refused: BodyRefused) -> Self {
        let (status, code, why) = match &refused {
            BodyRefused::TooLarge(_) => (
                StatusCode::BAD_REQUEST,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            ),
            BodyRefused::TooSlow => (
                StatusCode::BAD_REQUEST,
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the \
                 timeout period.",
            ),
            BodyRefused::BrokeOff(_) => (
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            ),
            BodyRefused::NoMemory => (
                StatusCode::SERVICE_UNAVAILABLE,
                "SlowDown",
                "Please reduce your request rate: the server has no memory for the request body now.",
            ),
        };
        Refused::new(status, code, why)
    }
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

/// S3's error document.
pub(crate) fn refusal(status: StatusCode, code: &'static str, message: &str) -> Response {
    Refused::new(status, code, message).into_response()
}

/// A request that is answered with S3's error document before s3s sees it.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    bucket: Option<String>,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            bucket: None,
        }
    }

    fn bucket(mut self, bucket: &str) -> Self {
        self.bucket = Some(bucket.to_owned());
        self
    }

    fn into_response(self) -> Response {
        let bucket = self.bucket.map(|b| format!("<BucketName>{b}</BucketName>"));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}</Error>",
            self.code,
            escaped(&self.message),
            bucket.unwrap_or_default(),
        );
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(CONTENT_TYPE, xml);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One request and what is expected of it: status, and text that the body must hold.
    struct Step {
        method: &'static str,
        uri: &'static str,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
        status: u16,
        holds: &'static str,
    }

    const fn step(
        method: &'static str,
        uri: &'static str,
        body: &'static str,
        status: u16,
        holds: &'static str,
    ) -> Step {
        Step {
            method,
            uri,
            headers: &[],
            body,
            status,
            holds,
        }
    }

    async fn check(s3: &EmbeddedS3, steps: &[Step]) {
        for Step {
            method,
            uri,
            headers,
            body,
            status,
            holds,
        } in steps
        {
            let mut request = Request::builder().method(*method).uri(*uri);
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let request = request.header(CONTENT_LENGTH, body.len());
            let response = s3
                .call(request.body(Bytes::from_static(body.as_bytes())).unwrap())
                .await;
            let text = String::from_utf8_lossy(response.body()).into_owned();
            assert_eq!(
                response.status().as_u16(),
                *status,
                "{method} {uri}: {text}"
            );
            assert!(text.contains(holds), "{method} {uri}: {text}");
        }
    }

    #[tokio::test]
    async fn objects_are_stored_as_plain_files_and_read_back() {
        let s3 = EmbeddedS3::scratch(&Budget::new(usize::MAX)).unwrap();
        let steps = [
            step("PUT", "/b-1", "", 200, ""),
            step("PUT", "/b-1/room1/17.json", "{\"t\":31.5}", 200, ""),
            step("GET", "/b-1/room1/17.json", "", 200, "{\"t\":31.5}"),
            step(
                "GET",
                "/b-1?list-type=2",
                "",
                200,
                "<Key>room1/17.json</Key>",
            ),
            step("PUT", "/b-1/room1/17.json", "{}", 200, ""),
            step("GET", "/b-1/room1/17.json", "", 200, "{}"),
            step("DELETE", "/b-1", "", 409, "BucketNotEmpty"),
            step("DELETE", "/b-1/room1/17.json", "", 204, ""),
            step("GET", "/b-1/room1/17.json", "", 404, "NoSuchKey"),
            step("DELETE", "/b-1?x-id=DeleteBucket", "", 204, ""),
            step("PUT", "/b-1/k", "x", 404, "NoSuchBucket"),
        ];
        check(&s3, &steps[..3]).await;
        let file = s3.root.join("b-1/room1/17.json");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "{\"t\":31.5}");
        check(&s3, &steps[3..]).await;
    }

    #[tokio::test]
    async fn what_files_cannot_hold_is_refused() {
        let s3 = EmbeddedS3::scratch(&Budget::new(usize::MAX)).unwrap();
        let steps = [
            step("PUT", "/b-1", "", 200, ""),
            step("PUT", "/b-1/../b-2/x", "x", 400, "InvalidArgument"),
            step("PUT", "/b-1/a/%2e%2e/%2E%2E/x", "x", 400, "InvalidArgument"),
            step(
                "PUT",
                "/missing/x",
                "x",
                404,
                "<BucketName>missing</BucketName>",
            ),
        ];
        check(&s3, &steps).await;
    }

    #[tokio::test]
    async fn any_signature_is_accepted() {
        let s3 = EmbeddedS3::scratch(&Budget::new(usize::MAX)).unwrap();
        const SIGNED: &[(&str, &str)] = &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AK/20261124/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00",
            ),
            ("x-amz-date", "20261124T000000Z"),
        ];
        let mut put = step("PUT", "/b-1/k", "signed", 200, "");
        put.headers = SIGNED;
        let presigned = "/b-1/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK&X-Amz-Date=1&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        let steps = [
            step("PUT", "/b-1", "", 200, ""),
            put,
            step("GET", presigned, "", 200, "signed"),
        ];
        check(&s3, &steps).await;
    }

    #[tokio::test]
    async fn uploads_in_chunks_are_joined_and_their_checksum_verified() {
        let s3 = EmbeddedS3::scratch(&Budget::new(usize::MAX)).unwrap();
        let headers: &[(&str, &str)] = &[
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ];
        let good = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
        let bad = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let put = |body, status, holds| Step {
            headers,
            ..step("PUT", "/b-1/k", body, status, holds)
        };
        let steps = [
            step("PUT", "/b-1", "", 200, ""),
            put(good, 200, ""),
            step("GET", "/b-1/k", "", 200, "hello"),
            put(bad, 400, "BadDigest"),
            put("5\r\nhel", 400, "IncompleteBody"),
        ];
        check(&s3, &steps).await;
    }

    #[test]
    fn the_scratch_directory_goes_with_the_server() {
        let s3 = EmbeddedS3::scratch(&Budget::new(usize::MAX)).unwrap();
        let root = s3.root.clone();
        assert!(root.is_dir());
        drop(s3);
        assert!(!root.exists());
    }
}
