//! `--auth verify`: whose signatures open which door.

use crate::support::{Api, TestServer};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use std::io::Write;
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;
use thingcore::Running;

const KEYS: &str = "[default]\naws_access_key_id = AKIDONE\naws_secret_access_key = first\n\
    [other]\naws_access_key_id = AKIDTWO\naws_secret_access_key = second\n";

/// A server that verifies with `KEYS`.
fn server() -> (TestServer, NamedTempFile) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(KEYS.as_bytes()).unwrap();
    let path = file.path().to_owned();
    let server = TestServer::with(|config| config.credentials = Some(path));
    (server, file)
}

/// Who signs, and how.
#[derive(Clone, Copy)]
struct Signer<'a> {
    key: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
    age_s: u64,
}

impl<'a> Signer<'a> {
    fn new(key: &'a str, secret: &'a str) -> Self {
        let token = None;
        Self {
            key,
            secret,
            token,
            age_s: 0,
        }
    }

    /// The headers of a request that this signer signs, as AWS's own SDK for Rust makes them.
    fn headers(self, url: &str, service: &str, request: &str, body: &str) -> Vec<(String, String)> {
        let (method, path) = request.split_once(' ').unwrap();
        let token = self.token.map(str::to_owned);
        let identity =
            aws_credential_types::Credentials::new(self.key, self.secret, token, None, "test");
        let identity = identity.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(SystemTime::now() - Duration::from_secs(self.age_s))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let uri = format!("{url}{path}");
        let body = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method, uri, std::iter::empty(), body).unwrap();
        let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
        let headers = instructions.headers();
        headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Sends a request that is signed over `signed_body`; gives status and error.
fn outcome(
    server: &Running,
    signer: Signer<'_>,
    service: &str,
    request: &str,
    (signed_body, body): (&str, &str),
) -> String {
    let url = server.api_url();
    let headers = signer.headers(url, service, request, signed_body);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
    let answer = Api::at(url).send(request, &headers, body);
    let text = answer.text();
    let in_xml = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let code = in_xml.map_or(answer.code(), |(code, _)| code);
    format!("{} {code}", answer.status).trim_end().to_owned()
}

#[test]
fn a_signature_must_hold_for_every_service() {
    let (server, _file) = server();
    let who = "Action=GetCallerIdentity&Version=2011-06-15";
    let check = |signer, service, request, body, expected: &str| {
        let got = outcome(&server, signer, service, request, (body, body));
        assert_eq!(got, expected, "{service} {request}");
    };
    let (one, two) = (
        Signer::new("AKIDONE", "first"),
        Signer::new("AKIDTWO", "second"),
    );
    let wrong = Signer::new("AKIDONE", "second");
    let nobody = Signer::new("AKIDNOBODY", "first");
    let late = Signer { age_s: 3600, ..one };
    for right in [one, two] {
        check(right, "iot", "GET /things?maxResults=5", "", "200");
        check(right, "iotdata", "POST /topics/a/b?qos=1", "{}", "200");
        check(right, "sts", "POST /", who, "200");
        check(right, "s3", "GET /", "", "200");
        check(right, "lambda", "GET /2015-03-31/functions", "", "200");
    }
    for (signer, iot, sts, s3) in [
        (
            wrong,
            "403 InvalidSignatureException",
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch",
        ),
        (
            nobody,
            "403 UnrecognizedClientException",
            "403 InvalidClientTokenId",
            "403 InvalidAccessKeyId",
        ),
        (
            late,
            "403 InvalidSignatureException",
            "403 SignatureDoesNotMatch",
            "403 RequestTimeTooSkewed",
        ),
        (
            Signer::new("ASIAGONE", "x"),
            "403 ExpiredTokenException",
            "403 ExpiredToken",
            "400 ExpiredToken",
        ),
    ] {
        check(signer, "iot", "GET /things", "", iot);
        check(signer, "iotdata", "POST /topics/a", "{}", iot);
        check(signer, "lambda", "GET /2015-03-31/functions", "", iot);
        check(signer, "sts", "POST /", who, sts);
        check(signer, "s3", "GET /", "", s3);
    }
}

#[test]
fn a_changed_body_and_a_missing_signature_are_refused() {
    let (server, _file) = server();
    let one = Signer::new("AKIDONE", "first");
    let changed = ("{}", "{ }");
    let got = outcome(&server, one, "iotdata", "POST /topics/a", changed);
    assert_eq!(got, "403 InvalidSignatureException");
    let answer = Api::at(server.api_url()).send("POST /topics/a", &[], "{}");
    assert_eq!((answer.status, answer.code()), (403, "ForbiddenException"));
}

#[test]
fn credentials_of_a_role_are_good_with_their_secret_and_their_token() {
    let (server, _file) = server();
    let one = Signer::new("AKIDONE", "first");
    let send = |form: &str, service| {
        let headers = one.headers(server.api_url(), service, "POST /", form);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        let answer = Api::at(server.api_url()).send("POST /", &headers, form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    };
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
    let trust = rules::target::encode_segment(trust);
    let create = format!("Action=CreateRole&RoleName=r&AssumeRolePolicyDocument={trust}");
    send(&create, "iam");
    let assume = "Action=AssumeRole&RoleArn=arn:aws:iam::000000000000:role/r&RoleSessionName=me";
    let made = send(assume, "sts");
    let member = |name: &str| {
        let (_, rest) = made.split_once(&format!("<{name}>")).unwrap();
        rest.split_once("</").unwrap().0.to_owned()
    };
    let (key, secret) = (member("AccessKeyId"), member("SecretAccessKey"));
    let token = member("SessionToken");
    let check = |secret: &str, token, expected: &str| {
        let signer = Signer {
            token,
            ..Signer::new(&key, secret)
        };
        let who = "Action=GetCallerIdentity&Version=2011-06-15";
        let got = outcome(&server, signer, "sts", "POST /", (who, who));
        assert_eq!(got, expected);
    };
    check(&secret, Some(&token), "200");
    check("other", Some(&token), "403 SignatureDoesNotMatch");
    check(&secret, Some("other"), "403 InvalidClientTokenId");
    check(&secret, None, "403 InvalidClientTokenId");
}

/// The headers of an upload whose chunks are signed, and the signature that they begin with.
fn seed(url: &str, target: &str, now: SystemTime) -> (Vec<(String, String)>, String) {
    let identity =
        aws_credential_types::Credentials::new("AKIDONE", "first", None, None, "test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .unwrap();
    let body = SignableBody::Precomputed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned());
    let uri = format!("{url}{target}");
    let signable = SignableRequest::new("PUT", uri, std::iter::empty(), body).unwrap();
    let (instructions, signature) = sign(signable, &params.into()).unwrap().into_parts();
    let headers = instructions.headers();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (headers.collect(), signature)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The body of an upload in chunks, each signed behind the one before.
fn signed_chunks(chunks: &[&str], seed: &str, signed_at: &str) -> String {
    use hmac::{Hmac, Mac};
    use sha2::{Digest, Sha256};
    let mac = |key: &[u8], text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let scope = format!("{}/us-east-1/s3/aws4_request", &signed_at[..8]);
    let start = b"AWS4first".to_vec();
    let key = scope.split('/').fold(start, |key, part| mac(&key, part));
    let (mut body, mut previous) = (String::new(), seed.to_owned());
    for chunk in chunks.iter().chain([&""]) {
        let (nothing, hash) = (hex(&Sha256::digest("")), hex(&Sha256::digest(chunk)));
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{signed_at}\n{scope}\n{previous}\n{nothing}\n{hash}"
        );
        previous = hex(&mac(&key, &text));
        body += &format!(
            "{:x};chunk-signature={previous}\r\n{chunk}\r\n",
            chunk.len()
        );
    }
    body
}

#[test]
fn an_upload_in_chunks_must_hold_chunk_by_chunk() {
    let (server, _file) = server();
    let one = Signer::new("AKIDONE", "first");
    let made = outcome(&server, one, "s3", "PUT /chunks", ("", ""));
    assert_eq!(made, "200");
    let upload = |change: &dyn Fn(String) -> String| {
        let (headers, seed) = seed(server.api_url(), "/chunks/k", SystemTime::now());
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        let signed_at = headers.iter().find(|(name, _)| *name == "x-amz-date");
        let body = signed_chunks(&["hello ", "world"], &seed, signed_at.unwrap().1);
        let answer = Api::at(server.api_url()).send("PUT /chunks/k", &headers, &change(body));
        let code = answer.text().split_once("<Code>").map(|(_, rest)| rest);
        let code = code.and_then(|rest| rest.split_once("</Code>"));
        format!("{} {}", answer.status, code.map_or("", |(code, _)| code))
    };
    assert_eq!(upload(&|body| body), "200 ");
    let changed = upload(&|body| body.replace("world", "w0rld"));
    assert_eq!(changed, "403 SignatureDoesNotMatch");
    let unsigned = upload(&|body| body.replacen(";chunk-signature=", ";x=", 1));
    assert_eq!(unsigned, "403 SignatureDoesNotMatch");
    let cut = upload(&|body| body[..body.len() - 100].to_owned());
    assert_eq!(cut, "400 IncompleteBody");
}

/// The status that a WebSocket handshake is answered with.
fn handshake(server: &Running, signer: Signer<'_>, age_s: u64) -> u16 {
    use aws_sigv4::http_request::SignatureLocation;
    let identity =
        aws_credential_types::Credentials::new(signer.key, signer.secret, None, None, "test");
    let identity = identity.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("iotdevicegateway")
        .time(SystemTime::now() - Duration::from_secs(age_s))
        .settings(settings)
        .build()
        .unwrap();
    let uri = format!("{}/mqtt", server.api_url());
    let body = SignableBody::Bytes(b"");
    let signable = SignableRequest::new("GET", uri, std::iter::empty(), body).unwrap();
    let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
    let encode = rules::target::encode_segment;
    let query: Vec<String> = instructions
        .params()
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    websocket_status(server, &format!("/mqtt?{}", query.join("&")))
}

fn websocket_status(server: &Running, target: &str) -> u16 {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "mqtt"),
    ];
    Api::at(server.api_url()).status(&format!("GET {target}"), &headers)
}

#[test]
fn a_websocket_needs_a_query_whose_signature_holds() {
    let (server, _file) = server();
    let one = Signer::new("AKIDONE", "first");
    assert_eq!(handshake(&server, one, 0), 101);
    assert_eq!(handshake(&server, one, 61), 403);
    assert_eq!(handshake(&server, Signer::new("AKIDONE", "x"), 0), 403);
    assert_eq!(handshake(&server, Signer::new("NOBODY", "first"), 0), 403);
    assert_eq!(websocket_status(&server, "/mqtt"), 403);
}
