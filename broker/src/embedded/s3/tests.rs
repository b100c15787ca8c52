//! Requests on the S3 server inside, and what is left in its folder.

use super::*;
use http::header::CONTENT_LENGTH;

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
